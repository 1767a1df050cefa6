package import Domain

extension ValueGrammar where Value == LintSeverities {
    package static let lintSeverities = Self(
        kind: "lints",
        expectation: "lints as in host_name_form=error,validity_length=off, each one adjustable (certctl crypto lints)",
        parse: { content in
            switch content {
            case .text(let text): severities(ListText.items(text))
            case .list(let items): severities(items)
            case .integer, .number, .bool: nil
            }
        },
        render: { value in
            value.chosen.map { "\($0.key.rawValue)=\($0.value.rawValue)" }.sorted().joined(separator: ",")
        }
    )

    /// `nil` unless each item is a rule with its severity, no rule comes twice, and none is fixed.
    private static func severities(_ items: [String]) -> LintSeverities? {
        var chosen: [LintRule: LintSeverity] = [:]
        for item in items {
            let sides = item.split(separator: "=", omittingEmptySubsequences: false).map {
                ListText.trimmed(String($0))
            }
            guard sides.count == 2, let rule = LintRule(rawValue: sides[0]),
                let severity = LintSeverity(rawValue: sides[1]), chosen.updateValue(severity, forKey: rule) == nil
            else { return nil }
        }
        return LintSeverities(chosen)
    }
}
