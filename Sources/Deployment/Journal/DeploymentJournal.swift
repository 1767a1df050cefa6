import Domain
import HostEffects
import Outbound

/// The intent of a running deployment, on disk before the first change (`<state>/deploy/<job>.json`).
///
/// After a crash it says what was under way, and where the old octets are.
struct DeploymentJournal: Hashable, Sendable {
    /// How far the deployment had surely come.
    enum Phase: String, Sendable, CaseIterable {
        /// Backups and temporaries may exist; no destination has changed.
        case staging
        /// Destinations are being replaced.
        case committing
        /// All destinations are new; the consumer may not have read them yet.
        case committed
        /// Destinations are being restored.
        case rollingBack = "rolling_back"
    }

    struct Previous: Hashable, Sendable {
        let digest: String
        let attributes: FileAttributes
        let backup: String
    }

    struct File: Hashable, Sendable {
        let role: FileRole
        let destination: String
        let temporary: String
        let digest: String
        let attributes: FileAttributes
        /// `nil` for a file that did not exist.
        let previous: Previous?
    }

    let jobID: JobID
    let targetID: TargetID
    let startedAt: Timestamp
    let stamp: Int64
    var phase: Phase
    /// In the order in which they become current.
    let files: [File]
    /// Argument vectors as resolved on this host.
    let validate: [String]?
    let reload: [String]?
    let commandTimeout: Duration
    let verification: VerificationChoice
    /// Fingerprints of the chain that must be served, leaf first.
    let servedFingerprints: [String]
    /// What each address served before: what it must serve again after a roll-back.
    let observedBefore: [String: String]
    let keptBackups: Int
}
