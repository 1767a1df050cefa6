import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// What can be done with a certificate, and what came of it: renew, deploy, CSR, versions, targets, jobs.
struct CertificateActionHandlers: Sendable {
    let lists: Lists
    let renewal: RenewFlow
    let deployment: DeployFlow
    let issuance: IssueFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(CertificateRoutes.renew, renew)
        handlers.on(CertificateRoutes.deploy, deploy)
        handlers.on(CertificateRoutes.submitCSR, submitCSR)
        handlers.on(CertificateRoutes.versions, versions)
        handlers.on(CertificateRoutes.version, version)
        handlers.on(CertificateRoutes.deployments, targets)
        handlers.on(CertificateRoutes.targets, targets)
        handlers.on(CertificateRoutes.jobs, jobs)
    }

    private func renew(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RenewRequest = try context.request.decode()
        let isForced = request.force || context.query.flag("force") == true
        let opened = try await renewal.renew(try context.request.id(), force: isForced, by: context.authorship)
        let job = opened.jobs.first
        let answer = RenewAnswer {
            $0.jobID = job?.id
            $0.jobStatus = job?.status
            $0.approvalID = opened.approval?.id
        }
        return .json(answer, status: 202, location: job.map { "/api/v1/jobs/\($0.id.text)" })
    }

    private func deploy(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: DeployRequest = try context.request.decode()
        let jobs = try await deployment.deploy(
            try context.request.id(), to: request.targetID, isForced: request.force, by: context.authorship
        )
        let answer = DeployAnswer {
            $0.jobs = jobs.map { job in
                DeployedJob {
                    $0.jobID = job.id
                    $0.targetID = job.targetID ?? .unset
                    $0.status = job.status
                }
            }
        }
        return .json(answer, status: 202, location: jobs.first.map { "/api/v1/jobs/\($0.id.text)" })
    }

    private func submitCSR(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: CertificateID = try context.request.id()
        let request: SubmitCSRRequest = try context.request.decode()
        switch try await issuance.submit(clientCSR: request.csrPEM, for: id, by: context.authorship) {
        case .issued(let version, _):
            return .json(
                CertificateVersionBody(version), status: 201,
                location: "/api/v1/certificates/\(id.text)/versions/\(version.id.text)"
            )
        case .accepted(let job): return Self.accepted(job, .running)
        case .awaitingApproval(let approval, let job): return Self.accepted(job, .awaitingApproval, approval)
        }
    }

    private static func accepted(
        _ job: JobID, _ status: JobStatus, _ approval: ApprovalID? = nil
    ) -> OutgoingResponse {
        let answer = CSRAcceptedAnswer {
            $0.jobID = job
            $0.jobStatus = status
            $0.approvalID = approval
        }
        return .json(answer, status: 202, location: "/api/v1/jobs/\(job.text)")
    }

    private func versions(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (id, clearance) = (try context.request.id(as: CertificateID.self), context.clearance)
        return try await lists.answer(
            context, filter: VersionFilter(certificateID: id), natural: (VersionSort.createdAt, true),
            fetch: { request, tx in
                _ = try CertificateStore().get(id, within: clearance, in: tx)
                return try VersionStore().list(request, in: tx)
            },
            body: { CertificateVersionBody($0) }
        )
    }

    private func version(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (certificate, clearance) = (try context.request.id(as: CertificateID.self), context.clearance)
        let id: VersionID = try context.request.id("version_id")
        let detail = try await lists.database.fetch { tx in
            _ = try CertificateStore().get(certificate, within: clearance, in: tx)
            guard let detail = try VersionStore().find(id, in: tx), detail.version.certificateID == certificate else {
                throw StoreError.notFound(.version, id: id.text)
            }
            return detail
        }
        return .json(CertificateVersionBody(detail))
    }

    private func targets(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (id, clearance) = (try context.request.id(as: CertificateID.self), context.clearance)
        let targets = try await lists.database.fetch { tx in
            _ = try CertificateStore().get(id, within: clearance, in: tx)
            return try TargetStore().attached(to: id, in: tx)
        }
        return .json(PageEnvelope(all: targets.map { TargetBody($0) }))
    }

    private func jobs(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (id, clearance) = (try context.request.id(as: CertificateID.self), context.clearance)
        var filter = JobFilter()
        filter.certificateIDs = [id]
        return try await lists.answer(
            context, filter: filter, natural: (JobSort.createdAt, true),
            fetch: { request, tx in
                _ = try CertificateStore().get(id, within: clearance, in: tx)
                return try JobStore().list(request, within: clearance, in: tx)
            },
            body: { JobBody($0) }
        )
    }
}

extension CertificateVersionBody {
    init(_ detail: CertificateVersionDetail) { self.init(IssuedVersion(detail)) }

    init(_ version: IssuedVersion) {
        self.init {
            $0.id = version.id
            $0.certificateID = version.certificateID
            $0.serialNumber = version.serialNumber
            $0.notBefore = version.notBefore
            $0.notAfter = version.notAfter
            $0.fingerprintSHA256 = version.fingerprintSHA256
            $0.pemChain = version.pemChain
            $0.csrPEM = version.csrPEM ?? ""
            $0.keyAlgorithm = version.keyAlgorithm
            $0.keySize = version.keySize
            $0.createdAt = version.createdAt
            $0.spkiSHA256 = version.spkiSHA256
            $0.issuerID = version.issuerID
            $0.isIssuedElsewhere = version.isIssuedElsewhere
            $0.issuingCA = version.issuingCA
            $0.lintFindings = version.lintFindings.map { finding in
                LintFindingBody {
                    $0.rule = finding.rule.rawValue
                    $0.severity = finding.severity.rawValue
                    $0.message = finding.message
                }
            }
            $0.path = version.path?.outcome
            $0.pathDetail = version.path?.told
            $0.keyOrigin = APIContract.KeyOrigin(rawValue: version.keyOrigin.rawValue)
        }
    }
}
