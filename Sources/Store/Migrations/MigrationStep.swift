import Domain
import Query

/// Applies one migration over a connection that holds the lock.
struct MigrationStep {
    let migration: Migration
    let binaryVersion: String
    let connection: any MigrationConnection

    func apply() throws(MigrationError) -> Duration {
        let statements = try parse()
        let start = ContinuousClock.now
        if migration.isTransactional {
            try applyTransactionally(statements, since: start)
        } else {
            try applyRepeatably(statements, since: start)
        }
        return .now - start
    }

    private func parse() throws(MigrationError) -> [MigrationStatement] {
        do throws(StatementSyntaxError) {
            return try StatementSplitter.split(migration.up, for: connection.engine)
        } catch {
            throw MigrationError(
                .ladder,
                subject: migration.fileName,
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
            throw failure(error, at: "statement \(statement.number) (line \(statement.line))")
        }
    }

    private func exists(_ reference: ColumnReference) throws(DatabaseError) -> Bool {
        try !connection.rows(
            "SELECT 1 FROM pragma_table_info(\(reference.table)) WHERE name = \(reference.column)"
        ).isEmpty
    }

    private func ledger(_ body: () throws(DatabaseError) -> Void) throws(MigrationError) {
        do throws(DatabaseError) { try body() } catch { throw failure(error, at: "the transaction or its ledger row") }
    }

    private func failure(_ error: DatabaseError, at place: String) -> MigrationError {
        MigrationError(
            error.kind == .permissionDenied || error.kind == .readOnly ? .permission : .statement,
            subject: migration.fileName,
            what: "\(place) failed with \(error.sqlState)\(constraint(of: error)): \(error.message)",
            remedy: remedy(for: error.kind)
        )
    }

    private func constraint(of error: DatabaseError) -> String {
        switch error.kind {
        case .uniqueViolation(let name), .foreignKeyViolation(let name), .checkViolation(let name):
            name.isEmpty ? "" : " on constraint \(name)"
        case .notNullViolation(let column): " on column \(column)"
        case .retryable, .unavailable, .authenticationFailed, .permissionDenied, .readOnly, .diskFull, .corrupt,
            .statement:
            ""
        }
    }

    private func remedy(for kind: DatabaseError.Kind) -> String {
        let state =
            migration.isTransactional
            ? "The step was rolled back and earlier ones are kept"
            : "The step is marked as running and will be repeated"
        return switch kind {
        case .permissionDenied, .readOnly:
            "\(state). Run `certctl db migrate --url …` with the role that owns the schema, or grant it the right."
        case .diskFull: "\(state). Free disk space for the database, then start again."
        case .retryable: "\(state). Something holds a lock on the table; start again when it has finished."
        case .unavailable: "\(state). Start again when the database is reachable."
        case .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation:
            "\(state). Rows of this database contradict the new rule; correct them, then start again."
        case .authenticationFailed, .corrupt, .statement:
            "\(state). Report it with this message, and restore the backup if the schema was changed by hand."
        }
    }
}
