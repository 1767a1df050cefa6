import CLibPQ
import Query

/// What PostgreSQL and libpq report, in the terms of ``Query/DatabaseError``.
enum PostgresFailure {
    /// The failure of a statement. DETAIL is left out: it quotes values.
    static func error(of result: OpaquePointer?, on connection: OpaquePointer) -> DatabaseError {
        guard let state = field(DiagnosticField.sqlState, of: result) else { return lost(connection) }
        let constraint = field(.constraint, of: result) ?? ""
        let message = field(.primaryMessage, of: result) ?? "no message"
        let kind: DatabaseError.Kind =
            switch state {
            case "23505", "23P01": .uniqueViolation(constraint: constraint)
            case "23503": .foreignKeyViolation(constraint: constraint)
            case "23514": .checkViolation(constraint: constraint)
            case "23502": .notNullViolation(column: field(.column, of: result) ?? "")
            default: kind(ofState: state)
            }
        return DatabaseError(kind: kind, sqlState: state, message: withoutValues(message, state: state))
    }

    static func kind(ofState state: String) -> DatabaseError.Kind {
        switch state {
        // 26000: a proxy gave us a session that lacks our prepared statement; it is prepared again.
        case "40001", "40P01", "55P03", "26000": .retryable
        case "28P01", "28000": .authenticationFailed
        case "42501": .permissionDenied
        case "25006": .readOnly
        case "53100": .diskFull
        case "XX001", "XX002": .corrupt
        case "3D000", "57014": .unavailable
        case _ where state.hasPrefix("08") || state.hasPrefix("57P") || state.hasPrefix("53"): .unavailable
        default: .statement
        }
    }

    /// The failure of a connection that libpq gave up; `message` never holds the password.
    static func lost(_ connection: OpaquePointer?) -> DatabaseError {
        let message = connection.flatMap { PQerrorMessage($0) }.map { String(cString: $0) } ?? ""
        return DatabaseError(
            kind: .unavailable,
            sqlState: "08006",
            message: "the connection to PostgreSQL was lost: \(oneLine(message))"
        )
    }

    /// Text of libpq as one line.
    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    /// Conversion errors (class 22) quote what could not be converted.
    private static func withoutValues(_ message: String, state: String) -> String {
        guard state.hasPrefix("22"), let quote = message.firstIndex(of: "\"") else { return message }
        return message[..<quote] + "(value withheld)"
    }

    private static func field(_ field: DiagnosticField, of result: OpaquePointer?) -> String? {
        result.flatMap { PQresultErrorField($0, field.code) }.map { String(cString: $0) }
    }
}

/// The `PG_DIAG_…` characters of libpq's header, which Swift does not import.
enum DiagnosticField: Character {
    case sqlState = "C"
    case primaryMessage = "M"
    case constraint = "n"
    case column = "c"

    var code: CInt { CInt(rawValue.asciiValue ?? 0) }
}
