package import Domain

extension ValueGrammar where Value == Bool {
    package static let bool = Self(
        kind: "bool",
        expectation: "one of true/false, yes/no, on/off, t/f, 1/0",
        parse: { content in
            switch content {
            case .bool(let value): value
            case .integer(0): false
            case .integer(1): true
            case .text(let text):
                switch text.lowercased() {
                case "true", "1", "yes", "on", "t": true
                case "false", "0", "no", "off", "f": false
                default: nil
                }
            case .integer, .number, .list: nil
            }
        },
        render: { $0 ? "true" : "false" }
    )
}

extension ValueGrammar where Value == Int {
    package static let int = Self(
        kind: "int",
        expectation: "a decimal integer",
        parse: { content in
            switch content {
            case .integer(let value): Int(exactly: value)
            case .text(let text): DecimalText.integer(text)
            case .list, .number, .bool: nil
            }
        },
        render: { String($0) }
    )

    /// Octets, plain or with a binary unit.
    package static let size = Self(
        kind: "size",
        expectation: "a number of octets, plain or with KiB, MiB or GiB",
        parse: { content in
            switch content {
            case .integer(let value): value >= 0 ? Int(exactly: value) : nil
            case .text(let text): SizeText.octets(text)
            case .list, .number, .bool: nil
            }
        },
        render: { SizeText.text($0) }
    )
}

extension ValueGrammar where Value == Double {
    package static let float = Self(
        kind: "float",
        expectation: "a decimal number",
        parse: { content in
            switch content {
            case .integer(let value): Double(value)
            case .number(let value): value.isFinite ? value : nil
            case .text(let text): DecimalText.number(text)
            case .list, .bool: nil
            }
        },
        render: { $0.rounded() == $0 && abs($0) < 1e15 ? String(Int64($0)) : String($0) }
    )
}

extension ValueGrammar where Value == String {
    package static let string = Self(kind: "string", expectation: "a text", text: { $0 }, render: { $0 })

    /// A file or directory name; relative ones count from the working directory.
    package static let path = Self(
        kind: "path",
        expectation: "a path without NUL or line breaks",
        text: { text in text.contains { $0 == "\0" || $0.isNewline } ? nil : text },
        render: { $0 }
    )
}

extension ValueGrammar where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the raw values, in exactly that spelling.
    package static var choice: Self {
        Self(
            kind: "enum",
            expectation: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            text: { Value(rawValue: $0) },
            render: { $0.rawValue }
        )
    }
}

extension ValueGrammar where Value == [String] {
    /// Comma separated; items are trimmed and empty ones dropped.
    package static let list = Self.items(of: "a comma-separated list") { _ in true }

    /// A list of which every item has to pass `accepts`.
    static func items(of expectation: String, where accepts: @escaping @Sendable (String) -> Bool) -> Self {
        Self(
            kind: "list",
            expectation: expectation,
            parse: { content in
                let items: [String]
                switch content {
                case .text(let text): items = ListText.items(text)
                case .list(let given): items = given.map(ListText.trimmed).filter { !$0.isEmpty }
                case .integer, .number, .bool: return nil
                }
                return items.allSatisfy(accepts) ? items : nil
            },
            render: { $0.isEmpty ? nil : $0.joined(separator: ",") }
        )
    }
}

extension ValueGrammar where Value == Secret {
    /// A text that is never shown; white space at either end belongs to it.
    package static let secret = Self(
        kind: "secret",
        expectation: "a secret text",
        isSecret: true,
        parse: { if case .text(let text) = $0 { Secret(text) } else { nil } },
        render: { $0.isEmpty ? nil : "***" }
    )
}
