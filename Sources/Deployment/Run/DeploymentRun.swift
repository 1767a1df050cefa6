import Domain
import HostEffects

/// One run of a plan, from the first look to the result. Belongs to one task.
final class DeploymentRun {
    let plan: DeploymentPlan
    let host: DeploymentHost
    let log: PhaseLog
    let journals: JournalStore
    let completion: Completion
    private let startedAt: Timestamp

    init(_ plan: DeploymentPlan, host: DeploymentHost) {
        self.plan = plan
        self.host = host
        log = PhaseLog(time: host.time)
        journals = JournalStore(host: host)
        completion = Completion(host: host, commandTimeout: plan.commandTimeout)
        startedAt = host.time.now
    }

    var leafFingerprint: String { plan.servedChain.first.map { ContentDigest.of($0) } ?? "" }

    func prepare() async throws(DeploymentFailure) -> PreparedPlan {
        try await log.step(.prepare) { () throws(DeploymentFailure) in
            try await files(at: .prepare) { [plan, host] files in try PreparedPlan(plan, host: host, files) }
        }
    }

    /// Takes one lock for the target, each file and the reload command, in sorted order.
    func lock(_ prepared: PreparedPlan) async throws -> [FileLock] {
        let start = host.time.now
        var resources = ["target:\(plan.targetID.text)"] + prepared.files.map { "file:\($0.destination)" }
        if let reload = prepared.reload { resources.append("command:\(reload.text)") }
        let locks = try await ResourceLocks(host: host).acquire(resources, within: AtomicDeployment.lockTimeout)
        log.note(.lock, since: start, "ok")
        return locks
    }

    /// Everything under the lock.
    func execute(_ prepared: PreparedPlan) async -> DeploymentResult {
        let result: DeploymentResult
        do throws(DeploymentFailure) {
            let inspected = try await inspect(prepared)
            let isUnchanged = inspected.allSatisfy { !$0.hasNewContent }
            if isUnchanged, !plan.isForced {
                result = try await keepLive(prepared, inspected)
            } else {
                result = try await replace(prepared, inspected)
            }
        } catch {
            result = self.result(of: error)
        }
        if !result.needsManualAction { await tidy(prepared) }
        return result
    }

    private func inspect(_ prepared: PreparedPlan) async throws(DeploymentFailure) -> [InspectedFile] {
        try await log.step(.inspect) { () throws(DeploymentFailure) in
            try await files(at: .inspect) { files in try prepared.files.map { try InspectedFile($0, files) } }
        }
    }

    /// Runs blocking file work; a failure that is not typed becomes `write_failed` at `stage`.
    func files<Success: Sendable>(
        at stage: DeploymentStage,
        _ body: @escaping @Sendable (FileSystem) throws -> Success
    ) async throws(DeploymentFailure) -> Success {
        do {
            return try await host.blocking(body)
        } catch let failure as DeploymentFailure {
            throw failure
        } catch {
            throw DeploymentFailure(.writeFailed, at: stage, "\(error)")
        }
    }

    /// Old backups and temporaries of earlier crashes go, whatever came of this run. A failure here spoils
    /// no deployment.
    private func tidy(_ prepared: PreparedPlan) async {
        let now = host.time.now
        let oldest = (now - AtomicDeployment.longestBackupAge).microsecondsSinceEpoch * 1000
        let count = plan.backupRetention.count
        let directory = host.backupDirectory
        _ = try? await host.blocking { files in
            let backups = BackupStore(directory: directory, fileSystem: files)
            for file in prepared.files {
                try backups.prune(file.destination, keeping: count, notBefore: oldest)
                try AtomicFile.removeOrphans(
                    of: file.destination,
                    olderThan: AtomicDeployment.orphanAge,
                    now: now.secondsSinceEpoch,
                    fileSystem: files
                )
            }
        }
    }

    func result(of failure: DeploymentFailure) -> DeploymentResult {
        var result = emptyResult()
        result.errorCode = failure.code
        result.failedStage = failure.stage
        result.message = failure.message
        return result
    }

    func emptyResult() -> DeploymentResult {
        let report = VerificationReport.skipped("the deployment did not get that far", expected: leafFingerprint)
        var result = DeploymentResult(startedAt: startedAt, verification: report)
        result.phases = log.phases
        result.deployedAt = host.time.now
        result.duration = host.time.now - startedAt
        return result
    }
}
