import Domain
import HostEffects

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A directory of the agent's own, mode 0700, whose files are 0600, replaced as a whole and survive a power failure.
struct DurableFolder: Sendable {
    /// More than any file that the agent writes.
    static let readLimit = 1 << 20

    let directory: String
    let fileSystem: FileSystem
    /// Makes the names of temporary files unique.
    let random: RandomSource

    func path(of name: String) -> String { name.isEmpty ? directory : PathText.join(directory, name) }

    func folder(_ name: String) -> DurableFolder {
        DurableFolder(directory: path(of: name), fileSystem: fileSystem, random: random)
    }

    /// Creates the directory or tightens it to its owner.
    func prepare() throws { try fileSystem.makePrivateDirectory(directory) }

    /// The entries in ascending order; empty when the directory does not exist.
    func names() throws -> [String] { try fileSystem.list(directory) }

    func exists(_ name: String) throws -> Bool { try fileSystem.status(path(of: name)) != nil }

    func read(_ name: String) throws -> [UInt8]? { try fileSystem.read(path(of: name), atMost: Self.readLimit) }

    /// The same of a file with a credential, which is refused when others can read it.
    func readSecret(_ name: String) throws -> [UInt8]? {
        try PrivateFileRule.read(path(of: name), atMost: Self.readLimit, fileSystem: fileSystem)
    }

    func write(_ name: String, octets: [UInt8]) throws {
        try AtomicFile.replace(path(of: name), with: octets, stamp: stamp(), fileSystem: fileSystem)
    }

    /// Replaces `destination`, durably.
    func rename(_ name: String, to destination: String) throws {
        try fileSystem.rename(path(of: name), to: path(of: destination))
        try fileSystem.syncDirectory(directory)
    }

    /// Removes a file; a missing one is no error.
    func remove(_ name: String) throws {
        try fileSystem.remove(path(of: name))
        try fileSystem.syncDirectory(directory)
    }

    /// Overwrites a file and removes it. On a file system that copies on write the old blocks may survive.
    func shred(_ name: String) throws {
        let path = path(of: name)
        if let status = try fileSystem.status(path), status.kind == .regular { try overwrite(path, count: status.size) }
        try remove(name)
    }

    private func overwrite(_ path: String, count: Int) throws {
        let descriptor = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.write, path, .system(errno: errno)) }
        defer { close(descriptor) }
        let zeros = [UInt8](repeating: 0, count: count)
        guard pwrite(descriptor, zeros, count, 0) == count, fsync(descriptor) == 0 else {
            throw FileError(.write, path, .system(errno: errno))
        }
    }

    /// Makes the symbolic link `name` lead to `target`, a name in the same directory, in one step.
    func link(_ name: String, to target: String) throws {
        if try linkTarget(name) == target { return }
        let temporary = path(of: "\(name)\(AtomicFile.temporaryInfix)\(stamp())")
        guard symlink(target, temporary) == 0 else { throw FileError(.create, temporary, .system(errno: errno)) }
        do throws(FileError) {
            try fileSystem.rename(temporary, to: path(of: name))
        } catch {
            unlink(temporary)
            throw error
        }
        try fileSystem.syncDirectory(directory)
    }

    /// What the symbolic link `name` leads to; `nil` when there is none.
    func linkTarget(_ name: String) throws -> String? {
        let path = path(of: name)
        guard try fileSystem.status(path)?.kind == .symbolicLink else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else { throw FileError(.read, path, .system(errno: errno)) }
        return String(decoding: buffer.prefix(count).lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes what interrupted writes left behind. Only the process that holds the state lock may call this.
    func removeTemporaries() throws {
        for name in try names() where name.contains(AtomicFile.temporaryInfix) { try shredOrUnlink(name) }
    }

    private func shredOrUnlink(_ name: String) throws {
        if try linkTarget(name) == nil { try shred(name) } else { try remove(name) }
    }

    private func stamp() -> Int64 {
        Int64(random.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1)
    }
}
