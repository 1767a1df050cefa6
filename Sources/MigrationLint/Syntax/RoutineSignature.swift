/// What tells one function or procedure of PostgreSQL from another of its name, and what a replacement must keep.
struct RoutineSignature: Hashable, Sendable {
    struct Argument: Hashable, Sendable {
        /// `in`, `out`, `inout`, `variadic`.
        let mode: String
        /// Empty when it has none.
        let name: String
        let type: String
        let hasDefault: Bool
    }

    let arguments: [Argument]
    /// `RETURNS …`, in lower case; empty for a procedure.
    let result: String

    /// The types that a call and a DROP go by.
    var types: [String] { arguments.filter { $0.mode != "out" }.map(\.type) }

    /// As `DROP FUNCTION` takes it.
    var text: String { "(" + types.joined(separator: ", ") + ")" }

    /// - `arguments`: What stands between the parentheses.
    /// - `rest`: What follows them.
    init(arguments: Fragment, rest: Fragment? = nil) {
        self.arguments = arguments.split { $0.isSymbol(",") }.filter { !$0.isEmpty }.map(Self.argument)
        result = rest.map(Self.result) ?? ""
    }

    /// Why `CREATE OR REPLACE` with `other` fails where this one is, or the reverse, when the ladder runs again; `nil`
    /// when neither does.
    func obstacle(to other: RoutineSignature) -> String? {
        let outputs = { (signature: RoutineSignature) in
            signature.arguments.filter { $0.mode == "out" || $0.mode == "inout" }.map(\.type)
        }
        guard result == other.result, outputs(self) == outputs(other) else { return "change what it returns" }
        for (old, new) in zip(arguments, other.arguments) {
            guard old.name == new.name else { return "rename its arguments" }
            guard old.hasDefault == new.hasDefault else { return "take a default away" }
        }
        return nil
    }

    private static let modes: Set<String> = ["in", "out", "inout", "variadic"]
    /// Types of more than one word begin with these.
    private static let compounds: Set<String> = [
        "double", "character", "timestamp", "time", "bit", "national", "interval", "setof",
    ]
    private static let synonyms = [
        "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
        "varchar": "character varying", "char": "character", "float8": "double precision", "float4": "real",
        "decimal": "numeric", "timestamptz": "timestamp with time zone", "timetz": "time with time zone",
    ]

    private static func argument(_ fragment: Fragment) -> Argument {
        var tokens = fragment.tokens
        var mode = "in"
        if let first = tokens.first, first.kind == .word, modes.contains(first.value) {
            mode = first.value
            tokens = tokens.dropFirst()
        }
        let fallback = tokens.firstIndex { $0.isWord("default") || $0.isSymbol("=") || $0.isSymbol(":=") }
        let declared = tokens[..<(fallback ?? tokens.endIndex)]
        var name = ""
        var type = declared
        if let first = declared.first, first.isName, let second = declared.dropFirst().first, second.isName,
            !(first.kind == .word && compounds.contains(first.value))
        {
            name = first.value
            type = declared.dropFirst()
        }
        return Argument(mode: mode, name: name, type: Self.type(type), hasDefault: fallback != nil)
    }

    /// Without what does not tell types apart: lengths, and the schema that everything is in.
    private static func type(_ tokens: ArraySlice<Token>) -> String {
        var words: [String] = []
        var depth = 0
        for token in tokens {
            if token.isSymbol("(") { depth += 1 }
            if depth == 0 { words.append(token.value) }
            if token.isSymbol(")") { depth -= 1 }
        }
        if words.starts(with: ["public", "."]) || words.starts(with: ["pg_catalog", "."]) { words.removeFirst(2) }
        if let first = words.first, let proper = synonyms[first] { words[0] = proper }
        return words.joined(separator: " ").replacing(" [ ]", with: "[]")
    }

    private static func result(_ rest: Fragment) -> String {
        guard let returns = rest.topLevelIndex(of: "returns") else { return "" }
        let tokens = rest.tokens[(returns + 1)...]
        if tokens.first?.isWord("table") == true, let open = tokens.dropFirst().first, open.isSymbol("("),
            let close = Fragment.closing(of: returns + 2, in: rest.tokens)
        {
            return tokens[...close].map(\.value).joined(separator: " ")
        }
        let ends: Set<String> = [
            "as", "language", "immutable", "stable", "volatile", "strict", "called", "security", "parallel", "cost",
            "rows", "window", "leakproof", "not", "external", "set", "support", "transform", "return", "begin",
        ]
        return type(tokens.prefix { !($0.kind == .word && ends.contains($0.value)) })
    }
}

extension Creation {
    /// Of a function or procedure.
    var signature: RoutineSignature? {
        guard kind == "function" || kind == "procedure" else { return nil }
        var reader = TokenReader(rest)
        guard let arguments = reader.group() else { return nil }
        return RoutineSignature(arguments: arguments, rest: reader.rest)
    }
}
