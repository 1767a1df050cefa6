package import Domain
package import Encoding
import Query

/// A request that somebody else has to decide about, as stored.
package struct Approval: Hashable, Sendable {
    package let id: ApprovalID
    package let kind: ApprovalKind
    package let certificateID: CertificateID?
    package let jobID: JobID?
    package let profileID: ProfileID?
    package let requestedBy: Actor
    /// The person or service behind the requester when it asked.
    package let requesterPrincipal: String?
    package let state: ApprovalState
    package let decidedBy: String?
    package let decidedByType: ActorType?
    package let decidedAt: Timestamp?
    package let note: String?
    package let metadata: [String: String]
    package let payload: JSONObject?
    package let payloadDigest: String?
    /// Where the job goes on when it is approved.
    package let resumeStatus: JobStatus?
    /// `nil` for requests of earlier installations.
    package let expiresAt: Timestamp?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        kind = try row.value("approval_kind")
        certificateID = try row.optionalID("certificate_id")
        jobID = try row.optionalID("job_id")
        profileID = try row.optionalID("profile_id")
        requestedBy = Actor(id: try row.text("requested_by"), type: try row.value("requested_by_type"))
        requesterPrincipal = try row.optionalText("requested_by_principal")
        state = try row.value("state")
        decidedBy = try row.optionalText("decided_by")
        decidedByType = try row.optionalValue("decided_by_type")
        decidedAt = try row.optionalTime("decided_at")
        note = try row.optionalText("decision_note")
        metadata = try row.textMap("metadata")
        payload = try row.optionalJSON("payload")?.objectValue
        payloadDigest = try row.optionalText("payload_digest")
        resumeStatus = try row.optionalValue("resume_status")
        expiresAt = try row.optionalTime("expires_at")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    /// Whether whoever asked took it back: nobody else may decide about the own request.
    package var isWithdrawn: Bool {
        state == .rejected && decidedBy == requestedBy.id && decidedByType == requestedBy.type
    }

    /// What it is about; `nil` when the payload is not the one that the digest was made of, or is from an earlier
    /// installation. Nothing is ever done on the strength of such a request.
    package var subject: ApprovalSubject? {
        guard let payload, let payloadDigest, ApprovalSubject.digest(of: payload) == payloadDigest else { return nil }
        return ApprovalSubject(kind, payload: payload)
    }
}

/// A request about to be stored.
package struct NewApproval: Sendable {
    package let id: ApprovalID
    package let subject: ApprovalSubject
    /// The job that waits, and where it goes on: of an issuance, and of nothing else.
    package let job: (id: JobID, resume: JobStatus)?
    package let requestedBy: Actor
    package let principal: String
    package let metadata: [String: String]
    package let baseUpdatedAt: Timestamp?
    package let expiresAt: Timestamp

    private init(
        _ id: ApprovalID, _ subject: ApprovalSubject, job: (JobID, JobStatus)?, requester: Requester,
        metadata: [String: String], base: Timestamp? = nil, expiresAt: Timestamp
    ) {
        self.id = id
        self.subject = subject
        self.job = job
        requestedBy = requester.actor
        principal = requester.principal
        self.metadata = metadata
        baseUpdatedAt = base
        self.expiresAt = expiresAt
    }

    /// Who asks, and the person or service behind it.
    package struct Requester: Hashable, Sendable {
        package let actor: Actor
        package let principal: String

        package init(actor: Actor, principal: String) {
            self.actor = actor
            self.principal = principal
        }
    }

    /// - `job`: the first of the jobs that wait; the decision applies to all of its batch.
    package static func issuance(
        _ id: ApprovalID, _ terms: IssuanceTerms, job: JobID, resume: JobQueue, by requester: Requester,
        expiresAt: Timestamp
    ) -> NewApproval {
        let metadata = [
            "common_name": terms.commonName, "sans": terms.subjectAltNames.joined(separator: ","),
            "issuer_id": terms.issuerID.text,
        ]
        return NewApproval(
            id, .issuance(terms), job: (job, resume.status), requester: requester, metadata: metadata,
            expiresAt: expiresAt)
    }

    /// - `base`: when the profile was last changed before the request.
    package static func profileEdit(
        _ id: ApprovalID, _ terms: ProfileEditTerms, base: Timestamp?, by requester: Requester, expiresAt: Timestamp
    ) -> NewApproval {
        NewApproval(
            id, .profileEdit(terms), job: nil, requester: requester, metadata: ["operation": terms.operation],
            base: base, expiresAt: expiresAt)
    }

    package static func roleGrant(
        _ id: ApprovalID, _ terms: RoleGrantTerms, by requester: Requester, expiresAt: Timestamp
    ) -> NewApproval {
        let metadata = ["actor_id": terms.actor.id, "role_id": terms.roleID, "scope": terms.scope.label]
        return NewApproval(
            id, .roleGrant(terms), job: nil, requester: requester, metadata: metadata, expiresAt: expiresAt)
    }

    package static func bulkRevocation(
        _ id: ApprovalID, _ terms: BulkRevocationTerms, by requester: Requester, expiresAt: Timestamp
    ) -> NewApproval {
        let metadata = [
            "reason": terms.reason, "certificates": "\(terms.count)", "operation_id": terms.operationID.text,
        ]
        return NewApproval(
            id, .bulkRevocation(terms), job: nil, requester: requester, metadata: metadata, expiresAt: expiresAt)
    }

    package static func ceremony(
        _ id: ApprovalID, _ terms: CeremonyTerms, by requester: Requester, expiresAt: Timestamp
    ) -> NewApproval {
        var metadata = ["operation": terms.operation.rawValue, "issuer_id": terms.issuerID.text]
        metadata["ca_id"] = terms.authorityID?.text
        metadata["name"] = terms.parameters["name"]?.stringValue
        return NewApproval(
            id, .ceremony(terms), job: nil, requester: requester, metadata: metadata, expiresAt: expiresAt)
    }
}

/// How a request is decided, and by whom.
package struct ApprovalDecision: Hashable, Sendable {
    package let state: ApprovalState
    package let actor: Actor
    package let note: String?

    package init(_ state: ApprovalState, by actor: Actor, note: String? = nil) {
        self.state = state
        self.actor = actor
        self.note = note
    }
}

/// Which approvals a list shows.
package struct ApprovalFilter: Hashable, Sendable {
    package var states: [ApprovalState] = []
    package var kinds: [ApprovalKind] = []
    package var certificateIDs: [CertificateID] = []
    package var requestedBy: String?

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !states.isEmpty { all.append("state IN \(list: states)") }
        if !kinds.isEmpty { all.append("approval_kind IN \(list: kinds)") }
        if !certificateIDs.isEmpty { all.append("certificate_id IN \(list: certificateIDs)") }
        if let requestedBy { all.append("requested_by = \(requestedBy)") }
        return all
    }
}

package enum ApprovalSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"

    var key: SQL {
        switch self {
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        }
    }
}
