package import Domain
package import Encoding
import Query
package import Store

/// What an agent says about a job that it holds.
package struct JobReport: Sendable {
    package enum Status: String, Sendable, CaseIterable {
        case running = "Running"
        case completed = "Completed"
        case failed = "Failed"
    }

    package var status: Status
    package var error: String?
    /// A stable word such as `validate_failed`; decides whether trying again can help.
    package var errorCode: String?
    /// The connector's own account of what it did.
    package var result: JSONValue?
    package var verification: Verification?

    package init(
        status: Status,
        error: String? = nil,
        errorCode: String? = nil,
        result: JSONValue? = nil,
        verification: Verification? = nil
    ) {
        self.status = status
        self.error = error
        self.errorCode = errorCode
        self.result = result
        self.verification = verification
    }
}

/// Takes the reports of agents about their jobs (specification, domain §6.5).
package struct ReportFlow: Sendable {
    /// Longer texts are cut.
    private static let longestError = 4096
    /// Most certificates that a file of trusted CAs is believed to hold.
    private static let mostTrusted = 512
    private static let stuckCode = "rollback_failed"
    /// Failures that the same deployment would meet again: somebody has to change something first.
    private static let permanentCodes: Set<String> = [
        "config_invalid", "policy_denied", "unsafe_parent_directory", "key_missing", "key_mismatch", "rollback_failed",
    ]

    private let context: LifecycleContext
    private let jobs = JobStore()
    private let renewals: RenewalOutcome

    package init(_ context: LifecycleContext) {
        self.context = context
        renewals = RenewalOutcome(context)
    }

    /// Applies a report; the job as it is now.
    ///
    /// The same terminal report again changes nothing and succeeds. A report on a job of another agent is 404, one
    /// that the job's state does not allow is 409.
    package func report(
        _ id: JobID,
        of agent: AgentID,
        _ report: JobReport,
        by author: Authorship
    ) async throws -> Job {
        let (job, end) = try await context.write { tx in
            guard let before = try jobs.find(id, in: tx), before.agentID == agent else {
                throw ServiceError(.notFound, "there is no job \(id.text) of this agent")
            }
            let job =
                switch report.status {
                case .running: try extend(before, agent, in: tx)
                case .completed: try complete(before, agent, report, by: author, in: tx)
                case .failed: try fail(before, agent, report, by: author, in: tx)
                }
            return (job, try deploymentEnd(of: job, before: before, report, in: tx))
        }
        if let end { context.observers.deploymentEnded(end) }
        return job
    }

    /// `nil` unless this report ended a deployment, or an attempt at one.
    private func deploymentEnd(
        of job: Job,
        before: Job,
        _ report: JobReport,
        in tx: any Transaction
    ) throws -> LifecycleObservers.DeploymentEnd? {
        guard job.type == .deployment, report.status != .running, job.rowVersion != before.rowVersion else {
            return nil
        }
        let target = try job.targetID.flatMap { try TargetStore().find($0, in: tx) }
        return LifecycleObservers.DeploymentEnd(
            target: target?.type,
            isSuccess: report.status == .completed,
            errorCode: report.errorCode ?? "",
            wasUnchanged: report.result?["metadata"]?["idempotent"]?.stringValue == "true"
        )
    }

    private func extend(_ job: Job, _ agent: AgentID, in tx: any Transaction) throws -> Job {
        let lease = context.timing.runningLease
        let held = try jobs.extendLeases([job.id], owner: agent.text, lease: lease, in: tx)
        guard held == [job.id] else { throw Self.refused(job, .running) }
        return try jobs.get(job.id, in: tx)
    }

    private func complete(
        _ job: Job,
        _ agent: AgentID,
        _ report: JobReport,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> Job {
        if job.status == .completed { return job }
        guard job.type == .deployment || job.type == .validation else { throw Self.refused(job, .completed) }
        let completed = try jobs.complete(
            job.id,
            holder: agent.text,
            result: report.result,
            verification: report.verification ?? Self.skippedVerification(report),
            in: tx
        )
        guard let completed else { throw Self.refused(job, .completed) }
        if job.type == .validation {
            try recordTest(of: job, .success, in: tx)
            return completed
        }
        if let certificate = job.certificateID { try CertificateStore().recordDeployment(certificate, in: tx) }
        if let target = job.targetID {
            try TrustHoldingStore().replace(target, with: Self.trusted(report), in: tx)
        }
        try context.recorder.record(
            .deploymentJobCompleted,
            job.id.text,
            details: Self.details(of: job, report),
            by: author,
            in: tx
        )
        return completed
    }

    private func fail(
        _ job: Job,
        _ agent: AgentID,
        _ report: JobReport,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> Job {
        let message = Self.cut(report.error ?? report.errorCode ?? "the agent gave no reason")
        if job.status == .failed, job.lastError == message { return job }
        let isPermanent = report.errorCode.map(Self.permanentCodes.contains) ?? false
        let failure: JobFailure
        let expected: [JobStatus]
        if job.type == .deployment {
            let mayRetry = !isPermanent && job.attempts < job.maxAttempts
            let unit = context.random.unitInterval()
            failure = JobFailure(
                errorClass: isPermanent ? .permanent : .transient,
                message: message,
                retryAt: mayRetry
                    ? tx.now + RetrySchedule.deploymentDelay(attempts: job.attempts, unit: unit) : nil
            )
            expected = [.running]
        } else if job.type == .validation {
            failure = JobFailure(errorClass: .permanent, message: message, retryAt: nil)
            expected = [.running]
        } else {
            failure = JobFailure(errorClass: .permanent, message: message, retryAt: nil)
            expected = [.awaitingCSR]
        }
        let failed = try jobs.fail(
            job.id,
            holder: agent.text,
            from: expected,
            failure,
            result: report.result,
            verification: report.verification,
            in: tx
        )
        guard let failed else { throw Self.refused(job, .failed) }
        if job.type == .validation {
            try recordTest(of: job, .failed, in: tx)
            return failed
        }
        // Nobody knows what is in the files by now.
        if report.errorCode == Self.stuckCode, let target = job.targetID {
            try TrustHoldingStore().forget(target, in: tx)
        }
        try context.recorder.record(
            job.type == .deployment ? .deploymentJobFailed : .renewalJobFailed,
            job.id.text,
            details: Self.details(of: job, report),
            by: author,
            in: tx
        )
        if job.type != .deployment, let certificate = job.certificateID {
            try renewals.recordFailure(of: certificate, reason: message, by: author, in: tx)
        }
        return failed
    }

    /// The action that asked for the test is on record already; its outcome belongs to the target.
    private func recordTest(of job: Job, _ status: ConnectionTestStatus, in tx: any Transaction) throws {
        if let target = job.targetID { try TargetStore().recordTest(target, status, in: tx) }
    }

    private static func details(of job: Job, _ report: JobReport) -> JSONObject {
        var details: JSONObject = [
            "certificate_id": .string(job.certificateID?.text ?? ""),
            "target_id": .string(job.targetID?.text ?? ""),
            "attempt": .integer(Int64(job.attempts)),
        ]
        if let error = report.error { details["error"] = .string(cut(error)) }
        if let code = report.errorCode { details["error_code"] = .string(cut(code)) }
        if let fingerprint = report.verification?.fingerprintSHA256 { details["fingerprint"] = .string(fingerprint) }
        return details
    }

    /// Fingerprints of what the file of trusted CAs of the target holds, as the agent says.
    private static func trusted(_ report: JobReport) -> Set<String> {
        let told = (report.result?["trusted"]?.arrayValue ?? []).prefix(mostTrusted).compactMap(\.stringValue)
        return Set(told.filter { $0.utf8.count == 64 && Hex.decode($0) != nil && $0 == $0.lowercased() })
    }

    /// Nobody looked, and why: only the connector's account tells.
    private static func skippedVerification(_ report: JobReport) -> Verification? {
        guard let told = report.result?["verification"],
            told["status"]?.stringValue == VerificationStatus.skipped.rawValue
        else { return nil }
        return Verification(status: .skipped, error: told["reason"]?.stringValue.map(cut))
    }

    private static func refused(_ job: Job, _ reported: JobReport.Status) -> ServiceError {
        ServiceError(
            .invalidState,
            "job \(job.id.text) is \(job.status.rawValue) and cannot become \(reported.rawValue) by this agent's report"
        )
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= longestError ? text : String(decoding: text.utf8.prefix(longestError), as: UTF8.self)
    }
}
