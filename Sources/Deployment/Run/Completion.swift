import Domain
import HostEffects

/// How a deployment whose files are in place ended.
struct Ending: Sendable {
    enum Kind: Sendable {
        case live
        /// The old state is back, and was seen to be where it can be seen.
        case rolledBack(DeploymentFailure)
        /// The old state could not be restored for sure.
        case stuck(DeploymentFailure)
    }

    let kind: Kind
    let verification: VerificationReport
}

/// From new files to a live certificate, or back: validate, reload, verify, and the roll-back of each.
/// Used by a run and by recovery.
struct Completion: Sendable {
    let host: DeploymentHost
    let change: JournaledChange
    let commands: CommandStep

    init(host: DeploymentHost, commandTimeout: Duration) {
        self.host = host
        change = JournaledChange(host: host)
        commands = CommandStep(host: host, timeout: commandTimeout)
    }

    func complete(_ journal: DeploymentJournal, _ log: PhaseLog) async -> Ending {
        let expected = journal.servedFingerprints.first ?? ""
        var report = VerificationReport.skipped("the deployment did not get that far", expected: expected)
        do {
            try await log.step(.validate) { () throws(DeploymentFailure) in
                try await commands.run(journal.validate, failingWith: .validateFailed, at: .validate)
            }
        } catch {
            return await undo(journal, because: error, touchedDaemon: false, report, log)
        }
        do {
            try await log.step(.reload) { () throws(DeploymentFailure) in
                try await commands.run(journal.reload, failingWith: .reloadFailed, at: .reload)
            }
        } catch {
            return await undo(journal, because: error, touchedDaemon: true, report, log)
        }
        do {
            report = try await verify(journal, log)
        } catch {
            return await undo(journal, because: error.failure, touchedDaemon: true, error.report, log)
        }
        return Ending(kind: .live, verification: report)
    }

    private struct VerificationFailure: Error {
        let failure: DeploymentFailure
        let report: VerificationReport
    }

    private func verify(
        _ journal: DeploymentJournal,
        _ log: PhaseLog
    ) async throws(VerificationFailure) -> VerificationReport {
        let start = host.time.now
        switch journal.verification {
        case .skip(let reason):
            log.note(.verify, since: start, "skipped")
            return .skipped(reason, expected: journal.servedFingerprints.first ?? "")
        case .probe(let plan):
            let report = await EndpointVerifier(host: host).verify(
                plan,
                expected: journal.servedFingerprints,
                observedBefore: journal.observedBefore
            )
            log.note(.verify, since: start, report.status == .success ? "ok" : "failed")
            if report.status == .success { return report }
            let reason = report.reason ?? "unknown"
            let message = "\(plan.endpoint) after \(report.attempts) attempts: \(reason)"
            throw VerificationFailure(
                failure: DeploymentFailure(.verifyFailed, at: .verify, message),
                report: report
            )
        }
    }

    /// Restores the old files, lets the consumer read them again when it read the new ones, and looks.
    func undo(
        _ journal: DeploymentJournal,
        because failure: DeploymentFailure,
        touchedDaemon: Bool,
        _ report: VerificationReport,
        _ log: PhaseLog
    ) async -> Ending {
        var undoing = journal
        undoing.phase = .rollingBack
        // Without this note a crash from here on would complete the deployment instead: also consistent.
        try? await change.write(undoing)
        let start = host.time.now
        do {
            try await change.restore(journal)
            if touchedDaemon { try await reloadAndLook(journal) }
            log.note(.rollback, since: start, "ok")
            let code: DeploymentErrorCode =
                switch failure.code {
                case .reloadFailed: .reloadFailedRolledBack
                case .verifyFailed: .verifyFailedRolledBack
                default: failure.code
                }
            let told = DeploymentFailure(code, at: failure.stage, failure.message)
            return Ending(kind: .rolledBack(told), verification: report)
        } catch {
            log.note(.rollback, since: start, "failed")
            let message =
                "\(failure.message). Rolling back failed as well: \(error). "
                + "Restore the files from the listed backups and reload the service by hand"
            let told = DeploymentFailure(.rollbackFailed, at: failure.stage, message)
            return Ending(kind: .stuck(told), verification: report)
        }
    }

    private func reloadAndLook(_ journal: DeploymentJournal) async throws(DeploymentFailure) {
        try await commands.run(journal.reload, failingWith: .rollbackFailed, at: .rollback)
        guard case .probe(let plan) = journal.verification, !journal.observedBefore.isEmpty else { return }
        let report = await EndpointVerifier(host: host)
            .verifyRestored(plan, observedBefore: journal.observedBefore)
        guard report.status == .success else {
            throw DeploymentFailure(
                .rollbackFailed, at: .rollback, report.reason ?? "the old certificate is not served")
        }
    }
}
