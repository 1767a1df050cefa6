import Domain
import Query

/// Applies one migration over a connection that holds the lock.
struct MigrationStep {
    let migration: Migration
    let binaryVersion: String
    let connection: any MigrationConnection
    private let failure: MigrationFailure

    init(
        migration: Migration,
        binaryVersion: String,
        connection: any MigrationConnection,
        failure: MigrationFailure? = nil
    ) {
        self.migration = migration
        self.binaryVersion = binaryVersion
        self.connection = connection
        self.failure =
            failure ?? MigrationFailure(fileName: migration.fileName, isTransactional: migration.isTransactional)
    }

    func apply() throws(MigrationError) -> Duration {
        let statements = try parse(migration.up)
        let start = ContinuousClock.now
        if migration.isTransactional {
            try applyTransactionally(statements, since: start)
        } else {
            try applyRepeatably(statements, since: start)
        }
        return .now - start
    }

    private func parse(_ text: String) throws(MigrationError) -> [MigrationStatement] {
        do throws(StatementSyntaxError) {
            return try StatementSplitter.split(text, for: connection.engine)
        } catch {
            throw MigrationError(
                .ladder,
                subject: failure.fileName,
                what: "line \(error.line): \(error.reason)",
                remedy: "Correct the file; nothing of it was applied."
            )
        }
    }

    /// The statements and the row of the ledger are one transaction: after a crash either all is there or nothing.
    private func applyTransactionally(
        _ statements: [MigrationStatement],
        since start: ContinuousClock.Instant
    ) throws(MigrationError) {
        do {
            try ledger { () throws(DatabaseError) in try connection.begin() }
            for statement in statements { try run(statement) }
            try ledger { () throws(DatabaseError) in
                try record(.done, since: start)
                try connection.commit()
            }
        } catch {
            connection.rollback()
            throw error
        }
    }

    /// Recorded as running before and as done after, so that a crash in between is seen and the step repeated.
    private func applyRepeatably(
        _ statements: [MigrationStatement],
        since start: ContinuousClock.Instant
    ) throws(MigrationError) {
        try ledger { () throws(DatabaseError) in try record(.running, since: start) }
        for statement in statements { try run(statement) }
        try ledger { () throws(DatabaseError) in try record(.done, since: start) }
    }

    private func record(
        _ state: AppliedMigration.State,
        since start: ContinuousClock.Instant
    ) throws(DatabaseError) {
        try MigrationLedger.record(
            migration,
            state: state,
            duration: .now - start,
            binaryVersion: binaryVersion,
            over: connection
        )
    }

    private func run(_ statement: MigrationStatement) throws(MigrationError) {
        do throws(DatabaseError) {
            if let column = statement.unlessColumn, try exists(column) { return }
            try connection.run(statement.text)
        } catch {
            throw failure.error(
                error, at: "statement \(statement.number) (line \(statement.line)), \(statement.excerpt),"
            )
        }
    }

    private func exists(_ reference: ColumnReference) throws(DatabaseError) -> Bool {
        try !connection.rows(
            "SELECT 1 FROM pragma_table_info(\(reference.table)) WHERE name = \(reference.column)"
        ).isEmpty
    }

    private func ledger(_ body: () throws(DatabaseError) -> Void) throws(MigrationError) {
        do throws(DatabaseError) {
            try body()
        } catch {
            throw failure.error(error, at: "the transaction or its ledger row")
        }
    }
}

extension MigrationStep {
    /// Runs the down file and takes the row out of the ledger, in one transaction.
    func revert() throws(MigrationError) {
        guard let down = migration.down else {
            throw MigrationError(
                .ladder, subject: migration.version, what: "there is no down file, so it cannot be taken back",
                remedy: "Restore the backup made before the upgrade."
            )
        }
        let step = MigrationStep(
            migration: migration, binaryVersion: binaryVersion, connection: connection,
            failure: MigrationFailure(fileName: migration.version + ".down.sql", isTransactional: true)
        )
        let statements = try step.parse(down)
        do {
            try step.ledger { () throws(DatabaseError) in try connection.begin() }
            for statement in statements { try step.run(statement) }
            try step.ledger { () throws(DatabaseError) in
                try MigrationLedger.remove(migration.version, over: connection)
                try connection.commit()
            }
        } catch {
            connection.rollback()
            throw error
        }
    }
}
