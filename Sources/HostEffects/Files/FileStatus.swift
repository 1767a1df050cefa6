#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `lstat(2)` tells about a path.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case regular, directory, symbolicLink, other
    }

    package let kind: Kind
    /// The permission bits, `0...0o7777`.
    package let mode: UInt32
    package let userID: UInt32
    package let groupID: UInt32
    package let size: Int
    package let modifiedSeconds: Int64

    init(_ raw: stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        mode = UInt32(raw.st_mode) & 0o7777
        userID = raw.st_uid
        groupID = raw.st_gid
        size = Int(raw.st_size)
        modifiedSeconds = Int64(raw.st_mtim.tv_sec)
    }

    package var isWritableByGroup: Bool { mode & 0o020 != 0 }
    package var isWritableByOthers: Bool { mode & 0o002 != 0 }
    package var attributes: FileAttributes { FileAttributes(mode: mode & 0o777, userID: userID, groupID: groupID) }
}

/// Permission bits and numeric owner of a file.
package struct FileAttributes: Hashable, Sendable {
    package let mode: UInt32
    package let userID: UInt32
    package let groupID: UInt32

    package init(mode: UInt32, userID: UInt32, groupID: UInt32) {
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
    }

    /// The mode as `chmod` writes it, such as `0640`.
    package var octalMode: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
