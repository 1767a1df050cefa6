/// A value as a source spelled it, before its grammar has judged it.
package enum RawContent: Hashable, Sendable {
    case text(String)
    case list([String])
    case integer(Int64)
    case number(Double)
    case bool(Bool)

    /// The spelling to show in a report about the value.
    var shown: String {
        switch self {
        case .text(let text): text
        case .list(let items): items.joined(separator: ",")
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .bool(let value): String(value)
        }
    }
}

/// What the values of a setting look like (specification, operations §3.2).
package struct ValueGrammar<Value: Sendable>: Sendable {
    let kind: String
    let expectation: String
    let isSecret: Bool
    let parse: @Sendable (RawContent) -> Value?
    /// The canonical spelling; `nil` when the value stands for "unset".
    let render: @Sendable (Value) -> String?

    init(
        kind: String,
        expectation: String,
        isSecret: Bool = false,
        parse: @escaping @Sendable (RawContent) -> Value?,
        render: @escaping @Sendable (Value) -> String?
    ) {
        self.kind = kind
        self.expectation = expectation
        self.isSecret = isSecret
        self.parse = parse
        self.render = render
    }

    /// A grammar of text alone: numbers and booleans of a TOML file are refused.
    init(
        kind: String,
        expectation: String,
        text: @escaping @Sendable (String) -> Value?,
        render: @escaping @Sendable (Value) -> String?
    ) {
        self.init(
            kind: kind,
            expectation: expectation,
            parse: { if case .text(let spelled) = $0 { text(spelled) } else { nil } },
            render: render
        )
    }

    /// The same grammar with a further condition that `expectation` describes.
    func refined(_ expectation: String, _ accepts: @escaping @Sendable (Value) -> Bool) -> Self {
        Self(
            kind: kind,
            expectation: expectation,
            isSecret: isSecret,
            parse: { content in parse(content).flatMap { accepts($0) ? $0 : nil } },
            render: render
        )
    }

    /// The same grammar for a setting that may stay unset.
    var optional: ValueGrammar<Value?> {
        ValueGrammar<Value?>(
            kind: kind,
            expectation: expectation,
            isSecret: isSecret,
            parse: { content in parse(content).map(Optional.some) },
            render: { $0.flatMap(render) }
        )
    }
}

extension ValueGrammar where Value: Comparable {
    /// Values between two bounds, both included.
    package func within(_ bounds: ClosedRange<Value>) -> Self {
        let lower = render(bounds.lowerBound) ?? ""
        let upper = render(bounds.upperBound) ?? ""
        return refined("\(expectation), between \(lower) and \(upper)") { bounds.contains($0) }
    }

    /// Values of at least `bound`.
    package func atLeast(_ bound: Value) -> Self {
        refined("\(expectation), at least \(render(bound) ?? "")") { $0 >= bound }
    }
}
