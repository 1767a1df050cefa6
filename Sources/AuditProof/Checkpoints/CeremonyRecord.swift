package import Encoding

/// What was done to a CA, for those who were not there: parameters, key, people and time (protocol-servers §6.2), signed with
/// a key of the audit log.
///
/// The signature is over one line that says what this is, and the canonical JSON (RFC 8785) of the record. What is signed of a
/// checkpoint (RFC 7515 §5.1) has no space, so neither signature is worth anything for the other.
package struct CeremonyRecord: Hashable, Sendable {
    /// Stands before what is signed.
    package static let prefix = "certctl ca ceremony v1\n"

    /// Canonical JSON.
    package let text: String

    package init(_ record: JSONObject) {
        text = String(decoding: CanonicalJSON.octets(of: .object(record)), as: UTF8.self)
    }

    /// A record that is canonical already.
    package init(canonical text: String) { self.text = text }

    private var message: [UInt8] { Array(Self.prefix.utf8) + Array(text.utf8) }

    /// SHA-256 of the canonical JSON, lower-case hexadecimal.
    package var digest: String { LogHash(of: Array(text.utf8)).hex }

    /// Ed25519 (RFC 8032), base64url.
    package func signature(by key: CheckpointSigningKey) throws -> String { Base64URL.encode(try key.sign(message)) }

    package func isSigned(_ signature: String, by key: CheckpointPublicKey) -> Bool {
        Base64URL.decode(signature).map { key.isValid($0, of: message) } ?? false
    }
}
