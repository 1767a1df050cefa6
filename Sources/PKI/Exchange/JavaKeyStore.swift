import Crypto
package import Domain
import Encoding

/// Files of the type JKS, as Java made them until version 8: certificates in the open, keys under a weak cipher, all
/// under a digest with the password. There is no standard but the program that reads them.
package enum JavaKeyStore {
    static let magic: [UInt8] = [0xFE, 0xED, 0xFE, 0xED]
    /// JCEKS, the variant with a stronger cipher.
    static let magicOfJCEKS: [UInt8] = [0xCE, 0xCE, 0xCE, 0xCE]
    private static let version: UInt32 = 2
    private static let whitener = Array("Mighty Aphrodite".utf8)

    // MARK: Writing

    /// - `now`: The date of every entry.
    package static func encode(
        _ content: KeyStoreContent, password: Secret, at now: Timestamp, _ random: RandomSource
    ) -> [UInt8] {
        var out = magic + octets(version) + octets(UInt32(content.keys.count + content.certificates.count))
        let date = (0..<8).map { UInt8(truncatingIfNeeded: (now.secondsSinceEpoch * 1000) >> (56 - 8 * $0)) }
        let octetsOfPassword = self.octets(of: password)
        for (index, entry) in content.keys.enumerated() {
            out += octets(UInt32(1)) + alias(entry.alias, or: "key-\(index + 1)") + date
            let key = entry.key.pkcs8DER.withBytes { protect($0, octetsOfPassword, salt: random.bytes(20)) }
            out += octets(UInt32(key.count)) + key + octets(UInt32(entry.chain.count))
            for certificate in entry.chain { out += self.certificate(certificate) }
        }
        for (index, entry) in content.certificates.enumerated() {
            out += octets(UInt32(2)) + alias(entry.alias, or: "certificate-\(index + 1)") + date
            out += certificate(entry.certificate)
        }
        return out + digest(out, octetsOfPassword)
    }

    /// Java looks aliases up in lower case.
    private static func alias(_ alias: String, or other: String) -> [UInt8] {
        text((alias.isEmpty ? other : alias).lowercased())
    }

    private static func certificate(_ certificate: X509Certificate) -> [UInt8] {
        text("X.509") + octets(UInt32(certificate.der.count)) + certificate.der
    }

    private static func octets(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }

    /// The "modified UTF-8" of Java: units of UTF-16 one by one, and no zero octet.
    private static func text(_ text: String) -> [UInt8] {
        var encoded: [UInt8] = []
        for unit in text.utf16.prefix(1000) {
            switch unit {
            case 0x0001...0x007F: encoded.append(UInt8(unit))
            case 0x0080...0x07FF, 0: encoded += [0xC0 | UInt8(unit >> 6), 0x80 | UInt8(unit & 0x3F)]
            default:
                encoded += [0xE0 | UInt8(unit >> 12), 0x80 | UInt8(unit >> 6 & 0x3F), 0x80 | UInt8(unit & 0x3F)]
            }
        }
        return [UInt8(encoded.count >> 8), UInt8(truncatingIfNeeded: encoded.count)] + encoded
    }

    static func octets(of password: Secret) -> [UInt8] {
        password.withText { text in text.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] } }
    }

    static func digest(_ octets: some Collection<UInt8>, _ password: [UInt8]) -> [UInt8] {
        Array(Insecure.SHA1.hash(data: password + whitener + Array(octets)))
    }

    /// The stream of the key protector: SHA-1 of the password and the block before, beginning with the salt.
    private static func stream(_ count: Int, _ password: [UInt8], salt: [UInt8]) -> [UInt8] {
        var (out, block): ([UInt8], [UInt8]) = ([], salt)
        while out.count < count {
            block = Array(Insecure.SHA1.hash(data: password + block))
            out += block
        }
        return out
    }

    private static func protect(_ key: [UInt8], _ password: [UInt8], salt: [UInt8]) -> [UInt8] {
        let hidden = zip(key, stream(key.count, password, salt: salt)).map { $0 ^ $1 }
        let check = Array(Insecure.SHA1.hash(data: password + key))
        return DERWriter.sequence(
            DERWriter.sequence(DERWriter.oid(.javaKeyProtector), DERWriter.null),
            DERWriter.octetString(salt + hidden + check))
    }

    // MARK: Reading

    package static func decode(_ octets: [UInt8], password: Secret) throws(KeyStoreError) -> KeyStoreContent {
        let octetsOfPassword = self.octets(of: password)
        guard octets.count >= 32, octets.starts(with: magic) else { throw .malformed("it is not a JKS file") }
        guard ConstantTime.equal(digest(octets.dropLast(20), octetsOfPassword), Array(octets.suffix(20))) else {
            throw .wrongPassword
        }
        return try readingKeyStore {
            var reader = Reader(octets: octets.dropFirst(4).dropLast(20))
            let version = try reader.number()
            guard version == 1 || version == 2 else {
                throw KeyStoreError.unsupported("version \(version) of JKS")
            }
            let count = try reader.number()
            guard count <= KeyStoreContent.maximumEntries else { throw KeyStoreError.malformed("too many entries") }
            var content = KeyStoreContent()
            for _ in 0..<count {
                let tag = try reader.number()
                let alias = String(decoding: try reader.text(), as: UTF8.self)
                _ = try reader.take(8)
                switch tag {
                case 1:
                    let key = try unprotect(Array(reader.take(reader.number())), octetsOfPassword)
                    let length = try reader.number()
                    guard length <= KeyStoreContent.maximumEntries else {
                        throw KeyStoreError.malformed("a chain is too long")
                    }
                    var chain: [X509Certificate] = []
                    for _ in 0..<length { chain.append(try reader.certificate(version: version)) }
                    content.keys.append(.init(alias: alias, key: key, chain: chain))
                case 2:
                    content.certificates.append(
                        .init(alias: alias, certificate: try reader.certificate(version: version)))
                default: throw KeyStoreError.malformed("an entry is neither a key nor a certificate")
                }
            }
            guard reader.octets.isEmpty else { throw KeyStoreError.malformed("octets follow the last entry") }
            return content
        }
    }

    private static func unprotect(_ der: [UInt8], _ password: [UInt8]) throws -> PrivateKey {
        var fields = try DERNode(parsing: der[...]).sequence("protected key", limit: 2)
        var algorithm = try fields.next().sequence("protection", limit: 2)
        let oid = try algorithm.next().oid("protection")
        guard oid == .javaKeyProtector else {
            throw KeyStoreError.unsupported("the encryption \(oid.nameForMessages)")
        }
        let protected = Array(try fields.next().octetString("protected key"))
        guard protected.count > 40 else { throw KeyStoreError.malformed("a protected key is too short") }
        let hidden = protected[20..<protected.count - 20]
        let plain = Secret(
            zip(hidden, stream(hidden.count, password, salt: Array(protected.prefix(20)))).map { $0 ^ $1 })
        return try plain.withBytes { key in
            // A key may have a password of its own.
            guard
                ConstantTime.equal(
                    Array(Insecure.SHA1.hash(data: password + key)), Array(protected.suffix(20)))
            else { throw KeyStoreError.wrongPassword }
            return try PrivateKey(pkcs8DER: key)
        }
    }

    private struct Reader {
        var octets: ArraySlice<UInt8>

        mutating func take(_ count: Int) throws(KeyStoreError) -> ArraySlice<UInt8> {
            guard count >= 0, count <= octets.count else { throw .malformed("it ends early") }
            defer { octets = octets.dropFirst(count) }
            return octets.prefix(count)
        }

        /// Below 2^32.
        mutating func number() throws(KeyStoreError) -> Int { try take(4).reduce(0) { $0 << 8 | Int($1) } }

        mutating func text() throws(KeyStoreError) -> ArraySlice<UInt8> {
            try take(try take(2).reduce(0) { $0 << 8 | Int($1) })
        }

        mutating func certificate(version: Int) throws -> X509Certificate {
            if version == 2 {
                let type = String(decoding: try text(), as: UTF8.self)
                guard type == "X.509" else { throw KeyStoreError.unsupported("a certificate of another type") }
            }
            return try X509Certificate(der: Array(take(number())))
        }
    }
}
