import Encoding

/// A column of a list, or a line of a detail view.
package struct Column: Sendable {
    /// How a member is shown.
    enum Style: Sendable {
        case text
        /// `YYYY-MM-DD` in lists, with the time of day in details.
        case time
        /// Date and time of day, in lists too.
        case instant
        case list
        case yesOrNo
        /// A JSON patch, as what becomes of each member.
        case changes
        /// What the linter found.
        case findings
    }

    /// Capitals in lists; `COMMON NAME`.
    let title: String
    /// Dotted path of the member.
    let member: String
    let style: Style
    /// Shown by `-o wide` and by name only.
    let isWide: Bool

    init(_ title: String, _ member: String, _ style: Style = .text, wide: Bool = false) {
        self.title = title
        self.member = member
        self.style = style
        isWide = wide
    }

    func value(in row: JSONValue) -> JSONValue? {
        var value: JSONValue? = row
        for part in member.split(separator: ".") { value = value?[String(part)] }
        return value
    }

    /// The cell, not yet made safe for its sink.
    func cell(_ row: JSONValue, isDetail: Bool) -> String {
        guard let value = value(in: row), !value.isNull else { return "" }
        switch (style, value) {
        case (.time, .string(let text)): return Self.time(text, isDetail: isDetail)
        case (.instant, .string(let text)): return Self.time(text, isDetail: true)
        case (.list, .array(let items)): return items.map { $0.stringValue ?? $0.text }.joined(separator: ", ")
        case (.changes, .array(let operations)): return Self.changes(operations)
        case (.findings, .array(let findings)): return findings.map(Self.finding).joined(separator: "; ")
        case (.yesOrNo, .bool(let flag)): return flag ? "yes" : "no"
        case (_, .string(let text)): return text
        default: return value.text
        }
    }

    /// `/max_ttl_seconds: 86400 → 3600`; a test says what there was.
    static func changes(_ operations: [JSONValue]) -> String {
        var old: [String: String] = [:]
        var texts: [String] = []
        for operation in operations {
            let path = operation["path"]?.stringValue ?? ""
            let value = operation["value"]?.text ?? ""
            let place = path.isEmpty ? "the whole" : path
            switch operation["op"]?.stringValue {
            case "test": old[path] = value
            case "add": texts.append("\(place): + \(value)")
            case "remove": texts.append("\(place): - \(old[path] ?? "")")
            default: texts.append("\(place): \(old[path] ?? "") → \(value)")
            }
        }
        return texts.joined(separator: "; ")
    }

    /// `host_name_form: dns:a_b.example has an underscore (warning)`.
    static func finding(_ finding: JSONValue) -> String {
        func text(_ member: String) -> String { finding[member]?.stringValue ?? "" }
        return "\(text("rule")): \(text("message")) (\(text("severity")))"
    }

    /// An RFC 3339 time in UTC as people read it; the time that stands for "never" is empty.
    static func time(_ text: String, isDetail: Bool) -> String {
        guard text.utf8.count >= 20, text.hasSuffix("Z"), !text.hasPrefix("0001-01-01") else {
            return text.hasPrefix("0001-01-01") ? "" : text
        }
        let day = text.prefix(10)
        return isDetail ? "\(day) \(text.dropFirst(11).prefix(8)) UTC" : String(day)
    }

    /// The name by which `--columns` picks it.
    var name: String { title.lowercased().replacing(" ", with: "_") }
}
