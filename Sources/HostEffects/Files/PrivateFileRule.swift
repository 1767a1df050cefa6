#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which modes a file with a secret may have (specification, operations §3.6).
///
/// Readable by others or writable by group or others is refused. Readable by group is accepted when the
/// file belongs to root and the group is one of this process's, or when it is a credential of systemd: that is how
/// orchestrators deliver secrets.
package enum PrivateFileRule {
    /// The octets of a secret file that obeys the rule, `nil` when it does not exist.
    ///
    /// - `credentials`: The directory that systemd made for this unit. Nobody else can enter it, and the group bits of its
    ///   files are the mask of an access list.
    package static func read(
        _ path: String,
        atMost limit: Int = 1 << 20,
        credentials: String? = credentialsDirectory(),
        fileSystem: FileSystem = .live
    ) throws(FileError) -> [UInt8]? {
        // Secrets that orchestrators mount are links (`..data/…`); the rule applies to what they lead to.
        let target = PathRules.realPath(path) ?? path
        guard let status = try fileSystem.status(target) else { return nil }
        if let finding = finding(for: status, at: target, credentials: credentials) {
            throw FileError(.read, path, .insecure(finding))
        }
        return try fileSystem.read(target, atMost: limit)
    }

    /// What is wrong with the mode of the file that `target` names without links, or `nil`.
    static func finding(for status: FileStatus, at target: String, credentials: String?) -> String? {
        let isCredential = credentials.map { PathText.isWithin(target, PathRules.realPath($0) ?? $0) } ?? false
        return finding(for: status, groups: processGroups(), isCredential: isCredential)
    }

    /// What is wrong with the mode, or `nil`.
    private static func finding(for status: FileStatus, groups: Set<UInt32>, isCredential: Bool) -> String? {
        let mode = status.attributes.octalMode
        if status.mode & 0o004 != 0 { return "everybody can read it (mode \(mode)); run chmod 600 on it" }
        if status.mode & 0o022 != 0 { return "others can write it (mode \(mode)); run chmod 600 on it" }
        if isCredential, status.userID == 0 || status.userID == geteuid() { return nil }
        if status.mode & 0o040 != 0, !(status.userID == 0 && groups.contains(status.groupID)) {
            return
                "its group can read it (mode \(mode)); run chmod 600 on it, or give it to root and a group of this process"
        }
        return nil
    }

    package static func credentialsDirectory() -> String? {
        guard let value = getenv("CREDENTIALS_DIRECTORY") else { return nil }
        let path = String(cString: value)
        return path.hasPrefix("/") && path != "/" ? path : nil
    }

    private static func processGroups() -> Set<UInt32> {
        let count = getgroups(0, nil)
        guard count > 0 else { return [getegid()] }
        var list = [gid_t](repeating: 0, count: Int(count))
        let filled = getgroups(count, &list)
        return Set(list.prefix(Int(max(0, filled)))).union([getegid()])
    }
}
