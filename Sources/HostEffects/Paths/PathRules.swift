#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a path may not be written (specification, targets §2.3 and §3).
package enum PathViolation: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case notAbsolute(String)
    case notClean(String)
    case unprintable
    case protectedSystemPath(String)
    case outsideAllowedPaths(String)
    case linkLeavesAllowedPaths(String, destination: String)
    case missingDirectory(String)
    case unsafeParentDirectory(String, finding: String)
    case notARegularFile(String)

    /// Stable and snake_case, for field problems and results.
    package var code: String {
        switch self {
        case .empty: "required"
        case .notAbsolute: "not_absolute"
        case .notClean, .unprintable: "invalid_path"
        case .protectedSystemPath: "protected_path"
        case .outsideAllowedPaths, .linkLeavesAllowedPaths: "path_not_allowed"
        case .missingDirectory: "missing_directory"
        case .unsafeParentDirectory: "unsafe_parent_directory"
        case .notARegularFile: "not_a_regular_file"
        }
    }

    package var description: String {
        switch self {
        case .empty: "the path is empty"
        case .notAbsolute(let path): "\(path) is not an absolute path"
        case .notClean(let path): "\(path) contains an empty, . or .. component"
        case .unprintable: "the path contains control characters"
        case .protectedSystemPath(let path): "\(path) is a system path that certctl never writes"
        case .outsideAllowedPaths(let path):
            "\(path) is outside the paths that this host allows (CERTCTL_AGENT_ALLOWED_PATHS)"
        case .linkLeavesAllowedPaths(let path, let destination):
            "\(path) is a symbolic link to \(destination), which is outside the allowed paths"
        case .missingDirectory(let path): "the directory \(path) does not exist; create it with the owner that fits"
        case .unsafeParentDirectory(let path, let finding):
            "the directory \(path) \(finding), so another user could replace the files in it"
        case .notARegularFile(let path): "\(path) exists and is not a regular file"
        }
    }
}

/// Which paths a configuration may name. The textual part holds on any machine, the rest on this host.
package enum PathRules {
    /// Never writable, whatever the host policy says.
    static let protected = [
        "/etc/passwd", "/etc/shadow", "/etc/gshadow", "/etc/group", "/root/.ssh", "/etc/ssh", "/boot", "/proc", "/sys",
        "/dev",
    ]

    /// Checks the text alone: absolute, clean, printable, not a protected system path.
    package static func checkText(_ path: String) throws(PathViolation) {
        guard !path.isEmpty else { throw .empty }
        guard path.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else { throw .unprintable }
        guard path.hasPrefix("/") else { throw .notAbsolute(path) }
        let components = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard components.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { throw .notClean(path) }
        if protected.contains(where: { PathText.isWithin(path, $0) }) || path.hasPrefix("/etc/sudoers") {
            throw .protectedSystemPath(path)
        }
    }

    /// Where a write to `path` ends up on this host: the path with every link of it resolved.
    ///
    /// A link in the final component is followed only into the allowed paths, and the directory that is
    /// written to must not let another user replace files in it.
    package static func resolveDestination(
        _ path: String,
        policy: HostPolicy,
        fileSystem: FileSystem
    ) throws -> String {
        try checkText(path)
        guard policy.allows(path: path) else { throw PathViolation.outsideAllowedPaths(path) }
        let isLink = try fileSystem.status(path)?.kind == .symbolicLink
        let directory = PathText.parent(of: path)
        let resolved: String
        if isLink, let target = realPath(path) {
            resolved = target
        } else if let parent = realPath(directory), !isLink {
            resolved = PathText.join(parent, PathText.name(of: path))
        } else {
            throw PathViolation.missingDirectory(directory)
        }
        try checkText(resolved)
        guard policy.allows(path: resolved) else {
            throw PathViolation.linkLeavesAllowedPaths(path, destination: resolved)
        }
        if let status = try fileSystem.status(resolved), status.kind != .regular {
            throw PathViolation.notARegularFile(resolved)
        }
        try checkDirectory(PathText.parent(of: resolved), fileSystem: fileSystem)
        return resolved
    }

    /// Refuses a directory in which someone other than root or this process could swap files.
    package static func checkDirectory(_ directory: String, fileSystem: FileSystem) throws {
        guard let status = try fileSystem.status(directory), status.kind == .directory else {
            throw PathViolation.missingDirectory(directory)
        }
        guard status.userID == 0 || status.userID == geteuid() else {
            throw PathViolation.unsafeParentDirectory(directory, finding: "belongs to uid \(status.userID)")
        }
        if status.isWritableByOthers {
            throw PathViolation.unsafeParentDirectory(directory, finding: "is writable by everybody")
        }
        if status.isWritableByGroup, status.groupID != 0, status.groupID != getegid() {
            throw PathViolation.unsafeParentDirectory(directory, finding: "is writable by group \(status.groupID)")
        }
    }

    /// The path with all symbolic links resolved, `nil` when it does not exist.
    package static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
