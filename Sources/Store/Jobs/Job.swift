package import Domain
package import Encoding
import Query

/// A piece of work, as stored.
package struct Job: Hashable, Sendable {
    package let id: JobID
    package let type: JobType
    package let certificateID: CertificateID?
    package let targetID: TargetID?
    /// Who does it; `nil` for work of any server.
    package let agentID: AgentID?
    package let status: JobStatus
    /// Started executions.
    package let attempts: Int
    package let maxAttempts: Int
    package let lastError: String?
    package let errorClass: JobErrorClass?
    /// `Failed`, and to be tried again at ``scheduledAt``.
    package let isRetryScheduled: Bool
    package let deploymentResult: JSONValue?
    /// The earliest start.
    package let scheduledAt: Timestamp
    package let startedAt: Timestamp?
    package let completedAt: Timestamp?
    package let statusChangedAt: Timestamp
    package let leaseOwner: String?
    package let leaseExpiresAt: Timestamp?
    /// What a deployment installs, or what an issuance stored.
    package let versionID: VersionID?
    /// Ties the jobs of one renewal together.
    package let batchID: BatchID?
    package let trigger: JobTrigger
    /// Of a deployment: writes and reloads although the target already has the files.
    package let isForced: Bool
    package let requestedBy: Actor
    package let verificationStatus: VerificationStatus
    package let verifiedAt: Timestamp?
    package let verificationFingerprint: String?
    package let verificationError: String?
    /// What validating the served chain came to; `nil` when nobody sent it.
    package let verificationPath: PathVerdict?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        type = try row.value("type")
        certificateID = try row.optionalID("certificate_id")
        targetID = try row.optionalID("target_id")
        agentID = try row.optionalID("agent_id")
        status = try row.value("status")
        attempts = try row.int("attempts")
        maxAttempts = try row.int("max_attempts")
        lastError = try row.optionalText("last_error")
        errorClass = try row.optionalValue("error_class")
        isRetryScheduled = try row.bool("retry_scheduled")
        deploymentResult = try row.optionalJSON("deployment_result")
        scheduledAt = try row.time("scheduled_at")
        startedAt = try row.optionalTime("started_at")
        completedAt = try row.optionalTime("completed_at")
        statusChangedAt = try row.time("status_changed_at")
        leaseOwner = try row.optionalText("lease_owner")
        leaseExpiresAt = try row.optionalTime("lease_expires_at")
        versionID = try row.optionalID("certificate_version_id")
        batchID = try row.optionalID("batch_id")
        trigger = try row.value("trigger")
        isForced = try row.bool("is_forced")
        requestedBy = Actor(id: try row.text("requested_by"), type: try row.value("requested_by_type"))
        verificationStatus = try row.value("verification_status")
        verifiedAt = try row.optionalTime("verified_at")
        verificationFingerprint = try row.optionalText("verification_fingerprint")
        verificationError = try row.optionalText("verification_error")
        let detail = try row.text("verification_path_detail")
        verificationPath = try row.optionalValue("verification_path").map { PathVerdict($0, detail) }
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    package var phase: JobPhase { JobPhase(status: status, retryScheduled: isRetryScheduled) }

    /// Where the job waits when it has to be done again.
    package var queue: JobQueue {
        agentID != nil && (type == .issuance || type == .renewal) ? .agent : .server
    }
}

/// A job about to be opened.
package struct NewJob: Sendable {
    package let id: JobID
    package let type: JobType
    /// `nil` for the test of a target.
    package let certificateID: CertificateID?
    package let targetID: TargetID?
    package let agentID: AgentID?
    package let status: JobStatus
    package let maxAttempts: Int
    /// The earliest start; `nil` for at once.
    package let scheduledAt: Timestamp?
    package let versionID: VersionID?
    package let batchID: BatchID?
    package let trigger: JobTrigger
    package let isForced: Bool
    package let requestedBy: Actor
    /// Held while the job is open; no second job with the same key opens meanwhile.
    package let dedupeKey: String?

    package init(
        id: JobID,
        type: JobType,
        certificateID: CertificateID?,
        targetID: TargetID? = nil,
        agentID: AgentID? = nil,
        status: JobStatus,
        maxAttempts: Int,
        scheduledAt: Timestamp? = nil,
        versionID: VersionID? = nil,
        batchID: BatchID? = nil,
        trigger: JobTrigger,
        isForced: Bool = false,
        requestedBy: Actor,
        dedupeKey: String?
    ) {
        self.id = id
        self.type = type
        self.certificateID = certificateID
        self.targetID = targetID
        self.agentID = agentID
        self.status = status
        self.maxAttempts = maxAttempts
        self.scheduledAt = scheduledAt
        self.versionID = versionID
        self.batchID = batchID
        self.trigger = trigger
        self.isForced = isForced
        self.requestedBy = requestedBy
        self.dedupeKey = dedupeKey
    }

    /// The key of an issuance or renewal (specification, domain §6.1).
    package static func issuanceKey(_ certificate: CertificateID, slot agent: AgentID?) -> String {
        "iss:\(certificate.text):\(agent?.text ?? "server")"
    }

    package static func deploymentKey(_ certificate: CertificateID, to target: TargetID) -> String {
        "dep:\(certificate.text):\(target.text)"
    }

    package static func testKey(_ target: TargetID) -> String { "test:\(target.text)" }
}

/// Which jobs a list shows; several values of one member mean any of them.
package struct JobFilter: Hashable, Sendable {
    package var statuses: [JobStatus] = []
    package var types: [JobType] = []
    package var certificateIDs: [CertificateID] = []
    package var targetIDs: [TargetID] = []
    package var agentIDs: [AgentID] = []
    package var batchID: BatchID?
    package var createdBefore: Timestamp?
    package var createdAfter: Timestamp?
    /// Text within the identifier or the last error.
    package var search: String?

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !statuses.isEmpty { all.append("status IN \(list: statuses)") }
        if !types.isEmpty { all.append("type IN \(list: types)") }
        if !certificateIDs.isEmpty { all.append("certificate_id IN \(list: certificateIDs)") }
        if !targetIDs.isEmpty { all.append("target_id IN \(list: targetIDs)") }
        if !agentIDs.isEmpty { all.append("agent_id IN \(list: agentIDs)") }
        if let batchID { all.append("batch_id = \(batchID)") }
        if let createdBefore { all.append("created_at < \(createdBefore)") }
        if let createdAfter { all.append("created_at > \(createdAfter)") }
        if let search { all.append("(\("id", contains: search) OR \("last_error", contains: search))") }
        return all
    }
}

package enum JobSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case scheduledAt = "scheduled_at"
    case status
    case type

    var key: SQL {
        switch self {
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        case .scheduledAt: "scheduled_at"
        case .status: "status"
        case .type: "type"
        }
    }
}
