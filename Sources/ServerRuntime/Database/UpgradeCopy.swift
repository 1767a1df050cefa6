import HostEffects
import Logging
import Query
import Store
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The copy of an SQLite file that is made before its schema changes: `backups/pre-<first pending migration>.db` beside
/// it (operations §17.2).
///
/// A copy that cannot be made is logged and keeps nobody from upgrading. A database that is being made is not copied.
struct UpgradeCopy: Sendable {
    let file: String
    let fileSystem: FileSystem
    let log: Logger

    /// Called under the lock of migrations, before the first of them.
    @Sendable
    func make(_ status: MigrationStatus, _ connection: any MigrationConnection) {
        guard let next = status.pending.first, !status.applied.isEmpty else { return }
        let directory = PathText.join(PathText.parent(of: file), "backups")
        let copy = PathText.join(directory, "pre-\(next.version).db")
        do {
            try fileSystem.makePrivateDirectory(directory)
            let needed = try Self.size(file, fileSystem) + Self.size(file + "-wal", fileSystem)
            guard let free = Self.freeSpace(at: directory), free > 2 * needed else {
                log.warn("the disk has no room for a copy of the database before the upgrade", LogField("path", copy))
                return
            }
            // One of an attempt before this one: the schema is still the same.
            try fileSystem.remove(copy)
            try connection.execute("VACUUM INTO \(copy)")
            try fileSystem.changeMode(copy, to: 0o600)
            log.info("copied the database before the upgrade", LogField("path", copy))
        } catch {
            log.warn("no copy of the database was made before the upgrade", LogField("path", copy), .error(error))
        }
    }

    private static func size(_ path: String, _ fileSystem: FileSystem) throws -> Int {
        try fileSystem.status(path)?.size ?? 0
    }

    private static func freeSpace(at path: String) -> Int? {
        var figures = statvfs()
        guard statvfs(path, &figures) == 0 else { return nil }
        return Int(
            clamping: UInt64(figures.f_bavail).multipliedReportingOverflow(by: UInt64(figures.f_frsize)).partialValue)
    }
}
