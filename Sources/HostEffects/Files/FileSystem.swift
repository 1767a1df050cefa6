#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The host's file system. Every operation blocks; callers run groups of them through ``BlockingWork``.
///
/// `gate` is asked before each effect and may refuse it: that is the seam for fault and crash tests.
/// All opens use `O_NOFOLLOW | O_CLOEXEC`; none follows a symbolic link in the final component.
package struct FileSystem: Sendable {
    package typealias Gate = @Sendable (FileEffect, String) throws(FileError) -> Void

    private let gate: Gate?

    package init(gate: Gate? = nil) { self.gate = gate }

    package static let live = FileSystem()

    /// The largest file that ``read(_:atMost:)`` takes unless told otherwise: 16 MiB.
    package static let defaultReadLimit = 16 << 20

    func pass(_ effect: FileEffect, _ path: String) throws(FileError) {
        if let gate { try gate(effect, path) }
    }

    /// What stands at `path` itself; a symbolic link is not followed. `nil` when nothing does.
    package func status(_ path: String) throws(FileError) -> FileStatus? {
        try pass(.inspect, path)
        var raw = stat()
        if lstat(path, &raw) == 0 { return FileStatus(raw) }
        let failure = FileError(.inspect, path, errno: errno)
        if failure.reason == .notFound { return nil }
        throw failure
    }

    /// The octets of a regular file, or `nil` when it does not exist.
    package func read(_ path: String, atMost limit: Int = defaultReadLimit) throws(FileError) -> [UInt8]? {
        try pass(.read, path)
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        if descriptor < 0 {
            let failure = FileError(.read, path, errno: errno)
            if failure.reason == .notFound { return nil }
            throw failure
        }
        defer { close(descriptor) }
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else { throw FileError(.read, path, errno: errno) }
        guard FileStatus(raw).kind == .regular else { throw FileError(.read, path, .notARegularFile) }
        return try Self.readAll(descriptor, path, limit: limit)
    }

    static func readAll(_ descriptor: Int32, _ path: String, limit: Int) throws(FileError) -> [UInt8] {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return octets }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(.read, path, errno: errno)
            }
            octets.append(contentsOf: chunk.prefix(count))
            if octets.count > limit { throw FileError(.read, path, .tooLarge(limit: limit)) }
        }
    }

    /// The names in a directory in ascending order, without `.` and `..`; empty when it does not exist.
    package func list(_ directory: String) throws(FileError) -> [String] {
        try pass(.list, directory)
        guard let stream = opendir(directory) else {
            let failure = FileError(.list, directory, errno: errno)
            if failure.reason == .notFound { return [] }
            throw failure
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Writes a file that must not exist yet, mode 0600, and syncs it. A failed write leaves nothing behind.
    package func create(_ path: String, _ octets: [UInt8]) throws(FileError) {
        try pass(.create, path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(.create, path, errno: errno) }
        do throws(FileError) {
            defer { close(descriptor) }
            guard fchmod(descriptor, 0o600) == 0 else { throw FileError(.changeMode, path, errno: errno) }
            try writeAll(octets, to: descriptor, path)
            try pass(.sync, path)
            guard fsync(descriptor) == 0 else { throw FileError(.sync, path, errno: errno) }
        } catch {
            try? remove(path)
            throw error
        }
    }

    func writeAll(_ octets: [UInt8], to descriptor: Int32, _ path: String) throws(FileError) {
        try pass(.write, path)
        var written = 0
        while written < octets.count {
            let count = octets.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[written...])
                return systemWrite(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(.write, path, errno: errno)
            }
            written += count
        }
    }

    package func changeMode(_ path: String, to mode: UInt32) throws(FileError) {
        try pass(.changeMode, path)
        guard chmod(path, mode_t(mode)) == 0 else { throw FileError(.changeMode, path, errno: errno) }
    }

    /// Does not follow a symbolic link.
    package func changeOwner(_ path: String, userID: UInt32, groupID: UInt32) throws(FileError) {
        try pass(.changeOwner, path)
        guard lchown(path, userID, groupID) == 0 else { throw FileError(.changeOwner, path, errno: errno) }
    }

    /// Replaces `destination` in one step; both must be on the same file system.
    package func rename(_ source: String, to destination: String) throws(FileError) {
        try pass(.rename, destination)
        guard systemRename(source, destination) == 0 else { throw FileError(.rename, destination, errno: errno) }
    }

    /// Removes a file or a link; a missing one is no error.
    package func remove(_ path: String) throws(FileError) {
        try pass(.remove, path)
        guard unlink(path) != 0 else { return }
        let failure = FileError(.remove, path, errno: errno)
        if failure.reason != .notFound { throw failure }
    }

    /// Makes renames and removals in `directory` durable.
    package func syncDirectory(_ directory: String) throws(FileError) {
        try pass(.syncDirectory, directory)
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.syncDirectory, directory, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(.syncDirectory, directory, errno: errno) }
    }

    /// Creates `path` and its missing parents with mode 0700. An existing `path` is tightened to 0700 when
    /// this process owns it, and refused when somebody else does.
    package func makePrivateDirectory(_ path: String) throws(FileError) {
        if let existing = try status(path) {
            guard existing.kind == .directory else { throw FileError(.makeDirectory, path, .alreadyExists) }
            guard existing.userID == geteuid() else {
                throw FileError(.makeDirectory, path, .insecure("it belongs to another user (uid \(existing.userID))"))
            }
            if existing.mode & 0o077 != 0 { try changeMode(path, to: 0o700) }
            return
        }
        let parent = PathText.parent(of: path)
        if parent != path, try status(parent) == nil { try makePrivateDirectory(parent) }
        try pass(.makeDirectory, path)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(.makeDirectory, path, errno: errno) }
        try syncDirectory(parent)
    }
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}

private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}

private func systemRename(_ source: String, _ destination: String) -> Int32 { rename(source, destination) }
