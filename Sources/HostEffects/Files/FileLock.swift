#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An advisory lock (`flock(2)`) on a file, held until the object is released or the process ends.
///
/// It excludes other holders in this process and in others alike, because each holds its own open file.
package final class FileLock: Sendable {
    private let descriptor: Int32
    package let path: String

    /// Takes the lock now, or returns `nil` when somebody holds it. The file is created with mode 0600.
    package init?(attempting path: String, fileSystem: FileSystem) throws(FileError) {
        try fileSystem.pass(.lock, path)
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(.lock, path, errno: errno) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            if number == EINTR { continue }
            close(descriptor)
            if number == EWOULDBLOCK { return nil }
            throw FileError(.lock, path, errno: number)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        // Closing alone would leave the lock with a child process that is between fork and exec.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Replaces the content of the lock file: the holder's process id, for whoever is refused.
    package func write(processID: Int32) throws(FileError) {
        let text = Array("\(processID)\n".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.count, 0) == text.count else {
            throw FileError(.write, path, errno: errno)
        }
    }
}

/// Ownership of a directory by one process (specification, operations §3.6: `server.lock`).
package struct ProcessLock: ~Copyable, Sendable {
    private let lock: FileLock

    /// - Throws: ``ProcessLockError`` naming the holder when another process has it.
    package init(path: String, fileSystem: FileSystem = .live) throws {
        guard let lock = try FileLock(attempting: path, fileSystem: fileSystem) else {
            throw ProcessLockError(path: path, holder: try Self.holder(path, fileSystem))
        }
        try lock.write(processID: getpid())
        self.lock = lock
    }

    /// The process id in the lock file.
    ///
    /// A holder writes it just after it has the lock: for that moment the file is empty, or names a process that was
    /// killed. So a number without a living process is believed only when it stays.
    private static func holder(_ path: String, _ fileSystem: FileSystem) throws -> Int32? {
        var holder: Int32?
        for attempt in 0..<50 {
            let text = try fileSystem.read(path, atMost: 64).map { String(decoding: $0, as: UTF8.self) }
            holder = Int32(text?.prefix { $0.isASCII && $0.isNumber } ?? "")
            if let holder, kill(holder, 0) == 0 || errno == EPERM { break }
            var pause = timespec(tv_sec: 0, tv_nsec: 10_000_000)
            if attempt < 49 { nanosleep(&pause, nil) }
        }
        return holder
    }
}

/// Another process owns the directory.
package struct ProcessLockError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    /// The process id that the holder wrote, when it could be read.
    package let holder: Int32?

    package init(path: String, holder: Int32?) {
        self.path = path
        self.holder = holder
    }

    package var description: String {
        let who = holder.map { "process \($0)" } ?? "another process"
        return "\(path) is held by \(who); stop it first, or use another directory"
    }
}
