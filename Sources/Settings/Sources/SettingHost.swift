package import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Everything outside the arguments that decides a configuration: environment, files, who runs the program, and when.
package struct SettingHost: Sendable {
    package let environment: [String: String]
    let files: FileAccess
    let effectiveUserID: UInt32
    /// Effective and supplementary groups of the process.
    let groups: Set<UInt32>
    /// When the program was started.
    let now: Timestamp

    package init(
        environment: [String: String],
        files: FileAccess,
        effectiveUserID: UInt32 = 0,
        groups: Set<UInt32> = [0],
        now: Timestamp = TimeSource.system.now
    ) {
        self.environment = environment
        self.files = files
        self.effectiveUserID = effectiveUserID
        self.groups = groups
        self.now = now
    }

    /// The process as it runs now.
    package static func current() -> SettingHost {
        SettingHost(
            environment: processEnvironment(),
            files: .system,
            effectiveUserID: UInt32(geteuid()),
            groups: processGroups()
        )
    }

    /// Whether a file that holds a secret is closed to others (specification, operations §3.6).
    ///
    /// A group may read only what belongs to root and to a group of this process: so Kubernetes delivers. Credentials of
    /// systemd may show any group: an access list, whose mask the group bits are, lets the user of the unit read them,
    /// and nobody else can enter their directory.
    func protects(_ file: FileContent, at path: String) -> Bool {
        if file.mode & 0o027 != 0 { return false }
        guard file.mode & 0o040 != 0 else { return true }
        if isCredential(path), file.owner == 0 || file.owner == effectiveUserID { return true }
        return file.owner == 0 && groups.contains(file.group)
    }

    /// Whether the path lies below `$CREDENTIALS_DIRECTORY`, which systemd makes for one unit.
    private func isCredential(_ path: String) -> Bool {
        guard let directory = environment["CREDENTIALS_DIRECTORY"], directory.hasPrefix("/") else { return false }
        let prefix = directory.hasSuffix("/") ? directory : "\(directory)/"
        return path.hasPrefix(prefix) && !path.split(separator: "/").contains("..")
    }

    private static func processEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let separator = text.firstIndex(of: "=") {
                variables[String(text[..<separator])] = String(text[text.index(after: separator)...])
            }
            entry += 1
        }
        return variables
    }

    private static func processGroups() -> Set<UInt32> {
        var groups: Set<UInt32> = [UInt32(getegid())]
        let count = getgroups(0, nil)
        guard count > 0 else { return groups }
        var list = [gid_t](repeating: 0, count: Int(count))
        let filled = getgroups(count, &list)
        for group in list.prefix(Int(max(0, filled))) { groups.insert(UInt32(group)) }
        return groups
    }
}
