package import Domain
package import Logging
package import Query

/// What a process does about migrations at start (`CERTCTL_MIGRATIONS`).
package enum MigrationMode: String, Sendable, CaseIterable {
    /// Apply what is pending.
    case auto
    /// Wait for another process to apply it.
    case check
    /// Accept any schema that is not too old for this program.
    case off
}

/// Brings a database to the newest version of a ladder (domain §14.2, operations §7.4).
package struct MigrationRunner: Sendable {
    /// How long to wait for others.
    package struct Patience: Sendable {
        /// For the lock, on PostgreSQL; a second process on an SQLite file is refused at once.
        package var lock: Duration = .minutes(10)
        /// Between two lines of the log while the lock is held by another.
        package var lockReport: Duration = .seconds(5)
        /// For another process to apply what is pending, in mode `check`.
        package var check: Duration = .seconds(120)
        package var poll: Duration = .milliseconds(200)

        package init() {}
    }

    private let database: any MigratableDatabase
    private let ladder: MigrationLadder
    private let binaryVersion: String
    private let patience: Patience
    private let time: TimeSource
    private let log: Logger
    private let prepare: @Sendable (MigrationStatus, any MigrationConnection) -> Void
    private let observe: @Sendable (MigrationEvent) -> Void

    /// - `prepare`: Called under the lock, when something is pending, before any of it is applied.
    package init(
        database: any MigratableDatabase,
        ladder: MigrationLadder,
        binaryVersion: String,
        patience: Patience = Patience(),
        time: TimeSource,
        log: Logger,
        prepare: @escaping @Sendable (MigrationStatus, any MigrationConnection) -> Void = { _, _ in },
        observe: @escaping @Sendable (MigrationEvent) -> Void = { _ in }
    ) {
        self.database = database
        self.ladder = ladder
        self.binaryVersion = binaryVersion
        self.patience = patience
        self.time = time
        self.log = log
        self.prepare = prepare
        self.observe = observe
    }

    /// Compares ledger and ladder; one read, no lock.
    package func status() async throws -> MigrationStatus {
        MigrationStatus(ladder: ladder, ledger: try await database.read { try MigrationLedger.read(in: $0) })
    }

    /// Does what `mode` asks for; the versions that this call applied.
    @discardableResult
    package func run(_ mode: MigrationMode) async throws -> [String] {
        switch mode {
        case .auto: return try await migrate()
        case .check: try await awaitOthers()
        case .off: try await requireNewest()
        }
        return []
    }

    /// Applies everything that is pending; the versions that this call applied, none when it is up to date.
    @discardableResult
    package func migrate() async throws -> [String] {
        let before = try await status()
        try before.verify(binaryVersion: binaryVersion)
        guard !before.pending.isEmpty else {
            observe(.finished(before))
            return []
        }
        return try await database.migrate { connection in
            try acquireLock(over: connection)
            defer { connection.unlock() }
            let applied = try applyPending(over: connection)
            observe(.finished(MigrationStatus(ladder: ladder, ledger: try MigrationLedger.read(over: connection))))
            return applied
        }
    }

    /// Takes back the newest `count` migrations, newest first; the versions that are gone.
    ///
    /// - Throws: ``MigrationError``, also when the ledger does not fit the ladder.
    @discardableResult
    package func revert(_ count: Int) async throws -> [String] {
        try await database.migrate { connection in
            try acquireLock(over: connection)
            defer { connection.unlock() }
            let status = MigrationStatus(ladder: ladder, ledger: try MigrationLedger.read(over: connection))
            var reverted: [String] = []
            for migration in try status.newest(count, of: ladder) {
                try MigrationStep(migration: migration, binaryVersion: binaryVersion, connection: connection).revert()
                reverted.append(migration.version)
                log.warning("migration taken back", metadata: ["migration": "\(migration.version)"])
            }
            return reverted
        }
    }

    // MARK: - Under the lock

    private func applyPending(over connection: any MigrationConnection) throws -> [String] {
        try prepareLedger(over: connection)
        // Another process may have finished while this one waited for the lock.
        let status = MigrationStatus(ladder: ladder, ledger: try MigrationLedger.read(over: connection))
        try status.verify(binaryVersion: binaryVersion)
        if !status.pending.isEmpty { prepare(status, connection) }
        var applied: [String] = []
        for (index, migration) in status.pending.enumerated() {
            observe(.applying(version: migration.version, position: index + 1, count: status.pending.count))
            let step = MigrationStep(migration: migration, binaryVersion: binaryVersion, connection: connection)
            let duration = try step.apply()
            applied.append(migration.version)
            log.info(
                "migration applied",
                metadata: [
                    "migration": "\(migration.version)", "duration_ms": "\(duration.wholeMicroseconds / 1000)",
                ]
            )
        }
        return applied
    }

    /// Made only where it is missing: the role may lack the right to make tables.
    private func prepareLedger(over connection: any MigrationConnection) throws {
        do throws(DatabaseError) {
            guard try !MigrationLedger.exists(over: connection) else { return }
            try MigrationLedger.create(over: connection)
        } catch {
            let failure = MigrationFailure(fileName: "schema_migrations", isTransactional: true)
            throw failure.error(error, at: "making the ledger")
        }
    }

    private func acquireLock(over connection: any MigrationConnection) throws {
        let start = ContinuousClock.now
        let limit = connection.engine == .sqlite ? Duration.zero : patience.lock
        var nextReport = patience.lockReport
        while true {
            guard case .heldBy(let holder) = try connection.tryLock() else { return }
            observe(.waitingForLock(holder: holder))
            let waited = ContinuousClock.now - start
            guard waited < limit else { throw locked(by: holder, after: waited) }
            if waited >= nextReport {
                nextReport += patience.lockReport
                log.warning(
                    "waiting for the migration lock",
                    metadata: ["holder": "\(holder)", "waited_s": "\(Int(waited.inSeconds))"]
                )
            }
            connection.pause(patience.poll)
        }
    }

    private func locked(by holder: String, after wait: Duration) -> MigrationError {
        MigrationError(
            .locked,
            subject: "lock",
            what: "\(holder) migrates this database, and did not finish within \(Int(wait.inSeconds)) s",
            remedy: "Wait for it, or end that process if it hangs: the lock goes with its connection."
        )
    }

    // MARK: - Modes that apply nothing

    private func awaitOthers() async throws {
        let deadline = ContinuousClock.now + patience.check
        while true {
            let status = try await status()
            try status.verify(binaryVersion: binaryVersion)
            guard !status.pending.isEmpty else { return observe(.finished(status)) }
            observe(.waitingForOthers(pending: status.pending.count))
            guard ContinuousClock.now < deadline else {
                throw pending(status.pending, what: "were not applied by another process within \(patience.check)")
            }
            try await time.sleep(patience.poll)
        }
    }

    private func requireNewest() async throws {
        let status = try await status()
        try status.verify(binaryVersion: binaryVersion)
        guard status.pending.isEmpty else {
            throw pending(status.pending, what: "are not applied, and this release needs them")
        }
        observe(.finished(status))
    }

    private func pending(_ migrations: [Migration], what: String) -> MigrationError {
        MigrationError(
            .pending,
            subject: migrations.map(\.version).joined(separator: ", "),
            what: what,
            remedy: "Run `certctl db migrate`, or start with CERTCTL_MIGRATIONS=auto."
        )
    }
}
