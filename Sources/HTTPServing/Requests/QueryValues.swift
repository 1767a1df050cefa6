import APIContract
package import Domain
import Encoding

/// The query of a request, checked against the parameters that its route declares.
package struct QueryValues: Sendable {
    private let values: [String: [String]]
    private let declared: [QueryParameter]

    /// - Throws: A problem naming every parameter that is wrong. Paging out of range falls back to the default unless
    ///   the client asked for strict handling.
    init(_ query: Substring, declared: [QueryParameter], isStrict: Bool) throws(ServiceError) {
        var values: [String: [String]] = [:]
        var problems: [FieldProblem] = []
        for pair in query.split(separator: "&").prefix(200) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = parts.count == 2 ? PercentEncoding.decode(parts[1], plusIsSpace: true) : ""
            else {
                problems.append(
                    FieldProblem(pointer: "", code: "invalid_escape", detail: "the query has a broken escape"))
                continue
            }
            guard let parameter = Self.parameter(name, declared) else {
                if isStrict {
                    problems.append(Self.problem(name, "unknown_parameter", "there is no parameter \(name)"))
                }
                continue
            }
            let pieces = parameter.acceptsSeveral ? value.split(separator: ",").map(String.init) : [value]
            for piece in pieces where !piece.isEmpty {
                if let fault = Self.fault(piece, parameter) {
                    if Self.fallsBack(parameter), !isStrict { continue }
                    problems.append(Self.problem(name, fault.code, fault.detail))
                } else {
                    values[name, default: []].append(piece)
                }
            }
        }
        guard problems.isEmpty else {
            let detail = problems.map(\.detail).joined(separator: "; ")
            throw ServiceError(.invalidParameter, detail, problems: problems)
        }
        self.values = values
        self.declared = declared
    }

    package func text(_ name: String) -> String? { values[name]?.last ?? fallback(name)?.stringValue }

    /// Any of several values; empty when the parameter was not sent.
    package func texts(_ name: String) -> [String] { values[name] ?? [] }

    package func integer(_ name: String) -> Int? {
        (values[name]?.last).flatMap { Int($0) } ?? fallback(name)?.integerValue.map { Int($0) }
    }

    package func flag(_ name: String) -> Bool? {
        guard let text = values[name]?.last else { return fallback(name)?.boolValue }
        return text == "true" || text == "1"
    }

    package func time(_ name: String) -> Timestamp? {
        (values[name]?.last).flatMap { try? Timestamp(rfc3339: $0) }
    }

    /// `tag.tier=1` under the prefix `tag.` gives `tier` and `1`.
    package func prefixed(_ prefix: String) -> [(key: String, value: String)] {
        values.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.flatMap { name, values in
            values.map { (String(name.dropFirst(prefix.count)), $0) }
        }
    }

    package func contains(_ name: String) -> Bool { values[name] != nil }

    private func fallback(_ name: String) -> JSONValue? { declared.first { $0.name == name }?.fallback }

    private static func parameter(_ name: String, _ declared: [QueryParameter]) -> QueryParameter? {
        declared.first { $0.isPrefix ? name.hasPrefix($0.name) && name.count > $0.name.count : $0.name == name }
    }

    private static func fallsBack(_ parameter: QueryParameter) -> Bool {
        ["page", "per_page", "page_size", "limit"].contains(parameter.name)
    }

    private static func fault(_ text: String, _ parameter: QueryParameter) -> (code: String, detail: String)? {
        let value: JSONValue
        switch parameter.schema.kind {
        case .integer:
            guard let number = Int64(text) else { return ("invalid_type", "\(parameter.name) must be a whole number") }
            value = .integer(number)
        case .boolean:
            guard ["true", "false", "1", "0"].contains(text) else {
                return ("invalid_type", "\(parameter.name) must be true or false")
            }
            return nil
        default: value = .string(text)
        }
        var check = SchemaCheck(mode: .whole)
        check.check(value, against: parameter.schema)
        return check.problems.first.map { ($0.code, "\(parameter.name) \($0.detail)") }
    }

    private static func problem(_ name: String, _ code: String, _ detail: String) -> FieldProblem {
        FieldProblem(pointer: "?\(name)", code: code, detail: detail)
    }
}
