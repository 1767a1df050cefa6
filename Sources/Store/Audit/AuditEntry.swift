package import Domain
package import Encoding
import Query

/// The part of the system that an audit event concerns.
package enum AuditCategory: String, Sendable, CaseIterable, Bindable {
    case certificateLifecycle = "cert_lifecycle"
    case auth, config
}

/// How the audited action ended.
package enum AuditOutcome: String, Sendable, CaseIterable, Bindable {
    case success, denied, error
}

/// What an audit event says beyond its columns: named facts that are fit for everybody who may read the trail.
///
/// A value of ``Domain/Secret`` has no way in. What looks like a credential is replaced all the same.
package struct AuditDetails: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package let json: JSONObject

    package init(_ json: JSONObject) { self.json = AuditRedaction.redacted(json) }

    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self.init(JSONObject(members.map { JSONObject.Member(key: $0.0, value: $0.1) }))
    }
}

/// One audit event about to be written.
package struct AuditEntry: Sendable {
    package let id: AuditEventID
    package let author: Authorship
    package let action: String
    package let resourceType: String
    package let resourceID: String
    package let category: AuditCategory
    package let outcome: AuditOutcome
    package let reason: String?
    /// The API key that was used, by identifier.
    package let credentialID: String?
    package let details: AuditDetails

    package init(
        id: AuditEventID,
        author: Authorship,
        action: String,
        resourceType: String,
        resourceID: String,
        category: AuditCategory = .certificateLifecycle,
        outcome: AuditOutcome = .success,
        reason: String? = nil,
        credentialID: String? = nil,
        details: AuditDetails = [:]
    ) {
        self.id = id
        self.author = author
        self.action = action
        self.resourceType = resourceType
        self.resourceID = resourceID
        self.category = category
        self.outcome = outcome
        self.reason = reason
        self.credentialID = credentialID
        self.details = details
    }
}

/// One audit event, as stored.
package struct AuditEvent: Hashable, Sendable {
    package let id: AuditEventID
    package let actor: Actor
    package let action: String
    package let resourceType: String
    package let resourceID: String
    package let details: JSONValue
    package let timestamp: Timestamp
    package let category: AuditCategory
    package let outcome: AuditOutcome
    package let reason: String?
    package let requestID: String?
    package let credentialID: String?
    package let clientAddress: String?
    package let channel: String?
    /// The place in the sealed log; `nil` until the sequencer has reached the event.
    package let sequence: Int?
    /// The hash chain up to and with this event, in hexadecimal; only in lists and look-ups.
    package let rowHash: String?
    /// The same up to the event before it; empty for the first.
    package let previousRowHash: String?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        actor = Actor(id: try row.text("actor"), type: try row.value("actor_type"))
        action = try row.text("action")
        resourceType = try row.text("resource_type")
        resourceID = try row.text("resource_id")
        details = try row.json("details")
        timestamp = try row.time("timestamp")
        category = try row.value("event_category")
        outcome = try row.value("outcome")
        reason = try row.optionalText("reason")
        requestID = try row.optionalText("request_id")
        credentialID = try row.optionalText("credential_id")
        clientAddress = try row.optionalText("client_ip")
        channel = try row.optionalText("channel")
        sequence = try row.optionalInt("seq")
        rowHash = try Self.hex("row_hash", row)
        previousRowHash = sequence == 0 ? "" : try Self.hex("prev_hash", row)
    }

    private static func hex(_ column: String, _ row: Row) throws(DatabaseError) -> String? {
        guard row.columns.position(of: column) != nil else { return nil }
        return try row.optionalBytes(column).map { Hex.encode($0) }
    }
}
