/// What a statement creates, drops or alters: `table`, `materialized view`.
enum ObjectKind {
    private static let compounds = [
        ["materialized", "view"], ["foreign", "data", "wrapper"], ["foreign", "table"], ["event", "trigger"],
        ["user", "mapping"], ["operator", "class"], ["operator", "family"], ["access", "method"],
        ["text", "search", "configuration"], ["text", "search", "dictionary"], ["text", "search", "parser"],
        ["text", "search", "template"],
    ]

    static func read(_ reader: inout TokenReader) -> String? {
        for words in compounds {
            let isNext = words.indices.allSatisfy { reader.peek($0)?.isWord(words[$0]) == true }
            guard isNext else { continue }
            reader.skip(to: reader.index + words.count)
            return words.joined(separator: " ")
        }
        guard let noun = reader.next(), noun.kind == .word else { return nil }
        return noun.value
    }
}

/// `CREATE …`, read as far as it matters for a second run.
struct Creation: Sendable {
    let fragment: Fragment
    /// In lower case: `table`, `index`, `materialized view`.
    let kind: String
    let hasOrReplace: Bool
    let hasIfNotExists: Bool
    let isTemporary: Bool
    let isConcurrent: Bool
    let isUnique: Bool
    /// `CREATE CONSTRAINT TRIGGER`, which cannot be replaced.
    let isConstraint: Bool
    let name: ObjectName?
    /// The octet before which `IF NOT EXISTS` goes.
    let nameOffset: Int
    /// What an index, trigger, policy or rule is on.
    let relation: ObjectName?
    /// The elements between the parentheses of a table or an index.
    let body: Fragment?
    /// Everything after the name.
    let rest: Fragment

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("create") else { return nil }
        self.fragment = fragment
        hasOrReplace = reader.accept("or", "replace")
        var isTemporary = false
        var isUnique = false
        var isConstraint = false
        while let word = reader.acceptAny(
            of: "global", "local", "temp", "temporary", "unlogged", "recursive", "constraint", "unique", "trusted",
            "procedural", "virtual", "default")
        {
            isTemporary = isTemporary || word == "temp" || word == "temporary"
            isUnique = isUnique || word == "unique"
            isConstraint = isConstraint || word == "constraint"
        }
        guard let kind = ObjectKind.read(&reader) else { return nil }
        self.kind = kind
        self.isTemporary = isTemporary
        self.isUnique = isUnique
        self.isConstraint = isConstraint
        isConcurrent = reader.accept("concurrently")
        hasIfNotExists = reader.accept("if", "not", "exists")
        nameOffset = reader.peek?.position.offset ?? fragment.range.upperBound
        let isUnnamedIndex = kind == "index" && reader.peek?.isWord("on") == true
        name = isUnnamedIndex ? nil : reader.name()
        rest = reader.rest
        (relation, body) = Self.details(kind, name, &reader)
    }

    private static func details(
        _ kind: String, _ name: ObjectName?, _ reader: inout TokenReader
    ) -> (ObjectName?, Fragment?) {
        switch kind {
        case "table": return (name, reader.group())
        case "index", "trigger", "policy":
            guard let on = reader.rest.topLevelIndex(of: "on") else { return (nil, nil) }
            reader.skip(to: on + 1)
            _ = reader.accept("only")
            let relation = reader.name()
            if reader.accept("using") { _ = reader.name() }
            return (relation, kind == "index" ? reader.group() : nil)
        case "rule":
            guard let to = reader.rest.topLevelIndex(of: "to") else { return (nil, nil) }
            reader.skip(to: to + 1)
            return (reader.name(), nil)
        default: return (nil, nil)
        }
    }

    /// The columns and constraints of a table.
    var elements: (columns: [Column], constraints: [Constraint]) {
        var columns: [Column] = []
        var constraints: [Constraint] = []
        for element in body?.split(at: { $0.isSymbol(",") }) ?? [] where !element.isEmpty {
            if let constraint = Constraint(element) {
                constraints.append(constraint)
            } else if !element.starts(with: "like"), let column = Column(element) {
                columns.append(column)
            }
        }
        return (columns, constraints)
    }

    /// The columns of an index; nil stands for an expression.
    var indexColumns: [String?] {
        (body?.split { $0.isSymbol(",") } ?? []).map { element in
            let first = element.tokens.first
            let isCall = element.tokens.dropFirst().contains { $0.isSymbol("(") }
            return first?.isName == true && !isCall ? first?.value : nil
        }
    }

    /// An index over some of the rows.
    var isPartial: Bool { kind == "index" && fragment.topLevelIndex(of: "where") != nil }

    /// The words from `CREATE` to before the name, such as `CREATE UNIQUE INDEX`.
    var head: String {
        fragment.source.text(fragment.range.lowerBound..<nameOffset)
    }
}

/// `DROP …`.
struct Drop: Sendable {
    let kind: String
    let hasIfExists: Bool
    let isConcurrent: Bool
    let names: [ObjectName]
    /// Of functions and procedures, in the order of the names; nil where the arguments are left out.
    let signatures: [RoutineSignature?]
    /// `DROP TRIGGER name ON relation`.
    let relation: ObjectName?
    let nameOffset: Int

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("drop") else { return nil }
        guard let kind = ObjectKind.read(&reader) else { return nil }
        self.kind = kind
        isConcurrent = reader.accept("concurrently")
        hasIfExists = reader.accept("if", "exists")
        nameOffset = reader.peek?.position.offset ?? fragment.range.upperBound
        var names: [ObjectName] = []
        var signatures: [RoutineSignature?] = []
        while let name = reader.name() {
            names.append(name)
            signatures.append(reader.group().map { RoutineSignature(arguments: $0) })
            guard reader.acceptSymbol(",") else { break }
        }
        self.names = names
        self.signatures = signatures
        relation = reader.accept("on") ? reader.name() : nil
    }
}
