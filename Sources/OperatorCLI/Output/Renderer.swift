import Encoding
package import Settings

/// Turns answers into the format that was asked for.
package struct Renderer: Sendable {
    let format: OutputFormat
    /// Names of the columns to show, in order; empty means the usual ones.
    let columns: [String]
    let hasHeader: Bool
    /// Of the terminal; `nil` when output goes elsewhere.
    let width: Int?

    package init(format: OutputFormat, columns: [String] = [], hasHeader: Bool = true, width: Int? = nil) {
        self.format = format
        self.columns = columns
        self.hasHeader = hasHeader
        self.width = width
    }

    /// A list answer; `page` is the server's object, unchanged in the machine formats.
    func list(_ page: JSONValue, rows: [JSONValue], columns all: [Column]) throws(CLIFailure) -> String {
        let shown = try chosen(from: all)
        switch format {
        case .json: return json(page)
        case .yaml: return YAMLText.document(page)
        case .jsonl: return rows.map { TerminalText.escapingInsideStrings($0.text) }.joined(separator: "\n")
        case .name: return rows.map { Self.identifier($0) }.joined(separator: "\n")
        case .csv:
            let header = hasHeader ? [CSVText.row(shown.map(\.name))] : []
            let lines = rows.map { row in CSVText.row(shown.map { $0.cell(row, isDetail: true) }) }
            return (header + lines).joined(separator: "\n")
        case .table, .wide:
            let cells = rows.map { row in shown.map { TerminalText.line($0.cell(row, isDetail: false)) } }
            let header = hasHeader ? shown.map(\.title) : nil
            var lines = TableText.lines(header: header, rows: cells, width: format == .wide ? nil : width)
            if hasHeader { lines += ["", "Total: \(page["total"]?.integerValue.map(Int.init) ?? rows.count)"] }
            return lines.joined(separator: "\n")
        }
    }

    /// One object.
    func item(_ object: JSONValue, details: [Column]) throws(CLIFailure) -> String {
        switch format {
        case .json: return json(object)
        case .jsonl: return TerminalText.escapingInsideStrings(object.text)
        case .yaml: return YAMLText.document(object)
        case .name: return Self.identifier(object)
        case .csv: return try list(object, rows: [object], columns: details)
        case .table, .wide:
            let shown = try chosen(from: details.map { Column($0.title, $0.member, $0.style) })
            return labelled(shown.map { ($0.title, $0.cell(object, isDetail: true)) })
        }
    }

    /// `Label:  value` lines; empty values are left out.
    func labelled(_ lines: [(label: String, value: String)]) -> String {
        let kept = lines.filter { !$0.value.isEmpty }
        let widest = kept.map(\.label.count).max() ?? 0
        return kept.map { label, value in
            let gap = String(repeating: " ", count: widest - label.count + 2)
            return "\(Self.capitalized(label)):\(gap)\(TerminalText.line(value))"
        }.joined(separator: "\n")
    }

    func json(_ value: JSONValue) -> String { TerminalText.escapingInsideStrings(value.prettyText) }

    private func chosen(from all: [Column]) throws(CLIFailure) -> [Column] {
        if columns.isEmpty { return all.filter { !$0.isWide || format == .wide || format == .csv } }
        var shown: [Column] = []
        for name in columns {
            guard let column = all.first(where: { $0.name == name.lowercased() || $0.member == name }) else {
                throw .usage(
                    "no column \"\(TerminalText.line(name))\"; there are: \(all.map(\.name).joined(separator: ", "))")
            }
            shown.append(column)
        }
        return shown
    }

    private static func identifier(_ row: JSONValue) -> String {
        let id = row["id"] ?? row["actor_id"] ?? row["name"]
        return TerminalText.line(id?.stringValue ?? "")
    }

    private static let abbreviations: Set = ["API", "CA", "CSR", "DNS", "ID", "IP", "OS", "SAN", "TLS", "TTL", "URL"]

    /// `COMMON NAME` as a label: `Common Name`; abbreviations stay.
    private static func capitalized(_ title: String) -> String {
        title.split(separator: " ").map { word in
            switch word {
            case "SANS": "SANs"
            case "EKUS": "EKUs"
            case _ where abbreviations.contains(String(word)): String(word)
            default: word.prefix(1) + word.dropFirst().lowercased()
            }
        }.joined(separator: " ")
    }
}
