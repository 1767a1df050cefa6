import Domain
import HostEffects

/// The deploy primitive (specification, targets §2): afterwards a target has entirely the new files and
/// serves them, or entirely the old ones; a crash in between is put right by ``recover()``.
package struct AtomicDeployment: Sendable {
    let host: DeploymentHost

    package init(host: DeploymentHost) { self.host = host }

    /// How long a run waits for another one that uses the same files or the same reload command.
    static let lockTimeout = Duration.seconds(120)
    /// Temporaries of interrupted runs are removed after one hour.
    static let orphanAge: Int64 = 3600
    /// Backups are removed after thirty days.
    static let longestBackupAge = Duration.days(30)

    /// Runs a plan. Whatever goes wrong is in the result.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before the target is locked. Later
    ///   cancellation is ignored: the deployment finishes or is rolled back.
    package func deploy(_ plan: DeploymentPlan) async throws(CancellationError) -> DeploymentResult {
        let run = DeploymentRun(plan, host: host)
        let prepared: PreparedPlan
        let locks: [FileLock]
        do {
            prepared = try await run.prepare()
            locks = try await run.lock(prepared)
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch let failure as DeploymentFailure {
            return run.result(of: failure)
        } catch {
            return run.result(of: DeploymentFailure(.writeFailed, at: .lock, "\(error)"))
        }
        let result = await run.execute(prepared)
        withExtendedLifetime(locks) {}
        return result
    }
}
