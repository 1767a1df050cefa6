import HostEffects

/// Copies of replaced files, in `<state>/backups/<SHA-256 of the path>/`, readable by this process only.
///
/// The name of a copy carries what restoring needs: `<file>.certctl-bak.<nanoseconds>.<mode>.<uid>.<gid>`.
/// All copies of one deployment share the time stamp.
struct BackupStore: Sendable {
    static let infix = ".certctl-bak."

    let directory: String
    let fileSystem: FileSystem

    struct Entry: Hashable, Sendable {
        let path: String
        let stamp: Int64
        let attributes: FileAttributes
    }

    func folder(of destination: String) -> String {
        PathText.join(directory, ContentDigest.of(destination))
    }

    func path(of destination: String, stamp: Int64, attributes: FileAttributes) -> String {
        let name = PathText.name(of: destination)
        let suffix = "\(stamp).\(attributes.octalMode).\(attributes.userID).\(attributes.groupID)"
        return PathText.join(folder(of: destination), "\(name)\(Self.infix)\(suffix)")
    }

    /// Writes one copy durably.
    func save(_ octets: [UInt8], as path: String) throws(FileError) {
        let folder = PathText.parent(of: path)
        try fileSystem.makePrivateDirectory(folder)
        try fileSystem.create(path, octets)
        try fileSystem.syncDirectory(folder)
    }

    /// The copies of a file, newest first.
    func entries(of destination: String) throws(FileError) -> [Entry] {
        let folder = folder(of: destination)
        let prefix = PathText.name(of: destination) + Self.infix
        var entries: [Entry] = []
        for name in try fileSystem.list(folder) where name.hasPrefix(prefix) {
            let parts = name.dropFirst(prefix.count).split(separator: ".")
            guard parts.count == 4, let stamp = Int64(parts[0]), let mode = UInt32(parts[1], radix: 8),
                let userID = UInt32(parts[2]), let groupID = UInt32(parts[3])
            else { continue }
            let attributes = FileAttributes(mode: mode, userID: userID, groupID: groupID)
            entries.append(Entry(path: PathText.join(folder, name), stamp: stamp, attributes: attributes))
        }
        return entries.sorted { $0.stamp > $1.stamp }
    }

    /// Keeps the newest `count` copies that are younger than `oldest`; the others go.
    func prune(_ destination: String, keeping count: Int, notBefore oldest: Int64) throws(FileError) {
        for (index, entry) in try entries(of: destination).enumerated() where index >= count || entry.stamp < oldest {
            try fileSystem.remove(entry.path)
        }
    }
}
