package import AuditProof
package import Domain
package import Encoding
package import Store

/// What a receiver outside is told: a sealed event, or a signed checkpoint over what it was told before.
package enum ExportItem: Sendable {
    case event(ExportedEvent)
    case checkpoint(SignedCheckpoint)
}

/// A sealed event on its way out.
package struct ExportedEvent: Sendable {
    package let sequence: Int
    package let leafHash: LogHash
    package let rowHash: LogHash
    package let timestamp: Timestamp
    package let action: String
    package let outcome: AuditOutcome
    /// What was sealed.
    package let members: JSONObject

    package init?(_ leaf: LedgerLeaf) {
        guard let event = leaf.event else { return nil }
        self.init(event, sequence: leaf.sequence, leafHash: leaf.leafHash, rowHash: leaf.rowHash)
    }

    /// `nil` for an event that is not sealed.
    init?(_ event: AuditEvent) {
        guard let sequence = event.sequence, let rowHash = event.rowHash.flatMap({ LogHash(hex: $0) }) else {
            return nil
        }
        self.init(
            event, sequence: sequence, leafHash: AuditLeaf(event.leafMembers).hash, rowHash: rowHash)
    }

    private init(_ event: AuditEvent, sequence: Int, leafHash: LogHash, rowHash: LogHash) {
        self.sequence = sequence
        self.leafHash = leafHash
        self.rowHash = rowHash
        timestamp = event.timestamp
        action = event.action
        outcome = event.outcome
        members = event.leafMembers
    }

    /// The sealed members and the place in the log.
    package var json: JSONObject {
        var json = members
        json["seq"] = JSONValue(sequence)
        json["leaf_hash"] = .string(leafHash.hex)
        json["row_hash"] = .string(rowHash.hex)
        return json
    }
}

extension AuditOutcome {
    /// The severities of RFC 5424 §6.2.1: notice, warning, error.
    var syslogSeverity: Int {
        switch self {
        case .success: 5
        case .denied: 4
        case .error: 3
        }
    }
}
