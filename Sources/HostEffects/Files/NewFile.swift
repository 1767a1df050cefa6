#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that grows piece by piece and becomes visible under its name when it is complete and durable.
///
/// One caller at a time appends; every operation blocks.
package final class NewFile: Sendable {
    private let descriptor: Int32
    private let file: AtomicFile
    private let fileSystem: FileSystem

    /// Creates the temporary file beside `destination`, mode 0600.
    package init(destination: String, stamp: Int64, fileSystem: FileSystem) throws(FileError) {
        file = AtomicFile(destination: destination, stamp: stamp)
        self.fileSystem = fileSystem
        let path = file.temporary
        try fileSystem.pass(.create, path)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(.create, path, errno: errno) }
    }

    deinit { close(descriptor) }

    package func append(_ octets: [UInt8]) throws(FileError) {
        try fileSystem.writeAll(octets, to: descriptor, file.temporary)
    }

    /// Syncs the content, renames the file to its destination and syncs the directory.
    package func commit() throws(FileError) {
        try fileSystem.pass(.sync, file.temporary)
        guard fsync(descriptor) == 0 else { throw FileError(.sync, file.temporary, errno: errno) }
        try file.commit(fileSystem: fileSystem)
        try fileSystem.syncDirectory(PathText.parent(of: file.destination))
    }

    /// Removes what was written so far.
    package func discard() { try? fileSystem.remove(file.temporary) }
}

/// Reads a file line by line, so that its size does not matter.
package final class LineReader {
    /// The longest line that is read.
    private let limit: Int
    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    /// - Throws: ``FileError``, also when there is no such file.
    package init(_ path: String, lineLimit: Int) throws(FileError) {
        self.path = path
        limit = lineLimit
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.read, path, errno: errno) }
    }

    deinit { close(descriptor) }

    /// The next line without its line feed; `nil` at the end. A last line without line feed counts.
    package func next() throws(FileError) -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) {
                let line = Array(buffer[start..<end])
                start = end + 1
                return line
            }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                defer { start = buffer.count }
                return Array(buffer[start...])
            }
            guard buffer.count - start <= limit else { throw FileError(.read, path, .tooLarge(limit: limit)) }
            buffer.removeFirst(start)
            start = 0
            searched = buffer.count
            try fill()
        }
    }

    private func fill() throws(FileError) {
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(.read, path, errno: errno) }
            if count == 0 { isAtEnd = true }
            buffer.append(contentsOf: chunk.prefix(count))
            return
        }
    }
}
