import Domain

/// Signature algorithms that certctl verifies; SHA-1 and MD5 are not among them.
package enum SignatureAlgorithm: Hashable, Sendable, CustomStringConvertible {
    package enum Hash: String, Sendable, CaseIterable {
        case sha256 = "SHA-256"
        case sha384 = "SHA-384"
        case sha512 = "SHA-512"

        var oid: OID {
            switch self {
            case .sha256: .sha256
            case .sha384: .sha384
            case .sha512: .sha512
            }
        }

        var length: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    case rsaPKCS1(Hash)
    /// RSASSA-PSS with MGF1 over the same hash and a salt of its length (RFC 4055).
    case rsaPSS(Hash)
    case ecdsa(Hash)
    case ed25519
    /// Pure ML-DSA with an empty context (RFC 9881 §3).
    case mlDSA65
    case mlDSA87

    package var description: String {
        switch self {
        case .rsaPKCS1(let hash): "RSA PKCS#1 v1.5 with \(hash.rawValue)"
        case .rsaPSS(let hash): "RSASSA-PSS with \(hash.rawValue)"
        case .ecdsa(let hash): "ECDSA with \(hash.rawValue)"
        case .ed25519: "Ed25519"
        case .mlDSA65: "ML-DSA-65"
        case .mlDSA87: "ML-DSA-87"
        }
    }

    /// Reads an `AlgorithmIdentifier`. RSA parameters may be NULL or absent, the others must be absent.
    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("signature algorithm", limit: 2)
        let oid = try fields.next().oid("signature algorithm")
        let parameters = fields.isEmpty ? nil : try fields.next()
        let absentOrNull = parameters?.isNull ?? true
        switch oid {
        case .sha256WithRSA where absentOrNull: self = .rsaPKCS1(.sha256)
        case .sha384WithRSA where absentOrNull: self = .rsaPKCS1(.sha384)
        case .sha512WithRSA where absentOrNull: self = .rsaPKCS1(.sha512)
        case .ecdsaWithSHA256 where parameters == nil: self = .ecdsa(.sha256)
        case .ecdsaWithSHA384 where parameters == nil: self = .ecdsa(.sha384)
        case .ecdsaWithSHA512 where parameters == nil: self = .ecdsa(.sha512)
        case .ed25519 where parameters == nil: self = .ed25519
        case .mlDSA65 where parameters == nil: self = .mlDSA65
        case .mlDSA87 where parameters == nil: self = .mlDSA87
        case .rsaPSS:
            guard let parameters else { throw DERError("RSASSA-PSS without parameters means SHA-1 and is refused") }
            self = .rsaPSS(try Self.pssHash(parameters))
        default: throw DERError("signature algorithm \(oid.nameForMessages) is not accepted")
        }
    }

    /// The algorithm, or the reason why it is not accepted.
    static func accepted(_ node: DERNode) -> (algorithm: SignatureAlgorithm?, refusal: String?) {
        do throws(DERError) {
            return (try SignatureAlgorithm(node), nil)
        } catch {
            return (nil, error.reason)
        }
    }

    /// `AlgorithmIdentifier`.
    var der: [UInt8] {
        switch self {
        case .rsaPKCS1(.sha256): DERWriter.sequence(DERWriter.oid(.sha256WithRSA), DERWriter.null)
        case .rsaPKCS1(.sha384): DERWriter.sequence(DERWriter.oid(.sha384WithRSA), DERWriter.null)
        case .rsaPKCS1(.sha512): DERWriter.sequence(DERWriter.oid(.sha512WithRSA), DERWriter.null)
        case .rsaPSS(let hash):
            DERWriter.sequence(
                DERWriter.oid(.rsaPSS),
                DERWriter.sequence(
                    DERWriter.explicit(0, DERWriter.sequence(DERWriter.oid(hash.oid), DERWriter.null)),
                    DERWriter.explicit(
                        1,
                        DERWriter.sequence(
                            DERWriter.oid(.mgf1), DERWriter.sequence(DERWriter.oid(hash.oid), DERWriter.null))),
                    DERWriter.explicit(2, DERWriter.integer(hash.length))))
        case .ecdsa(.sha256): DERWriter.sequence(DERWriter.oid(.ecdsaWithSHA256))
        case .ecdsa(.sha384): DERWriter.sequence(DERWriter.oid(.ecdsaWithSHA384))
        case .ecdsa(.sha512): DERWriter.sequence(DERWriter.oid(.ecdsaWithSHA512))
        case .ed25519: DERWriter.sequence(DERWriter.oid(.ed25519))
        case .mlDSA65: DERWriter.sequence(DERWriter.oid(.mlDSA65))
        case .mlDSA87: DERWriter.sequence(DERWriter.oid(.mlDSA87))
        }
    }

    /// RFC 4055 §3.1: hash, MGF1 over the same hash, salt as long as the hash, trailer 1.
    private static func pssHash(_ node: DERNode) throws(DERError) -> Hash {
        var fields = try node.sequence("RSASSA-PSS parameters", limit: 4)
        guard let hashField = fields.next(ifContextTag: 0), let maskField = fields.next(ifContextTag: 1),
            let saltField = fields.next(ifContextTag: 2)
        else { throw DERError("RSASSA-PSS parameters must name a hash other than SHA-1, MGF1 and the salt length") }
        let hash = try Self.hash(hashField.explicit("PSS hash"))
        var mask = try maskField.explicit("PSS mask").sequence("PSS mask", limit: 2)
        let maskAlgorithm = try mask.next().oid("PSS mask")
        let maskHash = try Self.hash(mask.next())
        let salt = try saltField.explicit("PSS salt length").smallInteger("PSS salt length")
        guard maskAlgorithm == .mgf1, maskHash == hash, salt == hash.length else {
            throw DERError("RSASSA-PSS needs MGF1 over the same hash and a salt as long as the hash")
        }
        if let trailer = fields.next(ifContextTag: 3) {
            let value = try trailer.explicit("PSS trailer").smallInteger("PSS trailer")
            guard value == 1 else { throw DERError("RSASSA-PSS trailer must be 1") }
        }
        try fields.end()
        return hash
    }

    private static func hash(_ node: DERNode) throws(DERError) -> Hash {
        var fields = try node.sequence("hash algorithm", limit: 2)
        let oid = try fields.next().oid("hash algorithm")
        if !fields.isEmpty, try !fields.next().isNull { throw DERError("hash algorithm has parameters") }
        guard let hash = Hash.allCases.first(where: { $0.oid == oid }) else {
            throw DERError("hash algorithm \(oid) is not accepted")
        }
        return hash
    }
}
