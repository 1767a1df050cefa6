import APIContract
import ConnectorKit
import Domain
import Encoding
import HTTPServing
import Lifecycle
import PKI
import Store

/// What an agent does for itself: heartbeat, work, CSR, pick-up, report (specification, targets §1.6).
///
/// The access gate has compared the agent in the path with the credential before any of this runs.
struct AgentWorkHandlers: Sendable {
    let lists: Lists
    let heartbeats: HeartbeatFlow
    let queue: WorkFlow
    let issuance: IssueFlow
    let reports: ReportFlow
    let config: @Sendable () -> AgentRuntimeConfig

    func register(in handlers: inout HandlerTable) {
        handlers.on(AgentRoutes.heartbeat, heartbeat)
        handlers.on(AgentRoutes.work, work)
        handlers.on(AgentRoutes.submitCSR, submitCSR)
        handlers.on(AgentRoutes.certificate, certificate)
        handlers.on(AgentRoutes.reportStatus, report)
    }

    private func heartbeat(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: HeartbeatRequest = try context.request.decode()
        let answer = try await heartbeats.record(
            try context.request.id(),
            metadata: AgentMetadata(
                hostname: request.hostname ?? "",
                os: request.os ?? "",
                architecture: request.architecture ?? "",
                ipAddress: request.ipAddress ?? "",
                version: request.softwareVersion ?? request.agentVersion ?? "",
                capabilities: request.capabilities
            ),
            runningJobs: request.runningJobs,
            agentTime: request.clock,
            lastError: request.lastError
        )
        return .json(
            APIContract.HeartbeatAnswer {
                $0.clock = answer.serverTime
                $0.config = config()
            }
        )
    }

    private func work(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let wait = Duration.seconds(context.query.integer("wait") ?? 0)
        let question = context.query.integer("turn").map { turn in
            WorkQuestion(turn: Int64(turn), held: context.query.texts("held").map { JobID(stored: $0) })
        }
        let items = try await queue.claim(
            for: try context.request.id(), wait: wait, knowing: question, while: context.isAwaited)
        return .json(
            WorkAnswer {
                $0.jobs = items.map(Self.body)
                $0.count = items.count
            }
        )
    }

    private static func body(_ item: Lifecycle.WorkItem) -> APIContract.WorkItem {
        let job = item.work.job
        return APIContract.WorkItem {
            $0.id = job.id
            $0.type = job.type
            $0.certificateID = job.certificateID
            $0.status = job.status
            $0.attempt = job.attempts
            $0.leaseExpiresAt = job.leaseExpiresAt
            switch job.type {
            case .deployment, .validation:
                $0.operation = job.type == .deployment ? .deploy : .test
                $0.targetID = job.targetID
                $0.targetType = item.work.target?.type
                $0.targetConfig = item.targetConfig?.objectValue
                $0.versionID = job.versionID
                $0.fingerprintSHA256 = item.work.fingerprintSHA256
                $0.force = job.isForced
            case .issuance, .renewal:
                $0.operation = .csr
                $0.commonName = item.work.commonName
                $0.subjectAltNames = item.work.subjectAltNames
                $0.keySpec = keySpec(item.key)
                $0.ext = WorkExtensions { $0.mustStaple = item.mustStaple }
            }
        }
    }

    private static func keySpec(_ spec: KeySpec) -> KeySpecBody {
        KeySpecBody {
            $0.algorithm = spec.algorithm
            $0.size = spec.size
        }
    }

    private func submitCSR(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AgentCSRRequest = try context.request.decode()
        let answer = try await issuance.submit(
            agentCSR: request.csrPEM, of: try context.request.id(), job: request.jobID,
            certificate: request.certificateID, by: context.authorship
        )
        switch answer {
        case .issued(let version, _):
            return .json(
                AgentCSRAnswer {
                    $0.status = .signed
                    $0.versionID = version.id
                    $0.fingerprintSHA256 = version.fingerprintSHA256
                    $0.certificatePEM = version.pemChain
                }, status: 202)
        case .accepted, .awaitingApproval: return .json(AgentCSRAnswer { $0.status = .accepted }, status: 202)
        }
    }

    private func certificate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let agent: AgentID = try context.request.id()
        let id: CertificateID = try context.request.id("cert_id")
        let wanted = context.query.text("version_id").map { VersionID(stored: $0) }
        let (detail, trust) = try await lists.database.fetch { tx in
            let missing = StoreError.notFound(.certificate, id: id.text)
            guard try CertificateStore().isVisible(id, to: agent, in: tx) else { throw missing }
            // Each agent gets the versions of its own key slot, and those whose key no agent holds.
            let version = try wanted ?? VersionStore().current(of: id, slot: agent, in: tx)?.version.id
            guard let version, let detail = try VersionStore().find(version, in: tx),
                detail.version.certificateID == id, detail.version.agentID == nil || detail.version.agentID == agent
            else { throw missing }
            let issuer = try CertificateStore().get(id, in: tx).fields.issuerID
            return (detail, try TrustBundle.certificates(of: issuer, in: tx))
        }
        let blocks = (try? PEMBlock.parse(detail.pemChain)) ?? []
        return .json(
            AgentCertificateAnswer {
                $0.certificatePEM = detail.pemChain
                $0.leafPEM = blocks.first?.text ?? ""
                $0.chainPEM = blocks.dropFirst().map(\.text).joined()
                $0.trustPEM = trust.isEmpty ? nil : trust.map(\.pem).joined()
                $0.versionID = detail.version.id
                $0.serialNumber = detail.version.serialNumber
                $0.fingerprintSHA256 = detail.version.fingerprintSHA256
                $0.notAfter = detail.version.notAfter
            }
        )
    }

    private func report(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: JobStatusReport = try context.request.decode()
        guard let status = JobReport.Status(rawValue: request.status.rawValue) else {
            throw ServiceError(
                .validationFailed, "an agent reports Running, Completed or Failed",
                problems: [
                    FieldProblem(
                        pointer: "/status", code: "invalid_value", detail: "must be Running, Completed or Failed"
                    )
                ]
            )
        }
        _ = try await reports.report(
            try context.request.id("job_id"), of: try context.request.id(),
            JobReport(
                status: status, error: request.error, errorCode: request.errorCode,
                result: request.result.map { .object($0) }, verification: Self.verification(request)
            ),
            by: context.authorship
        )
        return .json(StatusAnswer { $0.status = "updated" })
    }

    /// What the agent saw served, when the report says so.
    private static func verification(_ request: JobStatusReport) -> Verification? {
        guard request.status == .completed, let fingerprint = request.fingerprint else { return nil }
        return Verification(status: .success, fingerprintSHA256: fingerprint)
    }
}
