import Domain
import Encoding
import HostEffects

/// Journals and the last outcome of each target, each file replaced atomically and synced.
struct JournalStore: Sendable {
    let host: DeploymentHost

    /// The longest journal that is read.
    private static let sizeLimit = 1 << 20

    func write(_ journal: DeploymentJournal, _ files: FileSystem) throws(FileError) {
        try files.makePrivateDirectory(host.journalDirectory)
        try AtomicFile.replace(
            path(of: journal),
            with: Array(journal.json.text.utf8),
            stamp: host.stamp,
            fileSystem: files
        )
    }

    func remove(_ journal: DeploymentJournal, _ files: FileSystem) throws(FileError) {
        try files.remove(path(of: journal))
        try files.syncDirectory(host.journalDirectory)
    }

    /// Takes a journal out of recovery's sight and keeps it for the person who must look.
    func setAside(_ journal: DeploymentJournal, _ files: FileSystem) throws(FileError) {
        try files.rename(path(of: journal), to: path(of: journal) + ".failed")
        try files.syncDirectory(host.journalDirectory)
    }

    /// Every journal in the directory, oldest first; unreadable ones are set aside and named.
    func unfinished(_ files: FileSystem) throws(FileError) -> (journals: [DeploymentJournal], unreadable: [String]) {
        var journals: [DeploymentJournal] = []
        var unreadable: [String] = []
        for name in try files.list(host.journalDirectory) where name.hasSuffix(".json") {
            let path = PathText.join(host.journalDirectory, name)
            let octets = try files.read(path, atMost: Self.sizeLimit) ?? []
            if let json = try? JSONValue(parsing: octets), let journal = DeploymentJournal(json: json) {
                journals.append(journal)
            } else {
                try files.rename(path, to: path + ".failed")
                unreadable.append(path + ".failed")
            }
        }
        return (journals.sorted { $0.startedAt < $1.startedAt }, unreadable)
    }

    /// The journal as it stands now; `nil` when its deployment has ended meanwhile.
    func reread(_ journal: DeploymentJournal, _ files: FileSystem) throws(FileError) -> DeploymentJournal? {
        guard let octets = try files.read(path(of: journal), atMost: Self.sizeLimit) else { return nil }
        return (try? JSONValue(parsing: octets)).flatMap(DeploymentJournal.init(json:))
    }

    private func path(of journal: DeploymentJournal) -> String {
        PathText.join(host.journalDirectory, "\(journal.jobID.text).json")
    }

    /// The leaf that the last deployment of a target left live and in good order; `nil` after a failure.
    func liveFingerprint(of target: TargetID, _ files: FileSystem) throws(FileError) -> String? {
        let path = PathText.join(host.recordDirectory, "\(target.text).json")
        guard let octets = try files.read(path, atMost: Self.sizeLimit) else { return nil }
        return (try? JSONValue(parsing: octets))?["live_fingerprint"]?.stringValue
    }

    /// Notes which leaf is live on a target; `nil` when nobody knows.
    func record(
        liveFingerprint fingerprint: String?,
        of target: TargetID,
        job: JobID,
        _ files: FileSystem
    ) throws(FileError) {
        try files.makePrivateDirectory(host.recordDirectory)
        var object: JSONObject = ["job_id": .string(job.text), "at": .string(host.time.now.rfc3339)]
        if let fingerprint { object["live_fingerprint"] = .string(fingerprint) }
        try AtomicFile.replace(
            PathText.join(host.recordDirectory, "\(target.text).json"),
            with: Array(JSONValue.object(object).text.utf8),
            stamp: host.stamp,
            fileSystem: files
        )
    }
}
