import Domain
import Encoding
import PKI
import TestSupport
import Testing

/// Every signature vector of the algorithms that certctl verifies. What a vector calls acceptable may go either way.
@Suite("Signatures: the answer of published vectors")
struct PublishedSignatureTests {
    struct File: Sendable, CustomTestStringConvertible {
        let name: String
        let algorithm: SignatureAlgorithm
        /// Whether certctl refuses the parameters, so that nothing may verify but what was made with others on purpose.
        var isRefused = false
        /// The comment of the vectors of a refused file that have the parameters which certctl wants: the salt has another
        /// length than the others have, which is why the file has them as invalid.
        var acceptedAllTheSame: String?

        var testDescription: String { name }
    }

    static let files: [File] = [
        File(name: "ecdsa_secp256r1_sha256", algorithm: .ecdsa(.sha256)),
        File(name: "ecdsa_secp256r1_sha512", algorithm: .ecdsa(.sha512)),
        File(name: "ecdsa_secp384r1_sha384", algorithm: .ecdsa(.sha384)),
        File(name: "ecdsa_secp384r1_sha512", algorithm: .ecdsa(.sha512)),
        File(name: "ecdsa_secp521r1_sha512", algorithm: .ecdsa(.sha512)),
        File(name: "rsa_signature_2048_sha256", algorithm: .rsaPKCS1(.sha256)),
        File(name: "rsa_signature_2048_sha384", algorithm: .rsaPKCS1(.sha384)),
        File(name: "rsa_signature_2048_sha512", algorithm: .rsaPKCS1(.sha512)),
        File(name: "rsa_signature_3072_sha256", algorithm: .rsaPKCS1(.sha256)),
        File(name: "rsa_signature_3072_sha384", algorithm: .rsaPKCS1(.sha384)),
        File(name: "rsa_signature_3072_sha512", algorithm: .rsaPKCS1(.sha512)),
        File(name: "rsa_signature_4096_sha384", algorithm: .rsaPKCS1(.sha384)),
        File(name: "rsa_signature_4096_sha512", algorithm: .rsaPKCS1(.sha512)),
        File(name: "rsa_pss_2048_sha256_mgf1_32", algorithm: .rsaPSS(.sha256)),
        File(name: "rsa_pss_3072_sha256_mgf1_32", algorithm: .rsaPSS(.sha256)),
        File(name: "rsa_pss_4096_sha256_mgf1_32", algorithm: .rsaPSS(.sha256)),
        // Salts of another length than the hash are not among what SignatureAlgorithm accepts.
        File(
            name: "rsa_pss_2048_sha256_mgf1_0", algorithm: .rsaPSS(.sha256), isRefused: true,
            acceptedAllTheSame: "s_len changed to 32"),
        File(name: "rsa_pss_4096_sha512_mgf1_32", algorithm: .rsaPSS(.sha512), isRefused: true),
    ]

    @Test("Wycheproof", arguments: files)
    func wycheproof(file: File) throws {
        let octets = try TestVectors.file("wycheproof/\(file.name)_test.json")
        let document = try JSONValue(parsing: octets, limits: JSONLimits(stringLength: 1 << 20))
        let groups = try #require(document.objectValue?["testGroups"]?.arrayValue)
        var (judged, odd) = (0, 0)
        for group in groups.compactMap(\.objectValue) {
            guard let key = try Self.key(group) else { continue }
            for test in (group["tests"]?.arrayValue ?? []).compactMap(\.objectValue) {
                let message = try #require(Hex.decode(test["msg"]?.stringValue ?? "-"))
                let signature = try #require(Hex.decode(test["sig"]?.stringValue ?? "-"))
                let isValid = key.isValid(signature: signature, over: message, algorithm: file.algorithm)
                judged += 1
                let name: Comment = "\(test["tcId"] as Any) \(test["comment"] as Any)"
                if file.isRefused {
                    let isOdd = file.acceptedAllTheSame == test["comment"]?.stringValue
                    #expect(isValid == isOdd, name)
                    odd += isOdd ? 1 : 0
                    continue
                }
                switch try #require(test["result"]?.stringValue) {
                case "valid": #expect(isValid, name)
                case "invalid": #expect(!isValid, name)
                case "acceptable": continue
                case let other: Issue.record("\(other) is no result")
                }
            }
        }
        #expect(judged >= 90)
        #expect(odd == (file.acceptedAllTheSame == nil ? 0 : 1))
    }

    /// The key of a group; `nil` for those with the exponent 3, which certctl refuses.
    private static func key(_ group: JSONObject) throws -> SubjectPublicKey? {
        let der = try #require(Hex.decode(group["keyDer"]?.stringValue ?? "-"))
        if group["e"]?.stringValue == "03" {
            #expect(throws: KeyError.self) { try SubjectPublicKey(spkiDER: der) }
            return nil
        }
        return try SubjectPublicKey(spkiDER: der)
    }

    /// Lines of `secret|public`, `public`, `message`, `signature|message`, as the inventors publish them.
    @Test("Ed25519: 1024 signatures of the inventors, and none of them over another message or by another key")
    func ed25519() throws {
        let text = String(decoding: try TestVectors.file("ed25519/sign.input"), as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 1024)
        var previous: SubjectPublicKey?
        for line in lines {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map { Hex.decode(String($0)) }
            let (bits, message) = (try #require(fields[1]), try #require(fields[2]))
            let signature = Array(try #require(fields[3]).prefix(64))
            let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
            let key = try SubjectPublicKey(spkiDER: prefix + bits)
            #expect(key.isValid(signature: signature, over: message, algorithm: .ed25519))
            #expect(!key.isValid(signature: signature, over: message + [0], algorithm: .ed25519))
            var altered = signature
            altered[message.count % 64] ^= 1
            #expect(!key.isValid(signature: altered, over: message, algorithm: .ed25519))
            if let previous { #expect(!previous.isValid(signature: signature, over: message, algorithm: .ed25519)) }
            previous = key
        }
    }
}
