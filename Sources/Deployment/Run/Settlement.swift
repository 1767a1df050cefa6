import Domain
import HostEffects

/// What remains on disk when a deployment is over.
struct Settlement: Sendable {
    let host: DeploymentHost

    /// Removes the journal, or sets it aside when a person must look, and records what is live.
    /// - Returns: `false` when the journal could not be settled; recovery finds it at the next start.
    func settle(_ journal: DeploymentJournal, _ ending: Ending) async -> Bool {
        let journals = JournalStore(host: host)
        let live: String? =
            if case .live = ending.kind { journal.servedFingerprints.first } else { nil }
        await record(live: live, of: journal.targetID, job: journal.jobID)
        do {
            try await host.blocking { files in
                if case .stuck = ending.kind {
                    try journals.setAside(journal, files)
                } else {
                    try journals.remove(journal, files)
                }
            }
            return true
        } catch {
            return false
        }
    }

    /// The record is an optimisation: without it the next run reloads once more than needed.
    func record(live fingerprint: String?, of target: TargetID, job: JobID) async {
        let journals = JournalStore(host: host)
        _ = try? await host.blocking { files in
            try journals.record(liveFingerprint: fingerprint, of: target, job: job, files)
        }
    }
}
