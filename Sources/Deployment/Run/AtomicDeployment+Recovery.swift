package import Domain
import HostEffects

/// A deployment that an earlier process left unfinished, and what became of it.
package struct RecoveredDeployment: Sendable {
    package let jobID: JobID
    package let targetID: TargetID
    package let result: DeploymentResult
}

/// What recovery found.
package struct RecoveryReport: Sendable {
    package let deployments: [RecoveredDeployment]
    /// Journals that could not be read; they were renamed to these paths.
    package let unreadableJournals: [String]
}

extension AtomicDeployment {
    /// Completes or undoes what an earlier process left behind. Call it once, before the first deployment.
    /// - Throws: When the journals cannot be read at all, or the task is cancelled while it waits for a lock.
    package func recover() async throws -> RecoveryReport {
        let journals = JournalStore(host: host)
        let (found, unreadable) = try await host.blocking { files in try journals.unfinished(files) }
        var recovered: [RecoveredDeployment] = []
        for journal in found {
            // A process that is still at it holds these locks, and then its journal is gone.
            let resources = ["target:\(journal.targetID.text)"] + journal.files.map { "file:\($0.destination)" }
            let locks = try await ResourceLocks(host: host).acquire(resources, within: Self.lockTimeout)
            guard let current = try await host.blocking({ files in try journals.reread(journal, files) }) else {
                continue
            }
            let result = await Recovery(current, host: host).run()
            withExtendedLifetime(locks) {}
            recovered.append(RecoveredDeployment(jobID: journal.jobID, targetID: journal.targetID, result: result))
        }
        return RecoveryReport(deployments: recovered, unreadableJournals: unreadable)
    }
}

/// The recovery of one journal.
private struct Recovery {
    private enum FileState {
        case new, old, staged, foreign
    }

    let journal: DeploymentJournal
    let host: DeploymentHost
    let completion: Completion
    let log: PhaseLog

    init(_ journal: DeploymentJournal, host: DeploymentHost) {
        self.journal = journal
        self.host = host
        completion = Completion(host: host, commandTimeout: journal.commandTimeout)
        log = PhaseLog(time: host.time)
    }

    func run() async -> DeploymentResult {
        let ending: Ending
        do {
            ending = try await end()
        } catch {
            let failure = DeploymentFailure(.rollbackFailed, at: .rollback, "recovery: \(error)")
            ending = Ending(kind: .stuck(failure), verification: skippedReport)
        }
        await removeTemporaries()
        _ = await Settlement(host: host).settle(journal, ending)
        return result(ending)
    }

    private func end() async throws -> Ending {
        let states = try await host.blocking { [journal] files in
            try journal.files.map { try Self.state(of: $0, files) }
        }
        let interrupted = DeploymentFailure(
            .interruptedRolledBack,
            at: .rollback,
            "the process ended during the deployment; the old files are in place"
        )
        switch journal.phase {
        case .staging:
            try await completion.change.discardStaged(journal)
            return Ending(kind: .rolledBack(interrupted), verification: skippedReport)
        case .committing, .committed:
            if states.contains(where: { $0 == .foreign }) { return try await supersede() }
            if states.contains(where: { $0 == .old }) { return await undo(interrupted, touchedDaemon: false) }
            return try await goOn(states)
        case .rollingBack:
            if states.contains(where: { $0 == .foreign }) { return try await supersede() }
            return await undo(interrupted, touchedDaemon: true)
        }
    }

    /// Those of an interrupted restoration bear another stamp than the journal's. The lock is ours, so none is
    /// in use; one that cannot be removed now is removed by a later run.
    private func removeTemporaries() async {
        let now = host.time.now.secondsSinceEpoch
        _ = try? await host.blocking { [journal] files in
            for file in journal.files {
                try AtomicFile.removeOrphans(of: file.destination, olderThan: -1, now: now, fileSystem: files)
            }
        }
    }

    private func goOn(_ states: [FileState]) async throws -> Ending {
        try await host.blocking { [journal] files in
            for (file, state) in zip(journal.files, states) where state == .staged {
                try files.rename(file.temporary, to: file.destination)
            }
            for directory in Set(journal.files.map { PathText.parent(of: $0.destination) }).sorted() {
                try files.syncDirectory(directory)
            }
        }
        return await completion.complete(journal, log)
    }

    private func undo(_ failure: DeploymentFailure, touchedDaemon: Bool) async -> Ending {
        await completion.undo(journal, because: failure, touchedDaemon: touchedDaemon, skippedReport, log)
    }

    /// Somebody replaced a file since: a newer deployment or a person. Their work is left alone.
    private func supersede() async throws -> Ending {
        try await host.blocking { [journal] files in
            for file in journal.files { try files.remove(file.temporary) }
        }
        let failure = DeploymentFailure(
            .interruptedRolledBack,
            at: .rollback,
            "the process ended during the deployment, and its files were replaced by something else since"
        )
        return Ending(kind: .rolledBack(failure), verification: skippedReport)
    }

    private static func state(of file: DeploymentJournal.File, _ files: FileSystem) throws -> FileState {
        let current = try files.read(file.destination).map { ContentDigest.of($0) }
        if current == file.digest { return .new }
        guard current == file.previous?.digest else { return .foreign }
        let staged = try files.read(file.temporary).map { ContentDigest.of($0) }
        return staged == file.digest ? .staged : .old
    }

    private var skippedReport: VerificationReport {
        .skipped("the deployment did not get that far", expected: journal.servedFingerprints.first ?? "")
    }

    private func result(_ ending: Ending) -> DeploymentResult {
        var result = DeploymentResult(startedAt: journal.startedAt, verification: ending.verification)
        result.phases = log.phases
        result.deployedAt = host.time.now
        result.duration = host.time.now - journal.startedAt
        result.metadata["recovered"] = "true"
        switch ending.kind {
        case .live:
            result.isSuccess = true
            result.changedFiles = journal.files.map(\.destination)
            result.message = "completed after a restart"
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
            result.changedFiles = journal.files.map(\.destination)
            result.backupPaths = journal.files.compactMap { $0.previous?.backup }
        }
        return result
    }
}
