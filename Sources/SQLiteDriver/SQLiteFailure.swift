import GRDB
import GRDBSQLite
import Query

/// SQLite's result codes in the terms of ``Query/DatabaseError``.
enum SQLiteFailure {
    /// An error that GRDB threw; ours pass unchanged.
    static func error(from error: any Error) -> Query.DatabaseError {
        switch error {
        case let ours as Query.DatabaseError: ours
        case let theirs as GRDB.DatabaseError:
            Self.error(code: theirs.extendedResultCode.rawValue, message: theirs.message ?? "")
        default:
            Query.DatabaseError(kind: .unavailable, sqlState: "SQLITE_ERROR", message: String(describing: error))
        }
    }

    static func error(code: CInt, message: String) -> Query.DatabaseError {
        Query.DatabaseError(kind: kind(of: code), sqlState: name(of: code), message: message)
    }

    private static func kind(of code: CInt) -> Query.DatabaseError.Kind {
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED: .retryable
        case SQLITE_FULL: .diskFull
        case SQLITE_READONLY: .readOnly
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_PERM, SQLITE_AUTH: .permissionDenied
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_PROTOCOL, SQLITE_INTERRUPT, SQLITE_NOMEM, SQLITE_MISUSE:
            .unavailable
        default: .statement
        }
    }

    private static func name(of code: CInt) -> String {
        let primary = code & 0xFF
        guard let known = names[primary] else { return "SQLITE_\(code)" }
        return code == primary ? known : "\(known)_\(code >> 8)"
    }

    private static let names: [CInt: String] = [
        SQLITE_ERROR: "SQLITE_ERROR", SQLITE_PERM: "SQLITE_PERM", SQLITE_BUSY: "SQLITE_BUSY",
        SQLITE_LOCKED: "SQLITE_LOCKED", SQLITE_NOMEM: "SQLITE_NOMEM", SQLITE_READONLY: "SQLITE_READONLY",
        SQLITE_INTERRUPT: "SQLITE_INTERRUPT", SQLITE_IOERR: "SQLITE_IOERR", SQLITE_CORRUPT: "SQLITE_CORRUPT",
        SQLITE_FULL: "SQLITE_FULL", SQLITE_CANTOPEN: "SQLITE_CANTOPEN", SQLITE_PROTOCOL: "SQLITE_PROTOCOL",
        SQLITE_SCHEMA: "SQLITE_SCHEMA", SQLITE_TOOBIG: "SQLITE_TOOBIG", SQLITE_CONSTRAINT: "SQLITE_CONSTRAINT",
        SQLITE_MISMATCH: "SQLITE_MISMATCH", SQLITE_MISUSE: "SQLITE_MISUSE", SQLITE_AUTH: "SQLITE_AUTH",
        SQLITE_RANGE: "SQLITE_RANGE", SQLITE_NOTADB: "SQLITE_NOTADB",
    ]
}

/// A broken constraint as SQLite words it: `UNIQUE constraint failed: teams.name`.
struct SQLiteConstraint {
    /// The second octet of `SQLITE_CONSTRAINT_…` codes, which C macros with operators hide from Swift.
    private enum Extended: CInt {
        case check = 1
        case foreignKey = 3
        case notNull = 5
        case primaryKey = 6
        case trigger = 7
        case unique = 8
        case rowID = 10
        case dataType = 12
    }

    let code: CInt
    let message: String

    /// What follows the colon: columns of a key, the name of a check or of an index.
    private var subject: String {
        String(message.drop { $0 != ":" }.dropFirst(2))
    }

    /// Names are those that PostgreSQL gives: `resolve` finds that of a unique index from its columns and table.
    func error(resolve: (_ columns: [String], _ table: String) -> String?) -> Query.DatabaseError {
        let kind: Query.DatabaseError.Kind =
            switch Extended(rawValue: code >> 8) {
            case .primaryKey, .rowID: .uniqueViolation(constraint: "\(table)_pkey")
            case .unique: .uniqueViolation(constraint: uniqueName(resolve))
            case .foreignKey: .foreignKeyViolation(constraint: "")
            // What ON DELETE RESTRICT reports; a trigger of a schema has a message of its own.
            case .trigger where message == "FOREIGN KEY constraint failed": .foreignKeyViolation(constraint: "")
            case .notNull: .notNullViolation(column: columns.first ?? subject)
            // A value of the wrong type in a STRICT table is a mistake of ours.
            case .dataType: .statement
            case .check, .trigger, nil: .checkViolation(constraint: subject)
            }
        return Query.DatabaseError(kind: kind, sqlState: "SQLITE_CONSTRAINT_\(code >> 8)", message: message)
    }

    private var table: String { String(subject.prefix { $0 != "." }) }

    private var columns: [String] {
        subject.split(separator: ",").map { String($0.drop { $0 != "." }.dropFirst()) }
    }

    private func uniqueName(_ resolve: ([String], String) -> String?) -> String {
        if subject.hasPrefix("index '") { return String(subject.dropFirst(7).dropLast()) }
        return resolve(columns, table) ?? subject
    }
}
