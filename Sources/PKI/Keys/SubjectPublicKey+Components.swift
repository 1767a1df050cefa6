import Crypto
import Domain
import Encoding

/// Public keys by their numbers, and signatures as JOSE writes them (RFC 7518 §3.4, §6).
extension SubjectPublicKey {
    /// The curves of JOSE that are accepted.
    package enum Curve: Sendable {
        case p256, p384, p521

        /// Octets of a coordinate.
        package var length: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }

        fileprivate var oid: OID {
            switch self {
            case .p256: .p256
            case .p384: .p384
            case .p521: .p521
            }
        }
    }

    /// - Throws: For a modulus or an exponent that is not accepted in any certificate either.
    package init(rsaModulus modulus: [UInt8], exponent: [UInt8]) throws(KeyError) {
        let key = DERWriter.sequence(
            DERWriter.integer(magnitude: modulus), DERWriter.integer(magnitude: exponent))
        try self.init(
            spkiDER: DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(.rsaEncryption), DERWriter.null), DERWriter.bitString(key)))
    }

    /// - Throws: For a point that is not on the curve.
    package init(_ curve: Curve, x: [UInt8], y: [UInt8]) throws(KeyError) {
        guard x.count == curve.length, y.count == curve.length else {
            throw .malformed("a coordinate has not the length of its field")
        }
        try self.init(
            spkiDER: DERWriter.sequence(
                DERWriter.sequence(DERWriter.oid(.ecPublicKey), DERWriter.oid(curve.oid)),
                DERWriter.bitString([0x04] + x + y)))
    }

    package init(ed25519 key: [UInt8]) throws(KeyError) {
        try self.init(
            spkiDER: DERWriter.sequence(DERWriter.sequence(DERWriter.oid(.ed25519)), DERWriter.bitString(key)))
    }

    /// The modulus of an RSA key, without zeros in front; `nil` for other keys.
    var rsaModulus: ArraySlice<UInt8>? {
        guard algorithm == .rsa,
            var fields = try? DERNode(parsing: keyBits[...]).sequence("RSA public key", limit: 2),
            let modulus = try? fields.next().integer("RSA modulus")
        else { return nil }
        return modulus.drop { $0 == 0 }
    }

    /// The RFC 7638 thumbprint with SHA-256, base64url, by which an ACME account is known; `nil` for kinds of key that no
    /// account can have.
    package var jwkThumbprint: String? {
        func encoded(_ octets: some Collection<UInt8>) -> String { Base64URL.encode(Array(octets)) }
        let canonical: String
        switch algorithm {
        case .rsa:
            guard var fields = try? DERNode(parsing: keyBits[...]).sequence("RSA public key", limit: 2),
                let modulus = try? fields.next().integer("RSA modulus"),
                let exponent = try? fields.next().integer("RSA exponent")
            else { return nil }
            let numbers = (e: encoded(exponent.drop { $0 == 0 }), n: encoded(modulus.drop { $0 == 0 }))
            canonical = "{\"e\":\"\(numbers.e)\",\"kty\":\"RSA\",\"n\":\"\(numbers.n)\"}"
        case .ecdsa:
            let length = (keyBits.count - 1) / 2
            let point = (x: encoded(keyBits.dropFirst().prefix(length)), y: encoded(keyBits.suffix(length)))
            canonical =
                "{\"crv\":\"P-\(size)\",\"kty\":\"EC\",\"x\":\"\(point.x)\",\"y\":\"\(point.y)\"}"
        case .ed25519: canonical = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"\(encoded(keyBits))\"}"
        case .mlDSA65, .mlDSA87: return nil
        }
        return Base64URL.encode(Array(SHA256.hash(data: Array(canonical.utf8))))
    }

    /// Whether an ECDSA signature of two numbers one after the other is by the holder of this key.
    package func isValid(rawECDSA signature: [UInt8], over message: [UInt8], _ curve: Curve) -> Bool {
        guard signature.count == 2 * curve.length else { return false }
        let der: [UInt8]? =
            switch curve {
            case .p256:
                (try? P256.Signing.ECDSASignature(rawRepresentation: signature)).map {
                    Array($0.derRepresentation)
                }
            case .p384:
                (try? P384.Signing.ECDSASignature(rawRepresentation: signature)).map {
                    Array($0.derRepresentation)
                }
            case .p521:
                (try? P521.Signing.ECDSASignature(rawRepresentation: signature)).map {
                    Array($0.derRepresentation)
                }
            }
        guard let der else { return false }
        let hash: SignatureAlgorithm.Hash =
            switch curve {
            case .p256: .sha256
            case .p384: .sha384
            case .p521: .sha512
            }
        return size == (curve == .p521 ? 521 : curve.length * 8)
            && isValid(signature: der, over: message, algorithm: .ecdsa(hash))
    }
}
