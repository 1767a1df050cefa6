/// Writes CSV (RFC 4180) that a spreadsheet shows as text and never runs.
package enum CSVText {
    package static func row(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") }

    /// A cell that begins like a formula gets an apostrophe in front; quotes are doubled.
    static func cell(_ text: String) -> String {
        let start = text.drop { $0 == " " }
        let isFormula = start.unicodeScalars.first.map { "=+-@\t\r".unicodeScalars.contains($0) } ?? false
        let safe = TerminalText.block(isFormula ? "'\(text)" : text)
        let needsQuotes = safe.contains { "\",\n".contains($0) } || safe.hasPrefix(" ") || safe.hasSuffix(" ")
        return needsQuotes ? "\"\(safe.replacing("\"", with: "\"\""))\"" : safe
    }
}
