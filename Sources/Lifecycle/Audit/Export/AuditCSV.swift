import AuditProof
import Encoding

/// Audit events as comma-separated values (RFC 4180), for spreadsheets.
///
/// What an attacker could name reaches these cells: one that a spreadsheet would take for a formula begins with an
/// apostrophe instead, also behind spaces (security §14).
package enum AuditCSV {
    private static let columns = [
        "seq", "timestamp", "id", "actor", "actor_type", "action", "resource_type", "resource_id", "outcome", "reason",
        "event_category", "request_id", "credential_id", "client_ip", "channel", "details", "leaf_hash", "row_hash",
    ]

    /// The first line, without its end.
    static let header = columns.joined(separator: ",")

    /// The line of an event, without its end.
    static func line(_ event: ExportedEvent) -> String {
        let json = event.json
        return columns.map { column in
            switch json[column] {
            case nil, .null: ""
            case .string(let text): cell(text)
            case .integer(let number): "\(number)"
            case .some(let value): cell(CanonicalJSON.text(of: value))
            }
        }.joined(separator: ",")
    }

    /// A cell in quotes where it needs them.
    package static func cell(_ text: String) -> String {
        let begin = text.unicodeScalars.drop { $0 == " " }.first
        let isFormula = begin.map { "=+-@\t\r\n".unicodeScalars.contains($0) } ?? false
        let safe = isFormula ? "'" + text : text
        let needsQuotes =
            safe.unicodeScalars.contains { $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n" }
            || safe.hasPrefix(" ") || safe.hasSuffix(" ")
        return needsQuotes ? "\"\(safe.replacing("\"", with: "\"\""))\"" : safe
    }
}
