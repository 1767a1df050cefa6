/// Replaces a file so that a reader sees the old or the new content and never a part of it.
///
/// A temporary file beside the destination is created exclusively, written, synced and given its mode and
/// owner; renaming it over the destination and syncing the directory make it current.
package struct AtomicFile: Sendable {
    package static let temporaryInfix = ".certctl-tmp."

    package let destination: String
    package let temporary: String

    /// The stamp, Unix time in nanoseconds, makes the temporary name unique.
    package init(destination: String, stamp: Int64) {
        self.destination = destination
        temporary = "\(destination)\(Self.temporaryInfix)\(stamp)"
    }

    /// Writes the temporary file. On failure nothing is left behind.
    package func stage(
        _ octets: [UInt8],
        attributes: FileAttributes?,
        fileSystem: FileSystem
    ) throws(FileError) {
        try fileSystem.create(temporary, octets)
        guard let attributes else { return }
        do throws(FileError) {
            try Ownership.apply(attributes, to: temporary, fileSystem: fileSystem)
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    /// Makes the staged file current. The caller syncs the directory afterwards.
    package func commit(fileSystem: FileSystem) throws(FileError) {
        try fileSystem.rename(temporary, to: destination)
    }

    /// Stages, commits and syncs the directory: one durable replacement with mode 0600 unless told otherwise.
    package static func replace(
        _ destination: String,
        with octets: [UInt8],
        mode: UInt32 = 0o600,
        stamp: Int64,
        fileSystem: FileSystem
    ) throws(FileError) {
        let file = AtomicFile(destination: destination, stamp: stamp)
        try fileSystem.create(file.temporary, octets)
        do throws(FileError) {
            if mode != 0o600 { try fileSystem.changeMode(file.temporary, to: mode) }
            try file.commit(fileSystem: fileSystem)
        } catch {
            try? fileSystem.remove(file.temporary)
            throw error
        }
        try fileSystem.syncDirectory(PathText.parent(of: destination))
    }

    /// Removes temporaries of `destination` that an interrupted run left more than `age` seconds before `now`.
    /// The caller holds the lock of the destination when `age` is so small that a running deployment could own one.
    package static func removeOrphans(
        of destination: String,
        olderThan age: Int64,
        now: Int64,
        fileSystem: FileSystem
    ) throws(FileError) {
        let directory = PathText.parent(of: destination)
        let prefix = PathText.name(of: destination) + temporaryInfix
        for name in try fileSystem.list(directory) where name.hasPrefix(prefix) {
            let path = PathText.join(directory, name)
            guard let status = try fileSystem.status(path), status.kind == .regular,
                now - status.modifiedSeconds > age
            else { continue }
            try fileSystem.remove(path)
        }
    }
}
