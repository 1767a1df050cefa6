import Domain
import HostEffects

/// The replacement and the restoration of the files that a journal names. Used by a run and by recovery.
struct JournaledChange: Sendable {
    let host: DeploymentHost
    let journals: JournalStore

    init(host: DeploymentHost) {
        self.host = host
        journals = JournalStore(host: host)
    }

    /// Renames every temporary over its destination, in order, and makes that durable.
    func commit(_ journal: DeploymentJournal) async throws(DeploymentFailure) {
        do {
            try await host.blocking { files in
                for file in journal.files { try files.rename(file.temporary, to: file.destination) }
                try Self.syncDirectories(of: journal, files)
            }
        } catch {
            throw DeploymentFailure(.writeFailed, at: .commit, "\(error)")
        }
    }

    /// Puts every destination back to what it was. Safe to repeat.
    func restore(_ journal: DeploymentJournal) async throws {
        let stamp = host.stamp
        try await host.blocking { files in
            for file in journal.files { try Self.restore(file, stamp: stamp, files) }
            try Self.syncDirectories(of: journal, files)
        }
    }

    private static func restore(_ file: DeploymentJournal.File, stamp: Int64, _ files: FileSystem) throws {
        try files.remove(file.temporary)
        guard let previous = file.previous else {
            try files.remove(file.destination)
            return
        }
        if let current = try files.read(file.destination), ContentDigest.of(current) == previous.digest,
            try files.status(file.destination)?.attributes == previous.attributes
        {
            return
        }
        guard let octets = try files.read(previous.backup), ContentDigest.of(octets) == previous.digest else {
            throw FileError(.read, previous.backup, .insecure("the backup is missing or damaged"))
        }
        let replacement = AtomicFile(destination: file.destination, stamp: stamp)
        try replacement.stage(octets, attributes: previous.attributes, fileSystem: files)
        try replacement.commit(fileSystem: files)
    }

    /// Removes what a deployment that changed nothing has prepared.
    func discardStaged(_ journal: DeploymentJournal) async throws {
        try await host.blocking { files in
            for file in journal.files { try files.remove(file.temporary) }
            for file in journal.files {
                if let previous = file.previous { try files.remove(previous.backup) }
            }
        }
    }

    private static func syncDirectories(of journal: DeploymentJournal, _ files: FileSystem) throws(FileError) {
        let directories = Set(journal.files.map { PathText.parent(of: $0.destination) })
        for directory in directories.sorted() { try files.syncDirectory(directory) }
    }

    func write(_ journal: DeploymentJournal) async throws(DeploymentFailure) {
        do { try await host.blocking { files in try journals.write(journal, files) } } catch {
            throw DeploymentFailure(.writeFailed, at: .stage, "the journal: \(error)")
        }
    }
}
