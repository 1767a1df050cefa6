#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A failed operation on the file system: what was tried, on which path, and why it did not work.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Conditions that an operator can act upon, told apart from the rest.
    package enum Reason: Hashable, Sendable {
        case notFound
        case alreadyExists
        case permissionDenied
        case diskFull
        case readOnlyFileSystem
        case crossDevice
        /// The path is, or leads through, a symbolic link that the rules do not follow.
        case symbolicLink
        case notARegularFile
        case tooLarge(limit: Int)
        case unknownAccount(name: String)
        case insecure(String)
        case system(errno: Int32)
    }

    package let effect: FileEffect
    package let path: String
    package let reason: Reason

    package init(_ effect: FileEffect, _ path: String, _ reason: Reason) {
        self.effect = effect
        self.path = path
        self.reason = reason
    }

    init(_ effect: FileEffect, _ path: String, errno number: Int32) {
        self.init(effect, path, Self.reason(of: number))
    }

    /// Whether a file is closed to this program or open to others.
    package var isPermissionProblem: Bool {
        switch reason {
        case .permissionDenied, .insecure: true
        case .notFound, .alreadyExists, .diskFull, .readOnlyFileSystem, .crossDevice, .symbolicLink, .notARegularFile,
            .tooLarge, .unknownAccount, .system:
            false
        }
    }

    package var description: String { "cannot \(effect.rawValue) \(path): \(explanation)" }

    private var explanation: String {
        switch reason {
        case .notFound: "no such file or directory"
        case .alreadyExists: "it exists already"
        case .permissionDenied: "permission denied, or the file carries the immutable attribute (lsattr shows it)"
        case .diskFull: "the disk is full or its quota is used up"
        case .readOnlyFileSystem: "the file system is mounted read-only"
        case .crossDevice: "source and destination are on different file systems"
        case .symbolicLink: "a symbolic link is in the way"
        case .notARegularFile: "it is not a regular file"
        case .tooLarge(let limit): "it is larger than \(limit) octets"
        case .unknownAccount(let name): "there is no user or group named \(name)"
        case .insecure(let finding): finding
        case .system(let number): "system error \(number) (\(Self.text(of: number)))"
        }
    }

    private static func reason(of number: Int32) -> Reason {
        switch number {
        case ENOENT, ENOTDIR: .notFound
        case EEXIST: .alreadyExists
        case EACCES, EPERM: .permissionDenied
        case ENOSPC, EDQUOT: .diskFull
        case EROFS: .readOnlyFileSystem
        case EXDEV: .crossDevice
        case ELOOP: .symbolicLink
        default: .system(errno: number)
        }
    }

    private static func text(of number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, strerror_r(number, start, buffer.count) == 0 else { return "unknown" }
            return String(cString: start)
        }
    }
}

/// One kind of touch on the file system. Tests number them and make the i-th fail.
package enum FileEffect: String, Sendable, CaseIterable {
    case inspect = "inspect"
    case read = "read"
    case list = "list"
    case create = "create"
    case write = "write"
    case sync = "sync"
    case changeMode = "change the mode of"
    case changeOwner = "change the owner of"
    case rename = "rename"
    case remove = "remove"
    case makeDirectory = "create the directory"
    case syncDirectory = "sync the directory"
    case lock = "lock"
}
