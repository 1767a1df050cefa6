package import Encoding

/// One line of an audit bundle: an export of a log that proves itself.
///
/// A bundle is NDJSON: `bundle`, then every leaf from `first_seq` on with the checkpoints at their places, then `end`.
package enum BundleLine: Hashable, Sendable {
    /// What follows: a log, from which leaf on, and the roots of the subtrees before that leaf.
    ///
    /// With `until`, events from that time on are in it as hashes alone.
    case header(logID: String, firstSequence: Int, frontier: [LogHash], previousRowHash: String, until: String?)
    /// An event: the canonical text that was sealed, and what the log stores of it.
    case leaf(sequence: Int, text: String, leafHash: LogHash, rowHash: LogHash)
    /// An event that retention has removed, or that lies outside the exported period: its hashes are left.
    case hashes(sequence: Int, leafHash: LogHash, rowHash: LogHash)
    case checkpoint(SignedCheckpoint)
    case end(treeSize: Int)

    package static let format = "certctl-audit-bundle/1"

    package var json: JSONValue {
        switch self {
        case .header(let logID, let first, let frontier, let previous, let until):
            [
                "type": "bundle", "format": .string(Self.format), "log_id": .string(logID),
                "first_seq": JSONValue(first), "frontier": JSONValue(frontier.map(\.hex)),
                "prev_hash": .string(previous), "until": until.map { .string($0) } ?? nil,
            ]
        case .leaf(let sequence, let text, let leafHash, let rowHash):
            [
                "type": "leaf", "seq": JSONValue(sequence), "leaf_hash": .string(leafHash.hex),
                "row_hash": .string(rowHash.hex), "leaf": .string(text),
            ]
        case .hashes(let sequence, let leafHash, let rowHash):
            [
                "type": "hashes", "seq": JSONValue(sequence), "leaf_hash": .string(leafHash.hex),
                "row_hash": .string(rowHash.hex),
            ]
        case .checkpoint(let signed): ["type": "checkpoint", "jws": .string(signed.text)]
        case .end(let size): ["type": "end", "tree_size": JSONValue(size)]
        }
    }

    /// With the line feed.
    package var octets: [UInt8] { json.octets + [0x0A] }

    /// Reads one line, without its line feed; `nil` when it is none of a bundle.
    package init?(parsing octets: [UInt8]) {
        guard let json = try? JSONValue(parsing: octets) else { return nil }
        func hash(_ key: String) -> LogHash? { json[key]?.stringValue.flatMap { LogHash(hex: $0) } }
        let sequence = json["seq"]?.integerValue.map { Int($0) }
        switch json["type"]?.stringValue {
        case "bundle":
            guard json["format"]?.stringValue == Self.format, let logID = json["log_id"]?.stringValue,
                let first = json["first_seq"]?.integerValue, let previous = json["prev_hash"]?.stringValue,
                let texts = json["frontier"]?.arrayValue
            else { return nil }
            let frontier = texts.compactMap { $0.stringValue.flatMap { LogHash(hex: $0) } }
            guard frontier.count == texts.count else { return nil }
            self = .header(
                logID: logID, firstSequence: Int(first), frontier: frontier, previousRowHash: previous,
                until: json["until"]?.stringValue)
        case "leaf":
            guard let sequence, let text = json["leaf"]?.stringValue, let leafHash = hash("leaf_hash"),
                let rowHash = hash("row_hash")
            else { return nil }
            self = .leaf(sequence: sequence, text: text, leafHash: leafHash, rowHash: rowHash)
        case "hashes":
            guard let sequence, let leafHash = hash("leaf_hash"), let rowHash = hash("row_hash") else { return nil }
            self = .hashes(sequence: sequence, leafHash: leafHash, rowHash: rowHash)
        case "checkpoint":
            guard let text = json["jws"]?.stringValue, let signed = try? SignedCheckpoint(text: text) else {
                return nil
            }
            self = .checkpoint(signed)
        case "end":
            guard let size = json["tree_size"]?.integerValue else { return nil }
            self = .end(treeSize: Int(size))
        default: return nil
        }
    }
}
