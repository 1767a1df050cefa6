import APIContract
import Access
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Store

/// Jobs and what was seen after a deployment (specification, rest-api §7.10).
struct JobHandlers: Sendable {
    let lists: Lists
    let time: TimeSource
    let flow: JobFlow
    let verification: VerificationFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(JobRoutes.list, list)
        handlers.on(JobRoutes.get, get)
        handlers.on(JobRoutes.cancel, cancel)
        handlers.on(JobRoutes.retry, retry)
        handlers.on(JobRoutes.verify, verify)
        handlers.on(JobRoutes.verification, showVerification)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = JobFilter()
        filter.statuses = context.query.values("status")
        filter.types = context.query.values("type")
        filter.certificateIDs = context.query.ids("certificate_id")
        filter.targetIDs = context.query.ids("target_id")
        filter.agentIDs = context.query.ids("agent_id")
        filter.createdAfter = context.query.time("created_after")
        filter.createdBefore = context.query.time("created_before")
        filter.search = context.query.text("q")
        let clearance = context.clearance
        return try await lists.answer(
            context, filter: filter, natural: (JobSort.createdAt, true),
            fetch: { try JobStore().list($0, within: clearance, in: $1) }, body: { JobBody($0) }
        )
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let job = try await job(try context.request.id(), within: context.clearance)
        return .json(JobBody(job), version: job.rowVersion)
    }

    private func cancel(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        _ = try await flow.cancel(try context.request.id(), reason: nil, by: context.authorship)
        return .json(StatusAnswer { $0.status = "job_cancelled" })
    }

    private func retry(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let job = try await flow.retry(try context.request.id(), by: context.authorship)
        return .json(JobBody(job), version: job.rowVersion)
    }

    private func verify(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: JobID = try context.request.id()
        let request: VerifyJobRequest = try context.request.decode()
        let stored = try await verification.record(
            id, of: context.principal.agentID, target: request.targetID,
            Verification(
                status: request.isVerified ? .success : .failed,
                fingerprintSHA256: request.actualFingerprint.isEmpty ? nil : request.actualFingerprint,
                error: request.error
            ),
            served: request.servedPEM.map { ServedChainReport(pem: $0, serverName: request.serverName) },
            by: context.authorship
        )
        let answer = VerifyJobAnswer {
            $0.jobID = id
            $0.isVerified = stored.verificationStatus == .success
            $0.verifiedAt = stored.verifiedAt ?? time.now
        }
        return .json(answer)
    }

    private func showVerification(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (id, clearance) = (try context.request.id(as: JobID.self), context.clearance)
        let (job, version) = try await lists.database.fetch { tx in
            let job = try JobStore().get(id, within: clearance, in: tx)
            let version = try job.versionID.flatMap { try VersionStore().find($0, in: tx) }
            return (job, version?.version)
        }
        let body = VerificationBody {
            $0.jobID = id
            $0.targetID = job.targetID?.text ?? ""
            $0.expectedFingerprint = version?.fingerprintSHA256 ?? ""
            $0.actualFingerprint = job.verificationFingerprint ?? ""
            $0.isVerified = job.verificationStatus == .success
            $0.verifiedAt = job.verifiedAt
            $0.error = job.verificationError
            $0.status = job.verificationStatus.rawValue
            $0.path = job.verificationPath?.outcome
            $0.pathDetail = job.verificationPath?.told
        }
        return .json(body)
    }

    private func job(_ id: JobID, within clearance: Clearance) async throws -> Job {
        try await lists.database.fetch { try JobStore().get(id, within: clearance, in: $0) }
    }
}

extension JobBody {
    init(_ job: Job) {
        self.init {
            $0.id = job.id
            $0.type = job.type
            $0.certificateID = job.certificateID
            $0.targetID = job.targetID
            $0.agentID = job.agentID
            $0.status = job.status
            $0.attempts = job.attempts
            $0.maximumAttempts = job.maxAttempts
            $0.lastError = job.lastError
            $0.errorClass = job.errorClass
            $0.scheduledAt = job.scheduledAt
            $0.startedAt = job.startedAt
            $0.completedAt = job.completedAt
            $0.createdAt = job.createdAt
            $0.verificationStatus = job.type == .deployment ? job.verificationStatus.rawValue : ""
            $0.verifiedAt = job.verifiedAt
            $0.verificationError = job.verificationError
            $0.verificationFingerprint = job.verificationFingerprint
            $0.verificationPath = job.verificationPath?.outcome
            $0.verificationPathDetail = job.verificationPath?.told
            $0.trigger = job.trigger
            $0.versionID = job.versionID
            $0.leaseExpiresAt = job.leaseExpiresAt
            $0.deploymentResult = job.deploymentResult?.objectValue
            $0.version = job.rowVersion
        }
    }
}

extension PathVerdict {
    /// The detail where there is one.
    var told: String? { detail.isEmpty ? nil : detail }
}
