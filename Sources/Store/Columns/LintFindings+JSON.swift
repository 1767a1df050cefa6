import Domain
import Encoding
import Query

extension JSONColumn {
    static func value(_ findings: [LintFinding]) -> Value {
        value(
            JSONValue.array(
                findings.map { finding in
                    [
                        "rule": .string(finding.rule.rawValue), "severity": .string(finding.severity.rawValue),
                        "message": .string(finding.message),
                    ]
                }))
    }
}

extension Row {
    /// Findings of rules that this program has.
    func lintFindings(_ column: String) throws(DatabaseError) -> [LintFinding] {
        let elements = try json(column).arrayValue ?? []
        return elements.compactMap { element in
            guard let rule = element["rule"]?.stringValue.flatMap({ LintRule(rawValue: $0) }),
                let severity = element["severity"]?.stringValue.flatMap({ LintSeverity(rawValue: $0) })
            else { return nil }
            return LintFinding(rule: rule, severity: severity, message: element["message"]?.stringValue ?? "")
        }
    }
}
