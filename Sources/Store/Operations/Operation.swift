package import Domain
package import Encoding
import Query

/// Work on many objects at once (specification, rest-api §6.6, domain §10).
package struct Operation: Hashable, Sendable {
    /// Where the criteria name the key: then only what has this key is meant.
    package static let keyMember = "key_fingerprint"
    private static let idsMember = "certificate_ids"
    /// More identifiers than these are told by their number.
    private static let toldIDs = 100

    /// How many objects of each outcome there are.
    package struct Progress: Hashable, Sendable {
        package let total: Int
        package let succeeded: Int
        package let skipped: Int
        package let failed: Int

        package var done: Int { succeeded + skipped + failed }
    }

    package let id: OperationID
    package let kind: OperationKind
    package let state: OperationState
    package let createdBy: Actor
    /// The request that began it.
    package let requestID: String?
    /// What its objects were chosen by, for people to read.
    package let criteria: JSONObject
    package let reason: RevocationReason
    package let invalidityDate: Timestamp?
    /// What binds an approval to the objects: ``OperationStore/digest(of:)``.
    package let itemsSHA256: String
    package let progress: Progress
    package let approvalID: ApprovalID?
    package let createdAt: Timestamp
    package let startedAt: Timestamp?
    package let finishedAt: Timestamp?

    /// SHA-256 of the SubjectPublicKeyInfo, where the objects were chosen by their key.
    package var keySHA256: String? { criteria[Self.keyMember]?.stringValue }

    /// The criteria, short enough for lists and for the audit log, which the digest ties to the rest.
    package var briefCriteria: JSONObject {
        guard let ids = criteria[Self.idsMember]?.arrayValue, ids.count > Self.toldIDs else { return criteria }
        var brief = criteria
        brief[Self.idsMember] = nil
        brief["certificate_ids_count"] = .integer(Int64(ids.count))
        return brief
    }

    static let columns: SQL = """
        id, kind, state, created_by, created_by_type, request_id, criteria, reason, invalidity_date, items_sha256,
        total, succeeded, skipped, failed, approval_id, created_at, started_at, finished_at
        """

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        kind = try row.value("kind")
        state = try row.value("state")
        createdBy = Actor(id: try row.text("created_by"), type: try row.value("created_by_type"))
        requestID = try row.optionalText("request_id")
        criteria = try row.json("criteria").objectValue ?? [:]
        reason = try row.value("reason")
        invalidityDate = try row.optionalTime("invalidity_date")
        itemsSHA256 = try row.text("items_sha256")
        progress = Progress(
            total: try row.int("total"), succeeded: try row.int("succeeded"), skipped: try row.int("skipped"),
            failed: try row.int("failed"))
        approvalID = try row.optionalID("approval_id")
        createdAt = try row.time("created_at")
        startedAt = try row.optionalTime("started_at")
        finishedAt = try row.optionalTime("finished_at")
    }
}

/// An operation about to be stored.
package struct NewOperation: Sendable {
    package let id: OperationID
    package let kind: OperationKind
    package let createdBy: Actor
    package var requestID: String?
    package let criteria: JSONObject
    package let reason: RevocationReason
    package let invalidityDate: Timestamp?

    package init(
        id: OperationID, kind: OperationKind, createdBy: Actor, criteria: JSONObject, reason: RevocationReason,
        invalidityDate: Timestamp?
    ) {
        self.id = id
        self.kind = kind
        self.createdBy = createdBy
        self.criteria = criteria
        self.reason = reason
        self.invalidityDate = invalidityDate
    }
}

/// One object of an operation.
package struct OperationItem: Hashable, Sendable {
    package let subject: String
    package let outcome: OperationOutcome
    /// Why it was skipped, or failed.
    package let detail: String?

    package init(_ subject: String, _ outcome: OperationOutcome, _ detail: String? = nil) {
        self.subject = subject
        self.outcome = outcome
        self.detail = detail
    }

    init(_ row: Row) throws(DatabaseError) {
        subject = try row.text("subject_id")
        outcome = try row.value("outcome")
        detail = try row.optionalText("detail")
    }
}

/// Which operations a list shows; empty members filter nothing.
package struct OperationFilter: Hashable, Sendable {
    package var states: [OperationState] = []
    package var kinds: [OperationKind] = []
    /// Those that this actor began.
    package var createdBy: Actor?

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !states.isEmpty { all.append("state IN \(list: states)") }
        if !kinds.isEmpty { all.append("kind IN \(list: kinds)") }
        if let createdBy { all.append("created_by = \(createdBy.id) AND created_by_type = \(createdBy.type)") }
        return all
    }
}

package enum OperationSort: String, ListSort { case createdAt = "created_at" }
