#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Who shall own a file: names or numbers as a configuration writes them, resolved when the file is written.
package struct Ownership: Hashable, Sendable {
    package let mode: UInt32?
    /// A user name or a decimal uid.
    package let owner: String?
    /// A group name or a decimal gid.
    package let group: String?

    package init(mode: UInt32? = nil, owner: String? = nil, group: String? = nil) {
        self.mode = mode
        self.owner = owner
        self.group = group
    }

    package static let unspecified = Ownership()

    /// The attributes to write: each of mode, owner and group on its own is explicit, else that of the
    /// existing file, else `defaults`, else what this process creates.
    package func resolve(
        existing: FileAttributes?,
        defaults: Ownership,
        path: String
    ) throws(FileError) -> FileAttributes {
        var userID = existing?.userID ?? geteuid()
        var groupID = existing?.groupID ?? getegid()
        if let name = owner ?? (existing == nil ? defaults.owner : nil) { userID = try Self.userID(name, path) }
        if let name = group ?? (existing == nil ? defaults.group : nil) { groupID = try Self.groupID(name, path) }
        return FileAttributes(
            mode: mode ?? existing?.mode ?? defaults.mode ?? 0o600,
            userID: userID,
            groupID: groupID
        )
    }

    /// Sets mode and owner of a staged file. Without the privilege to give files away the owner is left
    /// alone; as root a failing `chown` is an error.
    package static func apply(_ attributes: FileAttributes, to path: String, fileSystem: FileSystem) throws(FileError) {
        do throws(FileError) {
            try fileSystem.changeOwner(path, userID: attributes.userID, groupID: attributes.groupID)
        } catch  where error.reason == .permissionDenied && geteuid() != 0 {
        }
        try fileSystem.changeMode(path, to: attributes.mode)
    }

    /// The first of `names` that exists as user and as group, as owner of new files.
    package static func firstExisting(of names: [String], mode: UInt32) -> Ownership {
        for name in names {
            guard geteuid() == 0, lookUpUser(name) != nil, lookUpGroup(name) != nil else { continue }
            return Ownership(mode: mode, owner: name, group: name)
        }
        return Ownership(mode: mode)
    }

    /// The number of a user by name or decimal number; `nil` when there is none of that name.
    package static func user(named text: String) -> UInt32? { UInt32(text) ?? lookUpUser(text) }

    /// The same of a group.
    package static func group(named text: String) -> UInt32? { UInt32(text) ?? lookUpGroup(text) }

    private static func userID(_ text: String, _ path: String) throws(FileError) -> UInt32 {
        guard let found = user(named: text) else { throw FileError(.changeOwner, path, .unknownAccount(name: text)) }
        return found
    }

    private static func groupID(_ text: String, _ path: String) throws(FileError) -> UInt32 {
        guard let found = group(named: text) else { throw FileError(.changeOwner, path, .unknownAccount(name: text)) }
        return found
    }

    private static func lookUpUser(_ name: String) -> UInt32? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard let start = buffer.baseAddress,
                getpwnam_r(name, &entry, start, buffer.count, &found) == 0, found != nil
            else { return nil }
            return entry.pw_uid
        }
    }

    private static func lookUpGroup(_ name: String) -> UInt32? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64 << 10) { buffer in
            var entry = GroupEntry()
            var found: UnsafeMutablePointer<GroupEntry>?
            guard let start = buffer.baseAddress,
                getgrnam_r(name, &entry, start, buffer.count, &found) == 0, found != nil
            else { return nil }
            return entry.gr_gid
        }
    }
}

/// The C structure, named apart from the ``Ownership/group`` property.
private typealias GroupEntry = group
