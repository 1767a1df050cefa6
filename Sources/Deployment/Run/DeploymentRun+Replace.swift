import Domain
import HostEffects
import Outbound

extension DeploymentRun {
    /// The full way: check, back up, stage, commit, make live, or undo.
    func replace(
        _ prepared: PreparedPlan,
        _ inspected: [InspectedFile]
    ) async throws(DeploymentFailure) -> DeploymentResult {
        try await log.step(.check) { () throws(DeploymentFailure) in try checkContents(inspected) }
        try await log.step(.validateBefore) { () throws(DeploymentFailure) in
            try await completion.commands.run(
                prepared.validate?.argv,
                failingWith: .preexistingConfigError,
                at: .validateBefore
            )
        }
        let changed = inspected.filter { plan.isForced || $0.hasNewContent }
        var journal = makeJournal(prepared, changed, observedBefore: await observe())
        try await fixAttributes(of: inspected.filter { !plan.isForced && !$0.hasNewContent })
        do throws(DeploymentFailure) {
            try await backUpAndStage(journal, changed)
            journal.phase = .committing
            try await completion.change.write(journal)
        } catch {
            await abandon(journal)
            throw error
        }
        var ending: Ending
        do throws(DeploymentFailure) {
            try await log.step(.commit) { () throws(DeploymentFailure) in
                try await completion.change.commit(journal)
                journal.phase = .committed
                try await completion.change.write(journal)
            }
            ending = await completion.complete(journal, log)
        } catch {
            let report = VerificationReport.skipped("no file was left changed", expected: leafFingerprint)
            ending = await completion.undo(journal, because: error, touchedDaemon: false, report, log)
        }
        return await close(journal, ending)
    }

    func checkContents(_ inspected: [InspectedFile]) throws(DeploymentFailure) {
        var contents: [FileRole: [UInt8]] = [:]
        for file in inspected { contents[file.planned.role] = file.planned.contents.withBytes { $0 } }
        try MaterialCheck.run(contents, now: plan.isForced ? nil : host.time.now)
    }

    private func observe() async -> [String: String] {
        guard case .probe(let verification) = plan.verification else { return [:] }
        let start = host.time.now
        let observed = await EndpointVerifier(host: host).observe(verification)
        log.note(.observeBefore, since: start, observed.isEmpty ? "nobody answers" : "ok")
        return observed
    }

    private func makeJournal(
        _ prepared: PreparedPlan,
        _ changed: [InspectedFile],
        observedBefore: [String: String]
    ) -> DeploymentJournal {
        let stamp = host.stamp
        let backups = BackupStore(directory: host.backupDirectory, fileSystem: host.fileSystem)
        let files = changed.map { file in
            DeploymentJournal.File(
                role: file.planned.role,
                destination: file.destination,
                temporary: AtomicFile(destination: file.destination, stamp: stamp).temporary,
                digest: file.digest,
                attributes: file.attributes,
                previous: file.current.map { current in
                    DeploymentJournal.Previous(
                        digest: current.digest,
                        attributes: current.attributes,
                        backup: backups.path(of: file.destination, stamp: stamp, attributes: current.attributes)
                    )
                }
            )
        }
        return DeploymentJournal(
            jobID: plan.jobID,
            targetID: plan.targetID,
            startedAt: host.time.now,
            stamp: stamp,
            phase: .staging,
            files: files,
            validate: prepared.validate?.argv,
            reload: prepared.reload?.argv,
            commandTimeout: plan.commandTimeout,
            verification: plan.verification,
            servedFingerprints: plan.servedChain.map { ContentDigest.of($0) },
            observedBefore: observedBefore,
            keptBackups: plan.backupRetention.count
        )
    }

    private func backUpAndStage(
        _ journal: DeploymentJournal,
        _ changed: [InspectedFile]
    ) async throws(DeploymentFailure) {
        let directory = host.backupDirectory
        try await completion.change.write(journal)
        try await log.step(.backup) { () throws(DeploymentFailure) in
            try await files(at: .backup) { files in
                let backups = BackupStore(directory: directory, fileSystem: files)
                for (file, entry) in zip(changed, journal.files) {
                    guard let current = file.current, let previous = entry.previous else { continue }
                    try current.contents.withBytes { try backups.save($0, as: previous.backup) }
                }
            }
        }
        try await log.step(.stage) { () throws(DeploymentFailure) in
            try await files(at: .stage) { files in
                for (file, entry) in zip(changed, journal.files) { try Self.stage(file, entry, journal.stamp, files) }
            }
        }
    }

    /// Writes one temporary and reads it back: what becomes current is what was checked.
    private static func stage(
        _ file: InspectedFile,
        _ entry: DeploymentJournal.File,
        _ stamp: Int64,
        _ files: FileSystem
    ) throws {
        let staged = AtomicFile(destination: entry.destination, stamp: stamp)
        try file.planned.contents.withBytes {
            try staged.stage($0, attributes: entry.attributes, fileSystem: files)
        }
        guard let written = try files.read(staged.temporary), ContentDigest.of(written) == entry.digest else {
            throw DeploymentFailure(
                .writeFailed, at: .stage, "\(staged.temporary) does not hold what was written to it")
        }
    }

    /// Nothing became current: the preparations go. What cannot be removed now goes in the next recovery.
    private func abandon(_ journal: DeploymentJournal) async {
        do {
            try await completion.change.discardStaged(journal)
            try await host.blocking { [journals] files in try journals.remove(journal, files) }
        } catch {
            log.note(.rollback, since: host.time.now, "left for recovery")
        }
    }

    /// Corrects mode and owner of files whose content is right; the consumer need not know.
    func fixAttributes(of inspected: [InspectedFile]) async throws(DeploymentFailure) {
        let wrong = inspected.filter(\.hasNewAttributes)
        guard !wrong.isEmpty else { return }
        try await files(at: .stage) { files in
            for file in wrong { try Ownership.apply(file.attributes, to: file.destination, fileSystem: files) }
        }
    }
}
