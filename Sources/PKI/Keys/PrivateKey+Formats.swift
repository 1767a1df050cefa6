import Crypto
import CryptoExtras
package import Domain
import Encoding

extension PrivateKey {
    private static let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]

    /// PEM PKCS#8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// `EC PARAMETERS` blocks, which OpenSSL writes before SEC 1 keys, are passed over.
    package init(pem: String) throws(KeyError) {
        let blocks: [PEMBlock]
        do {
            blocks = try PEMBlock.parse(pem, limit: 1 << 16).filter { $0.label != "EC PARAMETERS" }
        } catch {
            if case .headers = error { throw .encrypted }
            throw .malformed(error.description)
        }
        guard blocks.count == 1, let block = blocks.first else {
            throw .malformed("exactly one PEM private key is expected, found \(blocks.count) blocks")
        }
        switch block.label {
        case "PRIVATE KEY": try self.init(pkcs8DER: block.octets)
        case "EC PRIVATE KEY": try self.init(sec1DER: block.octets)
        case "RSA PRIVATE KEY": try self.init(pkcs1DER: block.octets)
        case "ENCRYPTED PRIVATE KEY": throw .encrypted
        default: throw .malformed("PEM label is \(block.label), expected \(Self.labels.joined(separator: " or "))")
        }
    }

    /// Same as ``init(pem:)-(String)`` for text that is held as a secret.
    package init(pem: Secret) throws(KeyError) {
        self = try pem.withText { text throws(KeyError) in try PrivateKey(pem: text) }
    }

    /// `OneAsymmetricKey` of RFC 5958, versions 1 and 2, not encrypted.
    package init(pkcs8DER: [UInt8]) throws(KeyError) {
        let content: (oid: OID, curve: OID?, key: ArraySlice<UInt8>)
        do { content = try Self.parsePKCS8(pkcs8DER) } catch { throw .malformed(error.reason) }
        switch content.oid {
        case .rsaEncryption: try self.init(pkcs1DER: Array(content.key))
        case .ecPublicKey: try self.init(sec1DER: Array(content.key), curve: content.curve)
        case .ed25519:
            // RFC 8410 §7: CurvePrivateKey is an OCTET STRING inside the OCTET STRING.
            guard let inner = try? DERNode(parsing: content.key).octetString("Ed25519 private key"),
                let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: inner)
            else { throw .malformed("Ed25519 private key must be 32 octets") }
            try self.init(.ed25519(key))
        case .mlDSA65, .mlDSA87: try self.init(mlDSA: content.oid, content.key)
        default: throw .unsupported(content.oid.nameForMessages)
        }
    }

    /// `ML-DSA-PrivateKey` (RFC 9881 §6): the seed, or the seed with the key expanded from it. The expanded key alone does
    /// not tell the seed, and is refused.
    private init(mlDSA oid: OID, _ content: ArraySlice<UInt8>) throws(KeyError) {
        let seed: ArraySlice<UInt8>
        do throws(DERError) {
            let node = try DERNode(parsing: content)
            if node.hasContextTag(0) {
                seed = try node.primitive("seed")
            } else {
                var both = try node.sequence("ML-DSA private key", limit: 2)
                seed = try both.next().octetString("seed")
                _ = try both.next().octetString("expanded key")
                try both.end()
            }
        } catch {
            throw .malformed("an ML-DSA private key needs its seed of 32 octets: \(error.reason)")
        }
        do {
            try self.init(
                oid == .mlDSA65
                    ? .mlDSA65(MLDSA65.PrivateKey(seedRepresentation: seed, publicKey: nil))
                    : .mlDSA87(MLDSA87.PrivateKey(seedRepresentation: seed, publicKey: nil)))
        } catch let error as KeyError {
            throw error
        } catch {
            throw .malformed("the seed of an ML-DSA private key must be 32 octets")
        }
    }

    /// `OneAsymmetricKey` version 1.
    package var pkcs8DER: Secret {
        let (identifier, key): ([UInt8], [UInt8]) =
            switch backing {
            case .rsa(let key):
                (DERWriter.sequence(DERWriter.oid(.rsaEncryption), DERWriter.null), Array(key.derRepresentation))
            case .ed25519(let key):
                (DERWriter.sequence(DERWriter.oid(.ed25519)), DERWriter.octetString(Array(key.rawRepresentation)))
            case .mlDSA65(let key):
                (DERWriter.sequence(DERWriter.oid(.mlDSA65)), DERWriter.element(0x80, Array(key.seedRepresentation)))
            case .mlDSA87(let key):
                (DERWriter.sequence(DERWriter.oid(.mlDSA87)), DERWriter.element(0x80, Array(key.seedRepresentation)))
            case .p256(let key): (Self.identifier(.p256), sec1(Array(key.rawRepresentation), curve: nil))
            case .p384(let key): (Self.identifier(.p384), sec1(Array(key.rawRepresentation), curve: nil))
            case .p521(let key): (Self.identifier(.p521), sec1(Array(key.rawRepresentation), curve: nil))
            }
        return Secret(DERWriter.sequence(DERWriter.integer(0), identifier, DERWriter.octetString(key)))
    }

    package var pkcs8PEM: Secret {
        pkcs8DER.withBytes { Secret(PEMBlock(label: "PRIVATE KEY", octets: $0).text) }
    }

    /// `EC PRIVATE KEY` for elliptic-curve keys, `nil` for the others.
    package var sec1PEM: Secret? {
        let octets: [UInt8]
        switch backing {
        case .p256(let key): octets = sec1(Array(key.rawRepresentation), curve: .p256)
        case .p384(let key): octets = sec1(Array(key.rawRepresentation), curve: .p384)
        case .p521(let key): octets = sec1(Array(key.rawRepresentation), curve: .p521)
        case .rsa, .ed25519, .mlDSA65, .mlDSA87: return nil
        }
        return Secret(PEMBlock(label: "EC PRIVATE KEY", octets: octets).text)
    }

    /// RFC 5915 `ECPrivateKey`.
    private func sec1(_ scalar: [UInt8], curve: OID?) -> [UInt8] {
        DERWriter.element(
            0x30,
            parts: [
                DERWriter.integer(1), DERWriter.octetString(scalar),
                curve.map { DERWriter.explicit(0, DERWriter.oid($0)) } ?? [],
                DERWriter.explicit(1, DERWriter.bitString(publicKey.keyBits)),
            ])
    }

    private static func identifier(_ curve: OID) -> [UInt8] {
        DERWriter.sequence(DERWriter.oid(.ecPublicKey), DERWriter.oid(curve))
    }

    private static func parsePKCS8(
        _ der: [UInt8]
    ) throws(DERError) -> (oid: OID, curve: OID?, key: ArraySlice<UInt8>) {
        var fields = try DERNode(parsing: der[...]).sequence("PKCS#8 key", limit: 5)
        guard try fields.next().smallInteger("PKCS#8 version") <= 1 else { throw DERError("unknown PKCS#8 version") }
        var identifier = try fields.next().sequence("key algorithm", limit: 2)
        let oid = try identifier.next().oid("key algorithm")
        let curve = oid == .ecPublicKey && !identifier.isEmpty ? try identifier.next().oid("named curve") : nil
        return (oid, curve, try fields.next().octetString("private key"))
    }

    private init(pkcs1DER: [UInt8]) throws(KeyError) {
        guard let key = try? _RSA.Signing.PrivateKey(derRepresentation: pkcs1DER) else {
            throw .malformed("RSA private key is not readable or below 2048 bits")
        }
        try self.init(.rsa(key))
    }

    private init(sec1DER: [UInt8], curve outer: OID? = nil) throws(KeyError) {
        let scalar: ArraySlice<UInt8>
        var curve = outer
        var point: ArraySlice<UInt8>?
        do throws(DERError) {
            var fields = try DERNode(parsing: sec1DER[...]).sequence("EC private key", limit: 4)
            guard try fields.next().smallInteger("version") == 1 else { throw DERError("unknown EC key version") }
            scalar = try fields.next().octetString("EC private key")
            if let field = fields.next(ifContextTag: 0) {
                let inner = try field.explicit("named curve").oid("named curve")
                guard curve == nil || curve == inner else { throw DERError("two different curves are named") }
                curve = inner
            }
            if let field = fields.next(ifContextTag: 1) {
                point = try field.explicit("public key").bitString("public key")
            }
            try fields.end()
        } catch {
            throw .malformed(error.reason)
        }
        guard let curve else { throw .malformed("EC private key names no curve") }
        try self.init(Self.backing(scalar, curve))
        if let point, point.first == 0x04, !point.elementsEqual(publicKey.keyBits) {
            throw .malformed("the public part of the key file does not belong to its private part")
        }
    }

    private static func backing(_ scalar: ArraySlice<UInt8>, _ curve: OID) throws(KeyError) -> Backing {
        switch curve {
        case .p256:
            if let key = try? P256.Signing.PrivateKey(rawRepresentation: scalar) { return .p256(key) }
        case .p384:
            if let key = try? P384.Signing.PrivateKey(rawRepresentation: scalar) { return .p384(key) }
        case .p521:
            if let key = try? P521.Signing.PrivateKey(rawRepresentation: scalar) { return .p521(key) }
        default: throw .unsupported(curve.nameForMessages)
        }
        throw .malformed("EC private key is outside the range of its curve")
    }
}
