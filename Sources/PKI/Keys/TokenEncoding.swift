import Crypto

/// Forms that tokens speak and X.509 does not, turned into those of X.509 and back (PKCS #11 v2.40 §2.3).
package enum TokenEncoding {
    /// The key of `CKA_MODULUS` and `CKA_PUBLIC_EXPONENT`.
    package static func rsaKey(modulus: [UInt8], exponent: [UInt8]) throws(KeyError) -> SubjectPublicKey {
        try SubjectPublicKey(
            spkiDER: DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(.rsaEncryption), DERWriter.null),
                DERWriter.bitString(
                    DERWriter.sequence(
                        DERWriter.integer(magnitude: modulus),
                        DERWriter.integer(magnitude: exponent)))))
    }

    /// The key of `CKA_EC_PARAMS` and `CKA_EC_POINT`, which is an OCTET STRING around the point; some tokens leave the
    /// wrapping out.
    package static func ellipticCurveKey(parameters: [UInt8], point: [UInt8]) throws(KeyError) -> SubjectPublicKey {
        let wrapped = try? DERNode(parsing: point[...]).octetString("elliptic-curve point")
        return try SubjectPublicKey(
            spkiDER: DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(.ecPublicKey), parameters),
                DERWriter.bitString(wrapped.map { Array($0) } ?? point)))
    }

    /// `CKA_EC_PARAMS` of a key to be generated; `nil` when it is not on a curve that tokens sign with.
    package static func curveParameters(_ spec: KeySpec) -> [UInt8]? {
        switch spec {
        case .ecdsaP256: DERWriter.oid(.p256)
        case .ecdsaP384: DERWriter.oid(.p384)
        case .ecdsaP521: DERWriter.oid(.p521)
        case .rsa2048, .rsa3072, .rsa4096, .ed25519: nil
        }
    }

    /// `Ecdsa-Sig-Value` of r and s side by side, which is what `CKM_ECDSA` gives.
    package static func ecdsaSignature(_ pair: [UInt8]) -> [UInt8]? {
        guard !pair.isEmpty, pair.count.isMultiple(of: 2) else { return nil }
        let half = pair.count / 2
        return DERWriter.sequence(
            DERWriter.integer(magnitude: pair[..<half]),
            DERWriter.integer(magnitude: pair[half...]))
    }

    /// What `CKM_ECDSA` and `CKM_RSA_PKCS` are given: the digest, for RSA inside its `DigestInfo` (RFC 8017 §9.2).
    /// `nil` for algorithms that tokens are not asked for.
    package static func input(_ message: [UInt8], for algorithm: SignatureAlgorithm) -> [UInt8]? {
        switch algorithm {
        case .ecdsa(let hash): digest(message, hash)
        case .rsaPKCS1(let hash):
            DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(hash.oid), DERWriter.null),
                DERWriter.octetString(digest(message, hash)))
        case .rsaPSS, .ed25519: nil
        }
    }

    private static func digest(_ message: [UInt8], _ hash: SignatureAlgorithm.Hash) -> [UInt8] {
        switch hash {
        case .sha256: Array(SHA256.hash(data: message))
        case .sha384: Array(SHA384.hash(data: message))
        case .sha512: Array(SHA512.hash(data: message))
        }
    }
}
