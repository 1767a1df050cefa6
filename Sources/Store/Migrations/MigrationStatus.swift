/// How the ledger of a database compares with a ladder.
package struct MigrationStatus: Hashable, Sendable {
    /// Migrations that are applied and in the ladder, oldest first.
    package let applied: [AppliedMigration]
    /// Migrations of the ladder that are not applied, oldest first.
    package let pending: [Migration]
    /// Applied migrations that the ladder does not have.
    package let unknown: [AppliedMigration]
    /// Versions whose file is no longer the one that was applied.
    package let mismatched: [String]

    private let newest: String?

    package init(ladder: MigrationLadder, ledger: [AppliedMigration]) {
        let known = Dictionary(uniqueKeysWithValues: ladder.migrations.map { ($0.version, $0) })
        let done = Set(ledger.filter { $0.state == .done }.map(\.version))
        newest = ladder.newest
        applied = ledger.filter { $0.state == .done && known[$0.version] != nil }
        pending = ladder.migrations.filter { !done.contains($0.version) }
        unknown = ledger.filter { known[$0.version] == nil }
        mismatched = applied.filter { known[$0.version]?.checksum != $0.checksum }.map(\.version)
    }

    package var isUpToDate: Bool { pending.isEmpty && unknown.isEmpty && mismatched.isEmpty }

    /// Refuses a history that this program must not build upon.
    ///
    /// Migrations of a newer release are accepted when each says that the release `binaryVersion` can run on it.
    package func verify(binaryVersion: String) throws(MigrationError) {
        if let version = mismatched.first { throw Self.changed(version) }
        for migration in unknown {
            guard let newest, migration.version > newest else { throw Self.missing(migration.version) }
            guard ReleaseVersion(migration.compatFloor) <= ReleaseVersion(binaryVersion) else {
                throw Self.newer(migration, than: binaryVersion)
            }
        }
        if let skipped = pending.first, let later = applied.last, skipped.version < later.version {
            throw Self.skipped(skipped, before: later.version)
        }
    }

    /// The applied migrations that a downgrade by `count` takes back, newest first.
    package func newest(_ count: Int, of ladder: MigrationLadder) throws(MigrationError) -> [Migration] {
        if let version = mismatched.first { throw Self.changed(version) }
        if let migration = unknown.first { throw Self.missing(migration.version) }
        let done = Set(applied.map(\.version))
        let migrations = ladder.migrations.filter { done.contains($0.version) }
        guard count > 0, count <= migrations.count else {
            throw MigrationError(
                .history, subject: "\(count)", what: "\(migrations.count) migrations are applied to this database",
                remedy: "Name a number from 1 to \(migrations.count)."
            )
        }
        return migrations.suffix(count).reversed()
    }

    private static func changed(_ version: String) -> MigrationError {
        MigrationError(
            .history,
            subject: version,
            what: "its file differs from the one that was applied to this database (SHA-256 mismatch)",
            remedy: "Released migrations never change: run the release that applied it, or restore its file."
        )
    }

    private static func missing(_ version: String) -> MigrationError {
        MigrationError(
            .history,
            subject: version,
            what: "it was applied to this database, but this program does not have its file",
            remedy: "Check that the database belongs to this installation and that the program is an official build."
        )
    }

    private static func newer(_ migration: AppliedMigration, than binaryVersion: String) -> MigrationError {
        MigrationError(
            .newerSchema,
            subject: migration.version,
            what: "release \(migration.binaryVersion) changed the schema so that only \(migration.compatFloor) and "
                + "later can use it; this is \(binaryVersion)",
            remedy: "Run certctl \(migration.compatFloor) or later, or restore the backup made before the upgrade."
        )
    }

    private static func skipped(_ migration: Migration, before later: String) -> MigrationError {
        MigrationError(
            .history,
            subject: migration.fileName,
            what: "it is not applied although the later \(later) is",
            remedy: "Migrations are never applied out of order, and each can be repeated: take the later rows out with "
                + "DELETE FROM schema_migrations WHERE version > '\(migration.version)' and start again, or restore the "
                + "backup that the ledger comes from."
        )
    }
}

/// `1.4.0` and the like, compared number by number; what is not a number counts as zero.
struct ReleaseVersion: Comparable {
    private let numbers: [Int]

    init(_ text: String) {
        let core = text.drop { $0 == "v" }.prefix { $0 != "-" && $0 != "+" }
        var numbers = core.split(separator: ".").map { Int($0) ?? 0 }
        while numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
    }

    static func < (left: Self, right: Self) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }
}
