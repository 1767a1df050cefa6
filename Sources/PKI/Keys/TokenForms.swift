import Crypto
import Domain
import Encoding

/// Keys, digests and signatures as cryptographic tokens take and give them (PKCS #11 v2.40, mechanisms §2.1 and §2.3).
extension SubjectPublicKey {
    /// A key on a curve from `CKA_EC_PARAMS` and `CKA_EC_POINT`.
    ///
    /// - `point`: As the standard has it, in an OCTET STRING; some tokens give it bare.
    /// - Throws: For a curve that is not accepted, or a point that is not on it.
    package init(ecParameters: [UInt8], point: [UInt8]) throws(KeyError) {
        let bare: [UInt8]
        // A bare point begins with the tag of an OCTET STRING too; its length tells them apart.
        if let node = try? DERNode(parsing: point[...]), let content = try? node.octetString("EC point"),
            [65, 97, 133].contains(content.count)
        {
            bare = Array(content)
        } else {
            bare = point
        }
        try self.init(
            spkiDER: DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(.ecPublicKey), ecParameters), DERWriter.bitString(bare)))
    }

    /// The signature as X.509 has it, from what a token answers: two numbers of equal length for ECDSA.
    ///
    /// - Returns: `nil` for something that is no signature of this kind of key.
    package func signatureFromToken(_ raw: [UInt8]) -> [UInt8]? {
        guard algorithm == .ecdsa else { return raw }
        let half = (size + 7) / 8
        guard raw.count == 2 * half else { return nil }
        return DERWriter.sequence(
            DERWriter.integer(magnitude: raw.prefix(half)), DERWriter.integer(magnitude: raw.suffix(half)))
    }
}

extension KeySpec {
    /// `CKA_EC_PARAMS`: the object identifier of the curve; `nil` for other kinds of key.
    package var ecParameters: [UInt8]? {
        switch self {
        case .ecdsaP256: DERWriter.oid(.p256)
        case .ecdsaP384: DERWriter.oid(.p384)
        case .ecdsaP521: DERWriter.oid(.p521)
        case .rsa2048, .rsa3072, .rsa4096, .ed25519, .mlDSA65, .mlDSA87: nil
        }
    }
}

extension SigningOrder {
    /// SHA-256 of what is signed, lower-case hexadecimal: for the log.
    package var messageSHA256: String { Self.sha256(message) }

    /// Of octets to be signed, lower-case hexadecimal, as the logs of servers and signers have it.
    package static func sha256(_ message: [UInt8]) -> String { Hex.encode(SHA256.hash(data: message)) }

    /// The hash of the message by the algorithm of the signature.
    package func digest(_ hash: SignatureAlgorithm.Hash) -> [UInt8] {
        switch hash {
        case .sha256: Array(SHA256.hash(data: message))
        case .sha384: Array(SHA384.hash(data: message))
        case .sha512: Array(SHA512.hash(data: message))
        }
    }

    /// `DigestInfo` of PKCS #1 v1.5 (RFC 8017 §9.2), which `CKM_RSA_PKCS` pads.
    package func digestInfo(_ hash: SignatureAlgorithm.Hash) -> [UInt8] {
        DERWriter.sequence(
            DERWriter.sequence(DERWriter.oid(hash.oid), DERWriter.null), DERWriter.octetString(digest(hash)))
    }
}
