import Crypto
package import Encoding

/// The public half of a key that signs checkpoints (Ed25519, RFC 8032).
package struct CheckpointPublicKey: Hashable, Sendable {
    /// The SubjectPublicKeyInfo of Ed25519 (RFC 8410) before its 32 octets.
    private static let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    package let octets: [UInt8]

    /// `nil` unless there are 32 octets that Ed25519 accepts.
    package init?(octets: [UInt8]) {
        guard octets.count == 32, (try? Curve25519.Signing.PublicKey(rawRepresentation: octets)) != nil else {
            return nil
        }
        self.octets = octets
    }

    /// The thumbprint of the JWK (RFC 7638).
    package var id: String {
        let members = #"{"crv":"Ed25519","kty":"OKP","x":"\#(Base64URL.encode(octets))"}"#
        return Base64URL.encode(LogHash(of: Array(members.utf8)).octets)
    }

    /// RFC 8037 §2.
    package var jwk: JSONObject {
        [
            "kty": "OKP", "crv": "Ed25519", "x": .string(Base64URL.encode(octets)), "kid": .string(id),
            "alg": "EdDSA", "use": "sig",
        ]
    }

    init?(jwk: JSONValue) {
        guard jwk["kty"]?.stringValue == "OKP", jwk["crv"]?.stringValue == "Ed25519",
            let octets = jwk["x"]?.stringValue.flatMap({ Base64URL.decode($0) })
        else { return nil }
        self.init(octets: octets)
    }

    init?(subjectPublicKeyInfo der: [UInt8]) {
        guard der.starts(with: Self.prefix) else { return nil }
        self.init(octets: Array(der.dropFirst(Self.prefix.count)))
    }

    func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: octets) else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

/// The private half.
package struct CheckpointSigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let publicKey: CheckpointPublicKey

    /// From its 32 octets; `nil` for another number of them.
    package init?(octets: [UInt8]) {
        guard octets.count == 32, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: octets),
            let publicKey = CheckpointPublicKey(octets: Array(key.publicKey.rawRepresentation))
        else { return nil }
        self.key = key
        self.publicKey = publicKey
    }

    func sign(_ message: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: message)) }
}

/// The keys that a verifier believes.
package struct CheckpointKeySet: Sendable {
    private let keys: [String: CheckpointPublicKey]

    package init(_ keys: [CheckpointPublicKey]) {
        self.keys = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Reads a JWK set, as `GET /api/v1/audit/keys` answers it, one JWK, or PEM blocks `PUBLIC KEY`.
    package init(parsing octets: [UInt8]) throws(CheckpointKeyError) {
        var found: [CheckpointPublicKey] = []
        if let json = try? JSONValue(parsing: octets) {
            found = (json["keys"]?.arrayValue ?? [json]).compactMap { CheckpointPublicKey(jwk: $0) }
        } else if let blocks = try? PEMBlock.parse(String(decoding: octets, as: UTF8.self)) {
            found = blocks.filter { $0.label == "PUBLIC KEY" }
                .compactMap { CheckpointPublicKey(subjectPublicKeyInfo: $0.octets) }
        }
        guard !found.isEmpty else { throw .noKey }
        self.init(found)
    }

    package func key(_ id: String) -> CheckpointPublicKey? { keys[id] }
}

/// A file without a key that could have signed a checkpoint.
package enum CheckpointKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case noKey

    package var description: String {
        "no Ed25519 public key: expected a JWK set as GET /api/v1/audit/keys answers it, or PEM"
    }
}
