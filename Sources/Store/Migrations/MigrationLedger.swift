package import Domain
import Query

/// One row of `schema_migrations`: a migration that was applied, or that is being applied.
package struct AppliedMigration: Hashable, Sendable {
    package enum State: String, Sendable {
        /// A non-transactional migration has begun and not ended; it is repeated.
        case running
        case done
    }

    package let version: String
    package let appliedAt: Timestamp
    package let checksum: String
    package let engineVersion: String
    package let binaryVersion: String
    package let duration: Duration
    /// The oldest release that can run on the schema after this migration.
    package let compatFloor: String
    package let state: State
}

/// The table `schema_migrations` (operations §7.4).
enum MigrationLedger {
    /// The rows, ordered by version; none when the table does not exist. Takes no lock.
    static func read(in transaction: any Transaction) throws(DatabaseError) -> [AppliedMigration] {
        try applied(exists: transaction.rows(presence(on: transaction.engine))) { sql throws(DatabaseError) in
            try transaction.rows(sql)
        }
    }

    static func read(over connection: any MigrationConnection) throws(DatabaseError) -> [AppliedMigration] {
        try applied(exists: connection.rows(presence(on: connection.engine))) { sql throws(DatabaseError) in
            try connection.rows(sql)
        }
    }

    static func exists(over connection: any MigrationConnection) throws(DatabaseError) -> Bool {
        try !connection.rows(presence(on: connection.engine)).isEmpty
    }

    static func create(over connection: any MigrationConnection) throws(DatabaseError) {
        let (text, time, number, strict) =
            connection.engine == .sqlite
            ? ("TEXT", "INTEGER", "INTEGER", " STRICT") : ("text", "timestamptz", "bigint", "")
        try connection.run(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version \(text) PRIMARY KEY NOT NULL, applied_at \(time) NOT NULL, checksum \(text) NOT NULL,
                engine_version \(text) NOT NULL, binary_version \(text) NOT NULL, duration_ms \(number) NOT NULL,
                compat_floor \(text) NOT NULL,
                state \(text) NOT NULL CONSTRAINT schema_migrations_state_check CHECK (state IN ('running', 'done'))
            )\(strict)
            """
        )
    }

    static func record(
        _ migration: Migration,
        state: AppliedMigration.State,
        duration: Duration,
        binaryVersion: String,
        over connection: any MigrationConnection
    ) throws(DatabaseError) {
        let milliseconds = Int(duration.wholeMicroseconds / 1000)
        try connection.execute(
            """
            INSERT INTO schema_migrations (version, applied_at, checksum, engine_version, binary_version, duration_ms,
                compat_floor, state)
            VALUES (\(migration.version), \(try connection.currentTime()), \(migration.checksum),
                \(connection.engineVersion), \(binaryVersion), \(milliseconds),
                \(migration.compatFloor ?? binaryVersion), \(state.rawValue))
            ON CONFLICT (version) DO UPDATE SET applied_at = excluded.applied_at, checksum = excluded.checksum,
                engine_version = excluded.engine_version, binary_version = excluded.binary_version,
                duration_ms = excluded.duration_ms, compat_floor = excluded.compat_floor, state = excluded.state
            """
        )
    }

    static func remove(_ version: String, over connection: any MigrationConnection) throws(DatabaseError) {
        try connection.execute("DELETE FROM schema_migrations WHERE version = \(version)")
    }

    private static func presence(on engine: Engine) -> SQL {
        switch engine {
        case .sqlite: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'"
        case .postgres: "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL"
        }
    }

    private static func applied(
        exists: [Row],
        _ rows: (SQL) throws(DatabaseError) -> [Row]
    ) throws(DatabaseError) -> [AppliedMigration] {
        guard !exists.isEmpty else { return [] }
        var applied: [AppliedMigration] = []
        for row in try rows(
            """
            SELECT version, applied_at, checksum, engine_version, binary_version, duration_ms, compat_floor, state
            FROM schema_migrations ORDER BY version
            """
        ) {
            applied.append(
                AppliedMigration(
                    version: try row.text("version"),
                    appliedAt: try row.time("applied_at"),
                    checksum: try row.text("checksum"),
                    engineVersion: try row.text("engine_version"),
                    binaryVersion: try row.text("binary_version"),
                    duration: .milliseconds(try row.int("duration_ms")),
                    compatFloor: try row.text("compat_floor"),
                    state: try row.value("state")
                )
            )
        }
        return applied
    }
}
