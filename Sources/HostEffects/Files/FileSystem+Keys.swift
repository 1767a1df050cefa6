#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files that hold keys: nobody but their owner opens them, and none is ever written over.
extension FileSystem {
    /// The octets of a file that this user or root owns and nobody else may open; `nil` when it does not exist.
    ///
    /// Owner and mode are those of what was opened, so that it cannot be exchanged in between.
    package func readOwned(_ path: String, atMost limit: Int = 1 << 20) throws(FileError) -> [UInt8]? {
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
        let status = FileStatus(raw)
        guard status.kind == .regular else { throw FileError(.read, path, .notARegularFile) }
        guard status.userID == geteuid() || status.userID == 0 else {
            throw FileError(.read, path, .insecure("it belongs to another user (uid \(status.userID))"))
        }
        guard status.mode & 0o077 == 0 else {
            throw FileError(
                .read, path,
                .insecure(
                    "others than its owner may open it (mode \(status.attributes.octalMode)); run chmod 600 on it"))
        }
        return try Self.readAll(descriptor, path, limit: limit)
    }

    /// Writes a file of mode 0600 that must not exist yet, whole or not at all, and makes it durable.
    ///
    /// - Throws: ``FileError/Reason/alreadyExists`` when there is one by now, whoever made it.
    package func publish(_ path: String, _ octets: [UInt8], stamp: Int64) throws(FileError) {
        let temporary = AtomicFile(destination: path, stamp: stamp).temporary
        try create(temporary, octets)
        do throws(FileError) {
            try pass(.rename, path)
            // A rename would replace what another process put there in the meantime.
            guard link(temporary, path) == 0 else { throw FileError(.rename, path, errno: errno) }
        } catch {
            try? remove(temporary)
            throw error
        }
        try remove(temporary)
        try syncDirectory(PathText.parent(of: path))
    }

    /// The octets of a file that this user or root owns and that has a mode of ``PrivateFileRule``; `nil` when it does not
    /// exist.
    ///
    /// Owner and mode are those of what was opened, and no link is followed on the way to it: what a check has resolved
    /// cannot have been exchanged since.
    ///
    /// - `path`: Absolute, as ``PathRules/realPath(_:)`` gives it.
    package func readPrivate(
        resolved path: String, atMost limit: Int = 1 << 20,
        credentials: String? = PrivateFileRule.credentialsDirectory()
    ) throws(FileError) -> [UInt8]? {
        try pass(.read, path)
        let descriptor = Self.openWithoutLinks(path)
        if descriptor < 0 {
            let failure = FileError(.read, path, errno: errno)
            if failure.reason == .notFound { return nil }
            throw failure
        }
        defer { close(descriptor) }
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else { throw FileError(.read, path, errno: errno) }
        let status = FileStatus(raw)
        guard status.kind == .regular else { throw FileError(.read, path, .notARegularFile) }
        guard status.userID == geteuid() || status.userID == 0 else {
            throw FileError(.read, path, .insecure("it belongs to another user (uid \(status.userID))"))
        }
        if let finding = PrivateFileRule.finding(for: status, at: path, credentials: credentials) {
            throw FileError(.read, path, .insecure(finding))
        }
        return try Self.readAll(descriptor, path, limit: limit)
    }

    private static func openWithoutLinks(_ path: String) -> Int32 {
        #if os(Linux)
            // O_PATH of <fcntl.h>, which is not imported: folders that may be passed but not listed are enough.
            let folder = 0o10_000_000 | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        #else
            let folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        #endif
        let steps = path.split(separator: "/").map(String.init)
        var descriptor = open("/", folder)
        for (index, step) in steps.enumerated() where descriptor >= 0 {
            let isLast = index == steps.count - 1
            let next = openat(
                descriptor, step, isLast ? O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK : folder)
            let reason = errno
            close(descriptor)
            errno = reason
            descriptor = next
        }
        return descriptor
    }

    /// Whether this process could put a file into a directory now.
    package func mayWrite(into directory: String) throws(FileError) -> Bool {
        try pass(.inspect, directory)
        return access(directory, W_OK | X_OK) == 0
    }
}
