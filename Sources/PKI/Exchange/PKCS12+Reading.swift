package import Domain

extension PKCS12 {
    /// Reads a PFX, whose integrity a password protects; files signed with a certificate are not read.
    ///
    /// - `password`: An empty one also stands for none at all: the two differ in the octets that are hashed, and
    /// programs disagree which one an empty password means.
    package static func decode(_ octets: [UInt8], password: Secret) throws(KeyStoreError) -> KeyStoreContent {
        try readingKeyStore {
            let der = try BER.der(from: octets[...])
            var pfx = try DERNode(parsing: der[...]).sequence("PFX", limit: 3)
            guard try pfx.next().smallInteger("PFX version") == 3 else {
                throw KeyStoreError.unsupported("a version of PKCS#12 other than 3")
            }
            let safe = try content(of: pfx.next(), type: .cmsData).octetString("authenticated safe")
            if let mac = pfx.remaining.first {
                guard try isAuthentic(Array(safe), mac, password) else { throw KeyStoreError.wrongPassword }
            }
            var reader = PKCS12Reader(password: password)
            try reader.readSafe(Array(safe))
            return try reader.content()
        }
    }

    /// The content of a ContentInfo, which must be of `type`.
    fileprivate static func content(of node: DERNode, type: OID) throws -> DERNode {
        var info = try node.sequence("content", limit: 2)
        let found = try info.next().oid("content type")
        guard found == type else { throw KeyStoreError.unsupported("the content \(found.nameForMessages)") }
        return try info.next().explicit("content")
    }

    private static func isAuthentic(_ safe: [UInt8], _ node: DERNode, _ password: Secret) throws -> Bool {
        var fields = try node.sequence("MAC", limit: 3)
        var info = try fields.next().sequence("MAC", limit: 2)
        let algorithm = try info.next()
        let expected = Array(try info.next().octetString("MAC"))
        let salt = Array(try fields.next().octetString("MAC salt"))
        let count = fields.isEmpty ? 1 : try PasswordBasedEncryption.iterations(fields.next())
        var identifier = try algorithm.sequence("MAC algorithm", limit: 2)
        let oid = try identifier.next().oid("MAC algorithm")
        if oid == .pbmac1 { return try isAuthentic(safe, pbmac1: identifier.next(), expected, password) }
        let digest = try KeyStoreDigest(oid)
        let octets = password.withText { PKCS12KeyDerivation.octets(of: $0) }
        return (password.isEmpty ? [octets, []] : [octets]).contains { candidate in
            let key = digest.pkcs12(digest.count, for: .mac, password: candidate, salt: salt, iterations: count)
            return ConstantTime.equal(digest.mac(of: safe, key: key), expected)
        }
    }

    /// RFC 9579.
    private static func isAuthentic(
        _ safe: [UInt8], pbmac1 parameters: DERNode, _ expected: [UInt8], _ password: Secret
    ) throws -> Bool {
        var fields = try parameters.sequence("PBMAC1 parameters", limit: 2)
        let key = try PasswordBasedEncryption.pbkdf2(nil, fields.next(), password)
        var function = try fields.next().sequence("MAC function", limit: 2)
        let digest = try KeyStoreDigest(function.next().oid("MAC function"))
        return ConstantTime.equal(digest.mac(of: safe, key: key), expected)
    }
}

/// Collects the bags of a PFX.
private struct PKCS12Reader {
    let password: Secret
    private var keys: [(key: PrivateKey, alias: String, id: [UInt8]?)] = []
    private var certificates: [(certificate: X509Certificate, alias: String, id: [UInt8]?)] = []
    private var bags = 0

    init(password: Secret) { self.password = password }

    mutating func readSafe(_ octets: [UInt8]) throws {
        let der = try BER.der(from: octets[...])
        for info in try DERNode(parsing: der[...]).sequence("authenticated safe", limit: 32).remaining {
            var fields = try info.sequence("content", limit: 2)
            switch try fields.next().oid("content type") {
            case .cmsData:
                try readBags(Array(try fields.next().explicit("content").octetString("safe contents")), depth: 0)
            case .cmsEncryptedData: try readBags(try decrypt(try fields.next().explicit("content")), depth: 0)
            case .cmsEnvelopedData: throw KeyStoreError.unsupported("encryption for a certificate")
            case let other: throw KeyStoreError.unsupported("the content \(other.nameForMessages)")
            }
        }
    }

    private func decrypt(_ node: DERNode) throws -> [UInt8] {
        var fields = try node.sequence("encrypted data", limit: 3)
        _ = try fields.next().smallInteger("version")
        var info = try fields.next().sequence("encrypted content", limit: 3)
        _ = try info.next().oid("content type")
        let algorithm = try info.next()
        let ciphertext = try info.next()
        guard ciphertext.hasContextTag(0) else { throw KeyStoreError.malformed("there is no encrypted content") }
        // An IMPLICIT string in pieces can't be told from a structure while BER is made DER.
        let octets =
            ciphertext.tag.isConstructed
            ? Array(
                try ciphertext.elements("encrypted content").map { node throws(DERError) in
                    try node.octetString("encrypted content")
                }.joined())
            : Array(try ciphertext.primitive("encrypted content"))
        let plain = try PasswordBasedEncryption.decrypt(octets, algorithm: algorithm, password: password)
        guard plain.first == 0x30 else { throw KeyStoreError.wrongPassword }
        return plain
    }

    private mutating func readBags(_ octets: [UInt8], depth: Int) throws {
        let der = try BER.der(from: octets[...])
        try readBags(DERNode(parsing: der[...]), depth: depth)
    }

    private mutating func readBags(_ node: DERNode, depth: Int) throws {
        guard depth < 4 else { throw KeyStoreError.malformed("safe contents are nested too deeply") }
        for bag in try node.sequence("safe contents", limit: KeyStoreContent.maximumEntries).remaining {
            bags += 1
            guard bags <= KeyStoreContent.maximumEntries else { throw KeyStoreError.malformed("too many bags") }
            var fields = try bag.sequence("bag", limit: 3)
            let type = try fields.next().oid("bag type")
            let value = try fields.next().explicit("bag")
            let (alias, id) = try attributes(fields)
            switch type {
            case .keyBag: keys.append((try PrivateKey(pkcs8DER: Array(value.encoded)), alias, id))
            case .shroudedKeyBag:
                keys.append(
                    (try PrivateKey(encryptedPKCS8DER: Array(value.encoded), password: password), alias, id))
            case .certificateBag:
                var inner = try value.sequence("certificate bag", limit: 2)
                guard try inner.next().oid("certificate type") == .x509CertificateBag else { continue }
                let certificate = Array(try inner.next().explicit("certificate").octetString("certificate"))
                certificates.append((try X509Certificate(der: certificate), alias, id))
            case .safeContentsBag: try readBags(value, depth: depth + 1)
            // Revocation lists and secrets are nobody's business here.
            default: continue
            }
        }
    }

    private func attributes(_ fields: DERFields) throws -> (alias: String, id: [UInt8]?) {
        var (alias, id): (String, [UInt8]?) = ("", nil)
        guard let set = fields.remaining.first else { return (alias, id) }
        for attribute in try set.set("bag attributes", limit: 64) {
            var parts = try attribute.sequence("bag attribute", limit: 2)
            let type = try parts.next().oid("bag attribute")
            guard let value = try parts.next().set("bag attribute", limit: 64).first else { continue }
            if type == .friendlyName, value.has(.bmpString) {
                let octets = Array(try value.primitive("friendly name"))
                let units = stride(from: 0, to: octets.count - 1, by: 2).map {
                    UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1])
                }
                alias = String(decoding: units, as: UTF16.self)
            } else if type == .localKeyID {
                id = Array(try value.octetString("local key id"))
            }
        }
        return (alias, id)
    }

    /// Keys with their chains: a certificate belongs to the key that it certifies, whatever identifiers say, and what
    /// issued it follows.
    func content() throws -> KeyStoreContent {
        var content = KeyStoreContent()
        var used: Set<X509Certificate> = []
        let all = certificates.map(\.certificate)
        for entry in keys {
            let own = certificates.first { $0.certificate.subjectPublicKey == entry.key.publicKey }
            let chain = own.map { KeyStoreContent.chain(of: $0.certificate, among: all) } ?? []
            used.formUnion(chain)
            let alias = entry.alias.isEmpty ? own?.alias ?? "" : entry.alias
            content.keys.append(.init(alias: alias, key: entry.key, chain: chain))
        }
        for entry in certificates where !used.contains(entry.certificate) {
            content.certificates.append(.init(alias: entry.alias, certificate: entry.certificate))
        }
        return content
    }
}
