/// A comment for the runner or for the lint: `-- certctl:…`.
enum Directive: Hashable, Sendable {
    /// The statement is skipped when the column exists (SQLite); the runner compares the column with case.
    case unlessColumn(table: String, column: String)
    /// The oldest release that can run on the schema after this file.
    case compatFloor
    /// The next statement may break one rule, for a reason.
    case lintAllow(rule: String, reason: String)
    case malformed(String)

    /// The directive in a line comment, if it is one.
    init?(_ comment: Comment) {
        guard comment.isLine else { return nil }
        let trimmed = comment.text.drop { $0 == "-" || $0 == " " }
        guard trimmed.hasPrefix("certctl:") else { return nil }
        let words = trimmed.dropFirst("certctl:".count).split(whereSeparator: { " \t\r".contains($0) }).map(String.init)
        switch words.first {
        case "unless-column":
            let names = words.last?.split(separator: ".", omittingEmptySubsequences: false).map(String.init) ?? []
            guard words.count == 2, names.count == 2, names.allSatisfy({ !$0.isEmpty }) else {
                self = .malformed("write it as '-- certctl:unless-column table.column'")
                return
            }
            self = .unlessColumn(table: names[0].lowercased(), column: names[1])
        case "compat-floor":
            self = words.count == 2 ? .compatFloor : .malformed("write it as '-- certctl:compat-floor 1.2.0'")
        case "lint-allow":
            guard words.count > 2 else {
                self = .malformed("write it as '-- certctl:lint-allow RULE reason'; without a reason it allows nothing")
                return
            }
            self = .lintAllow(rule: words[1], reason: words.dropFirst(2).joined(separator: " "))
        default:
            self = .malformed("neither the runner nor the lint knows '\(words.first ?? "")'")
        }
    }
}
