import Domain
import HostEffects
import Outbound

extension DeploymentRun {
    /// Settles the journal, records what is live, and tells the story.
    func close(_ journal: DeploymentJournal, _ ending: Ending) async -> DeploymentResult {
        var result = emptyResult()
        result.verification = ending.verification
        let destinations = journal.files.map(\.destination)
        let settled = await Settlement(host: host).settle(journal, ending)
        switch ending.kind {
        case .live:
            result.isSuccess = true
            result.changedFiles = destinations
            result.backupPaths = journal.keptBackups > 0 ? journal.files.compactMap { $0.previous?.backup } : []
            result.message = success(files: destinations.count, ending.verification)
        case .rolledBack(let failure):
            result.isRolledBack = true
            result.errorCode = failure.code
            result.failedStage = failure.stage
            result.message = failure.message
        case .stuck(let failure):
            result.needsManualAction = true
            result.errorCode = failure.code
            result.failedStage = failure.stage
            result.message = failure.message
            result.changedFiles = destinations
            result.backupPaths = journal.files.compactMap { $0.previous?.backup }
        }
        if !settled { result.metadata["journal"] = "left for recovery" }
        return result
    }

    func success(files count: Int, _ report: VerificationReport) -> String {
        let changed = count == 1 ? "1 file replaced" : "\(count) files replaced"
        switch report.status {
        case .success: return "\(changed); \(report.endpoint ?? "the endpoint") serves \(report.expectedFingerprint)"
        case .skipped: return "\(changed); not verified: \(report.reason ?? "no reason given")"
        case .pending, .failed: return changed
        }
    }

    /// The files are as planned. Makes sure that the consumer has read them, and reloads it only when not.
    func keepLive(
        _ prepared: PreparedPlan,
        _ inspected: [InspectedFile]
    ) async throws(DeploymentFailure) -> DeploymentResult {
        try await fixAttributes(of: inspected)
        let expected = plan.servedChain.map { ContentDigest.of($0) }
        let recorded = try await files(at: .inspect) { [journals, plan] files in
            try journals.liveFingerprint(of: plan.targetID, files)
        }
        switch plan.verification {
        case .probe(let verification):
            let once = VerificationPlan(
                endpoint: verification.endpoint,
                timeout: verification.timeout,
                attempts: 1
            )
            let report = await EndpointVerifier(host: host).verify(once, expected: expected, observedBefore: [:])
            if report.status == .success { return await unchanged(report) }
        case .skip(let reason):
            if recorded == leafFingerprint { return await unchanged(.skipped(reason, expected: leafFingerprint)) }
        }
        return try await reloadOnly(prepared, expected)
    }

    private func unchanged(_ report: VerificationReport) async -> DeploymentResult {
        await Settlement(host: host).record(live: leafFingerprint, of: plan.targetID, job: plan.jobID)
        var result = emptyResult()
        result.isSuccess = true
        result.isIdempotent = true
        result.verification = report
        result.message = "the files were already as planned; nothing was reloaded"
        return result
    }

    /// The right files, but not known to be live: an earlier run may have ended before its reload.
    private func reloadOnly(
        _ prepared: PreparedPlan,
        _ expected: [String]
    ) async throws(DeploymentFailure) -> DeploymentResult {
        try await log.step(.validate) { () throws(DeploymentFailure) in
            try await completion.commands.run(
                prepared.validate?.argv,
                failingWith: .preexistingConfigError,
                at: .validate
            )
        }
        try await log.step(.reload) { () throws(DeploymentFailure) in
            try await completion.commands.run(prepared.reload?.argv, failingWith: .reloadFailed, at: .reload)
        }
        var result = emptyResult()
        switch plan.verification {
        case .skip(let reason): result.verification = .skipped(reason, expected: leafFingerprint)
        case .probe(let verification):
            let start = host.time.now
            let report = await EndpointVerifier(host: host)
                .verify(verification, expected: expected, observedBefore: [:])
            log.note(.verify, since: start, report.status == .success ? "ok" : "failed")
            result = emptyResult()
            result.verification = report
            guard report.status == .success else {
                result.errorCode = .verifyFailed
                result.failedStage = .verify
                result.message =
                    "the files are as planned and the service was reloaded, but \(verification.endpoint): "
                    + (report.reason ?? "unknown")
                return result
            }
        }
        await Settlement(host: host).record(live: leafFingerprint, of: plan.targetID, job: plan.jobID)
        result.isSuccess = true
        result.message = "the files were already as planned; the service was reloaded"
        return result
    }
}
