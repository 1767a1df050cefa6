import APIContract
import Deployment
import Domain
import Encoding

/// The operations of the control plane that an agent uses, for one agent (specification, targets §1.6).
///
/// Every function throws ``ControlPlaneError``, or `CancellationError` when its task is cancelled.
struct ControlPlane: Sendable {
    /// What a question for work may take beyond the time the server holds it.
    private static let pollMargin = Duration.seconds(10)

    /// Of the names in one question: longer addresses are refused.
    private static let mostNameOctets = 6000

    /// What the agent has when it asks for work.
    struct Known: Hashable, Sendable {
        /// Rises with every question.
        let turn: Int64
        let jobs: [JobID]
    }

    let agent: AgentID
    let transport: Transport

    func heartbeat(_ beat: HeartbeatRequest) async throws -> HeartbeatAnswer {
        try await exchange(.post, "\(base)/heartbeat", beat.json)
    }

    /// The raw work items, so that one that makes no sense does not hide the others. The server may hold the question
    /// for `wait` while there is no work.
    ///
    /// - `known`: What the agent has; what it was given besides is given again. `nil`, or more than can be named: such
    ///   jobs are left to their leases.
    func work(wait: Duration, knowing known: Known? = nil) async throws -> [JSONValue] {
        let seconds = wait.components.seconds
        var query = seconds > 0 ? ["wait=\(seconds)"] : []
        if let known {
            let names = known.jobs.map(\.text).joined(separator: ",")
            if names.utf8.count <= Self.mostNameOctets {
                query.append("turn=\(known.turn)")
                if !names.isEmpty { query.append("held=\(names)") }
            }
        }
        let path = query.isEmpty ? "\(base)/work" : "\(base)/work?\(query.joined(separator: "&"))"
        let timeout = max(ControlPlaneCall.defaultTimeout, wait + Self.pollMargin)
        let answer = try await transport.send(ControlPlaneCall(.get, path, timeout: timeout))
        guard let items = answer["jobs"]?.arrayValue else {
            throw ControlPlaneError(.malformed, message: "the list of work has no member “jobs”")
        }
        return items
    }

    func submit(csrPEM: String, certificate: CertificateID, job: JobID) async throws -> AgentCSRAnswer {
        let request = AgentCSRRequest { request in
            request.csrPEM = csrPEM
            request.certificateID = certificate
            request.jobID = job
        }
        return try await exchange(.post, "\(base)/csr", request.json)
    }

    /// Proofs to look at from where this agent stands. The server may hold the question for `wait` while there are none.
    func checks(at vantage: String, wait: Duration) async throws -> PerspectiveChecksAnswer {
        let path = "\(base)/acme-checks?vantage=\(vantage)&wait=\(wait.components.seconds)"
        let timeout = max(ControlPlaneCall.defaultTimeout, wait + Self.pollMargin)
        let json = try await transport.send(ControlPlaneCall(.get, path, timeout: timeout))
        guard let answer = PerspectiveChecksAnswer(wire: json) else {
            throw ControlPlaneError(.malformed, message: "the answer to GET \(path) has another form")
        }
        return answer
    }

    func vote(_ vote: PerspectiveVoteRequest, on check: ACMECheckID, within timeout: Duration) async throws {
        let path = "\(base)/acme-checks/\(check)"
        _ = try await transport.send(ControlPlaneCall(.post, path, body: vote.json, timeout: timeout))
    }

    /// Without a version the latest one.
    func certificate(_ certificate: CertificateID, version: VersionID?) async throws -> AgentCertificateAnswer {
        let query = version.map { "?version_id=\($0)" } ?? ""
        return try await exchange(.get, "\(base)/certificates/\(certificate)\(query)", nil)
    }

    /// - `csrPEM`: A request that the key of the certificate signed.
    func adopt(pem: String, csrPEM: String, as certificate: CertificateID) async throws -> AgentAdoptionAnswer {
        let request = AgentAdoptionRequest { request in
            request.pem = pem
            request.csrPEM = csrPEM
        }
        return try await exchange(.post, "\(base)/certificates/\(certificate)/adopt", request.json)
    }

    func reportRunning(_ job: JobID, attempt: Int) async throws {
        let report = JobStatusReport { report in
            report.status = .running
            report.attempt = attempt
        }
        _ = try await transport.send(ControlPlaneCall(.post, "\(base)/jobs/\(job)/status", body: report.json))
    }

    /// Sends what was observed at the endpoint, then the end of the job. Both may be repeated.
    ///
    /// - Returns: Why the control plane did not take the observation; the end of the job carries it as well.
    func deliver(_ report: TerminalReport) async throws -> ControlPlaneError? {
        var refusal: ControlPlaneError?
        if let observation = report.installation?.observation {
            let path = "/api/v1/jobs/\(report.job)/verify"
            do {
                _ = try await transport.send(ControlPlaneCall(.post, path, body: observation.json))
            } catch let error as ControlPlaneError where error.kind == .refused {
                refusal = error
            }
        }
        let path = "\(base)/jobs/\(report.job)/status"
        _ = try await transport.send(ControlPlaneCall(.post, path, body: report.statusReport.json))
        return refusal
    }

    private var base: String { "/api/v1/agents/\(agent)" }

    private func exchange<Answer: WireValue>(
        _ method: ControlPlaneCall.Method,
        _ path: String,
        _ body: JSONValue?
    ) async throws -> Answer {
        let json = try await transport.send(ControlPlaneCall(method, path, body: body))
        guard let answer = Answer(wire: json) else {
            throw ControlPlaneError(.malformed, message: "the answer to \(method.rawValue) \(path) has another form")
        }
        return answer
    }
}

extension TerminalReport.Installation {
    /// `nil` when nobody looked.
    fileprivate var observation: VerifyJobRequest? {
        let verification = result.verification
        switch verification.status {
        case .pending, .skipped: return nil
        case .success, .failed:
            return VerifyJobRequest { request in
                request.targetID = target
                request.expectedFingerprint = verification.expectedFingerprint
                request.actualFingerprint = verification.actualFingerprint ?? ""
                request.isVerified = verification.status == .success
                request.error = verification.reason
                request.servedPEM = verification.servedChain.isEmpty ? nil : verification.servedPEM
                request.serverName = verification.serverName
            }
        }
    }
}

extension TerminalReport {
    /// The longest texts that the interface takes.
    private static let textLimit = 8192

    fileprivate var statusReport: JobStatusReport {
        JobStatusReport { report in
            report.attempt = attempt
            report.result = findings
            if let result = installation?.result {
                report.result = result.json.objectValue
                report.durationMilliseconds = Int(result.duration.wholeMicroseconds / 1000)
                let verification = result.verification
                if verification.status == .success { report.fingerprint = verification.actualFingerprint }
            }
            switch outcome {
            case .completed: report.status = .completed
            case .failed(let code, let message):
                report.status = .failed
                report.errorCode = code?.rawValue
                report.error = String(message.prefix(Self.textLimit))
                report.errorClass = code?.errorClass
            }
        }
    }
}

extension DeploymentErrorCode {
    /// Whether the same deployment may succeed when nobody changes anything.
    fileprivate var errorClass: JobErrorClass {
        switch self {
        case .configInvalid, .policyDenied, .unsafeParentDirectory, .keyMissing, .keyMismatch, .rollbackFailed:
            .permanent
        case .certificateInvalid, .preexistingConfigError, .writeFailed, .validateFailed, .reloadFailed,
            .reloadFailedRolledBack,
            .verifyFailed, .verifyFailedRolledBack, .interruptedRolledBack:
            .transient
        case .timeout: .timeout
        }
    }
}
