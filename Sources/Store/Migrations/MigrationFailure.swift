import Query

/// Turns what an engine said about a step into what an operator reads.
struct MigrationFailure {
    let fileName: String
    let isTransactional: Bool

    func error(_ error: DatabaseError, at place: String) -> MigrationError {
        MigrationError(
            kind(of: error.kind),
            subject: fileName,
            what: "\(place) failed with \(error.sqlState)\(constraint(of: error)): \(error.message)",
            remedy: "\(state(after: error.kind)). \(remedy(for: error))"
        )
    }

    private func kind(of kind: DatabaseError.Kind) -> MigrationError.Kind {
        switch kind {
        case .permissionDenied, .readOnly: .permission
        case .unavailable: .unavailable
        case .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation, .retryable,
            .authenticationFailed, .diskFull, .corrupt, .statement:
            .statement
        }
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

    private func state(after kind: DatabaseError.Kind) -> String {
        isTransactional
            ? "The step was rolled back and earlier ones are kept"
            : "The step is marked as running and will be repeated"
    }

    private func remedy(for error: DatabaseError) -> String {
        switch error.kind {
        case .permissionDenied:
            "Run `certctl db migrate --url …` with the role that owns the schema, or grant this one the right"
        case .readOnly:
            "Open the database for writing: another file system, default_transaction_read_only off, or the primary "
                + "in place of a standby"
        case .diskFull: "Free disk space for the database, then start again"
        case .retryable: "Something holds a lock on the table; start again when it has finished"
        case .unavailable: "Start again when the database is reachable"
        case .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation:
            "Rows of this database contradict the new rule; correct them, then start again"
        case .authenticationFailed, .corrupt:
            "Report it with this message, and restore the backup if the schema was changed by hand"
        case .statement: remedy(forState: error.sqlState)
        }
    }

    /// By the SQLSTATE of PostgreSQL; SQLite has one code for all of these.
    private func remedy(forState state: String) -> String {
        switch state {
        // duplicate object, table, column, schema, function
        case "42710", "42P07", "42701", "42P06", "42723":
            "Something of that name is in the database already and the statement does not expect it: `certctl db "
                + "lint` shows the form that does. Rename or drop what stands in the way after a backup, then start "
                + "again"
        // undefined object, table, column, function
        case "42704", "42P01", "42703", "42883":
            "Something that earlier migrations made is missing. If the schema was changed by hand, restore the backup"
        default: "Report it with this message, and restore the backup if the schema was changed by hand"
        }
    }
}
