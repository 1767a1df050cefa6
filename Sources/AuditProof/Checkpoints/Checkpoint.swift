package import Domain
import Encoding

/// What the log says of itself at one moment: so many leaves, and this root over them (security §9.5).
package struct Checkpoint: Hashable, Sendable {
    package let logID: String
    package let treeSize: Int
    package let rootHash: LogHash
    package let timestamp: Timestamp
    /// SHA-256 of the checkpoint before this one, as signed; `nil` for the first.
    package let previous: LogHash?

    package init(logID: String, treeSize: Int, rootHash: LogHash, timestamp: Timestamp, previous: LogHash?) {
        self.logID = logID
        self.treeSize = treeSize
        self.rootHash = rootHash
        self.timestamp = timestamp
        self.previous = previous
    }

    var json: JSONObject {
        [
            "log_id": .string(logID), "tree_size": JSONValue(treeSize), "root_hash": .string(rootHash.hex),
            "timestamp": .string(timestamp.rfc3339), "prev_sth_hash": .string(previous?.hex ?? ""),
        ]
    }

    init?(_ json: JSONValue) {
        guard let logID = json["log_id"]?.stringValue, let size = json["tree_size"]?.integerValue, size >= 0,
            let root = json["root_hash"]?.stringValue.flatMap({ LogHash(hex: $0) }),
            let time = json["timestamp"]?.stringValue.flatMap({ try? Timestamp(rfc3339: $0) }),
            let before = json["prev_sth_hash"]?.stringValue
        else { return nil }
        let previous = before.isEmpty ? nil : LogHash(hex: before)
        guard before.isEmpty || previous != nil else { return nil }
        self.init(logID: logID, treeSize: Int(size), rootHash: root, timestamp: time, previous: previous)
    }
}

/// A checkpoint with its signature: a JWS in the compact form (RFC 7515), signed with Ed25519 (RFC 8037).
package struct SignedCheckpoint: Hashable, Sendable {
    package let text: String
    package let keyID: String
    package let checkpoint: Checkpoint

    /// Signs `checkpoint`.
    package init(_ checkpoint: Checkpoint, by key: CheckpointSigningKey) throws {
        let header: JSONValue = ["alg": "EdDSA", "kid": .string(key.publicKey.id)]
        let payload = CanonicalJSON.octets(of: .object(checkpoint.json))
        let input = Base64URL.encode(CanonicalJSON.octets(of: header)) + "." + Base64URL.encode(payload)
        text = input + "." + Base64URL.encode(try key.sign(Array(input.utf8)))
        keyID = key.publicKey.id
        self.checkpoint = checkpoint
    }

    /// Reads a signed checkpoint without believing it.
    package init(text: String) throws(CheckpointError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.json(parts[0]), let payload = Self.json(parts[1]),
            header["alg"]?.stringValue == "EdDSA", let keyID = header["kid"]?.stringValue,
            let checkpoint = Checkpoint(payload)
        else { throw .malformed }
        self.text = text
        self.keyID = keyID
        self.checkpoint = checkpoint
    }

    /// Whether one of `keys` made the signature.
    package func isSigned(by keys: CheckpointKeySet) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let key = keys.key(keyID), parts.count == 3, let signature = Base64URL.decode(parts[2]) else {
            return false
        }
        return key.isValid(signature, of: Array("\(parts[0]).\(parts[1])".utf8))
    }

    /// What the next checkpoint names as its predecessor.
    package var digest: LogHash { LogHash(of: Array(text.utf8)) }

    private static func json(_ part: Substring) -> JSONValue? {
        Base64URL.decode(part).flatMap { try? JSONValue(parsing: $0) }
    }
}

/// A text that is no signed checkpoint.
package enum CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed

    package var description: String { "this is no signed checkpoint: three parts of base64url with dots between them" }
}
