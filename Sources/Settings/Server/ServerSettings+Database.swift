package import Domain

/// Storage (specification, operations §4.3).
extension ServerSettings {
    package static let databaseURL = Setting<Secret?>(
        "database.url",
        .secret,
        derived: "sqlite:<data directory>/certctl.db",
        help: "sqlite:PATH or postgres://user:password@host/database with libpq parameters. "
            + "$(POSTGRES_PASSWORD) stands for that environment variable."
    )
    package static let databaseMaxConnections = Setting<Int>(
        "database.max_conns",
        .int.within(1...10_000),
        fallback: 50,
        help: "PostgreSQL connections at most. On SQLite: reading connections, at most 16."
    )
    package static let databaseConnectTimeout = Setting<Duration>(
        "database.connect_timeout",
        .duration.within(.seconds(1) ... .minutes(5)),
        fallback: .seconds(5),
        help: "Time one attempt to connect to PostgreSQL may take."
    )
    package static let databaseStartupWait = Setting<Duration>(
        "database.startup_wait",
        .duration.within(.zero ... .hours(1)),
        fallback: .seconds(60),
        help: "How long a starting server waits for a database that refuses connections."
    )
    package static let databaseStatementTimeout = Setting<Duration>(
        "database.statement_timeout",
        .duration.within(.milliseconds(100) ... .hours(1)),
        fallback: .seconds(30),
        help: "Time one statement of a request may take in PostgreSQL."
    )
    package static let databaseConnectionLifetime = Setting<Duration>(
        "database.conn_max_lifetime",
        .duration.within(.seconds(1) ... .days(7)),
        fallback: .minutes(30),
        help: "Age at which a PostgreSQL connection is replaced, give or take a tenth."
    )
    package static let sqliteSynchronous = Setting<SQLiteSynchronous>(
        "database.sqlite_synchronous",
        .choice,
        fallback: .full,
        help: "full: an acknowledged certificate survives power loss. normal: it survives a crash of the process."
    )
    package static let databaseInsecureAck = Setting<Bool>(
        "database.insecure_ack",
        .bool,
        fallback: false,
        help: "Accept sslmode disable, allow or prefer towards a PostgreSQL server on another host."
    )
    package static let migrations = Setting<MigrationMode>(
        "migrations",
        .choice,
        fallback: .auto,
        help: "auto: apply pending migrations at start. check: wait for another process to apply them. "
            + "off: exit with 69 when any is pending."
    )
    package static let migrationsViaHook = Setting<Bool>(
        "migrations_via_hook",
        .bool,
        fallback: false,
        help: "true is the same as migrations = \"check\"."
    )
    package static let migrationsPath = Setting<String?>(
        "database.migrations_path",
        .path,
        derived: "the migrations inside the program",
        help: "Directory with migration files, for development."
    )

    static let databaseSettings: [SettingDeclaration] = [
        databaseURL.declaration, databaseMaxConnections.declaration, databaseConnectTimeout.declaration,
        databaseStartupWait.declaration, databaseStatementTimeout.declaration,
        databaseConnectionLifetime.declaration, sqliteSynchronous.declaration, databaseInsecureAck.declaration,
        migrations.declaration, migrationsViaHook.declaration, migrationsPath.declaration,
    ]
}
