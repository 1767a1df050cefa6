import Crypto

/// RSA keys that anybody can make again, by their fingerprints: what a broken random number generator could give, as Debian
/// published it (CVE-2008-0166, protocol-servers §8.4).
///
/// A fingerprint is the last 80 bits of SHA-1 over what `openssl rsa -modulus` prints, a line `Modulus=HEX`; the package
/// `openssl-blacklist` has a file for each size, with one in each line as 20 hexadecimal digits.
package struct WeakKeyList: Sendable {
    /// Most fingerprints of all files; a million takes 16 MB. Debian's lists have some 300 000 for each size.
    package static let mostFingerprints = 2_000_000

    struct Fingerprint: Hashable, Comparable, Sendable {
        let high: UInt64
        let low: UInt16

        static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }
    }

    private var fingerprints: [Fingerprint] = []

    /// A list of no keys.
    package init() {}

    /// Reads files of the form of Debian's. Lines that are empty or begin with `#` say nothing.
    ///
    /// - Throws: For a line that is no fingerprint, a file without any, and more than ``mostFingerprints``.
    package init(files: [[UInt8]]) throws(WeakKeyListProblem) {
        for (index, file) in files.enumerated() {
            let before = fingerprints.count
            var number = 0
            for line in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
                number += 1
                let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
                if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
                guard let fingerprint = Self.fingerprint(text) else {
                    throw .notAFingerprint(file: index, line: number)
                }
                guard fingerprints.count < Self.mostFingerprints else { throw .tooMany }
                fingerprints.append(fingerprint)
            }
            guard fingerprints.count > before else { throw .empty(file: index) }
        }
        fingerprints.sort()
    }

    package var count: Int { fingerprints.count }

    /// Whether a key is on it. Keys of other kinds than RSA never are.
    package func contains(_ key: SubjectPublicKey) -> Bool {
        guard !fingerprints.isEmpty, let modulus = key.rsaModulus else { return false }
        let wanted = Self.fingerprint(ofModulus: modulus)
        var (low, high) = (0, fingerprints.count)
        while low < high {
            let middle = (low + high) / 2
            if fingerprints[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low < fingerprints.count && fingerprints[low] == wanted
    }

    private static func fingerprint(_ text: some Collection<UInt8>) -> Fingerprint? {
        guard text.count == 20 else { return nil }
        var (high, low) = (UInt64(0), UInt16(0))
        for (index, character) in text.enumerated() {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
            default: return nil
            }
            if index < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt16(digit) }
        }
        return Fingerprint(high: high, low: low)
    }

    /// OpenSSL writes upper-case digits, without zeros in front.
    private static func fingerprint(ofModulus modulus: some Collection<UInt8>) -> Fingerprint {
        let digits = Array("0123456789ABCDEF".utf8)
        let hex = modulus.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }.drop { $0 == UInt8(ascii: "0") }
        let digest = Insecure.SHA1.hash(data: Array("Modulus=".utf8) + hex + [UInt8(ascii: "\n")]).suffix(10)
        return Fingerprint(
            high: digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            low: digest.suffix(2).reduce(0) { $0 << 8 | UInt16($1) })
    }
}

/// Why files are no list of weak keys.
package enum WeakKeyListProblem: Error, Hashable, Sendable {
    /// - `file`: Which of them, from 0; `line` from 1.
    case notAFingerprint(file: Int, line: Int)
    case empty(file: Int)
    case tooMany
}
