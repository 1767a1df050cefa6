#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How configuration reads files: the host's file system, or a table in a test.
package struct FileAccess: Sendable {
    let contents: @Sendable (_ path: String) -> Result<FileContent, FileProblem>

    package init(_ contents: @escaping @Sendable (_ path: String) -> Result<FileContent, FileProblem>) {
        self.contents = contents
    }
}

/// A configuration or secret file as it was found.
package struct FileContent: Sendable {
    package let octets: [UInt8]
    /// The permission bits.
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32

    package init(octets: [UInt8], mode: UInt32 = 0o600, owner: UInt32 = 0, group: UInt32 = 0) {
        self.octets = octets
        self.mode = mode
        self.owner = owner
        self.group = group
    }
}

/// Why a file could not be read.
package enum FileProblem: Error, Hashable, Sendable {
    case missing, forbidden, notARegularFile
    case tooLarge(limit: Int)
    case failed(reason: String)

    var text: String {
        switch self {
        case .missing: "does not exist"
        case .forbidden: "may not be read by this user"
        case .notARegularFile: "is not a regular file"
        case .tooLarge(let limit): "is larger than \(limit) octets"
        case .failed(let reason): "cannot be read: \(reason)"
        }
    }
}

extension FileAccess {
    /// The most that a configuration or secret file may hold.
    static let largestFile = 1 << 20

    /// The host's file system.
    package static let system = FileAccess { path in
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(FileProblem(errno: errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(FileProblem(errno: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notARegularFile) }
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(FileProblem(errno: errno)) }
            if count == 0 { break }
            octets.append(contentsOf: buffer[..<count])
            guard octets.count <= largestFile else { return .failure(.tooLarge(limit: largestFile)) }
        }
        return .success(
            FileContent(
                octets: octets,
                mode: UInt32(status.st_mode & 0o7777),
                owner: UInt32(status.st_uid),
                group: UInt32(status.st_gid)
            )
        )
    }
}

extension FileProblem {
    fileprivate init(errno code: Int32) {
        switch code {
        case ENOENT, ENOTDIR: self = .missing
        case EACCES, EPERM: self = .forbidden
        default: self = .failed(reason: String(cString: strerror(code)))
        }
    }
}
