/// A test of the catalogue that a statement stands behind.
struct CatalogueTest: Hashable, Sendable {
    /// What a column of the catalogue is compared with.
    enum Comparand: Hashable, Sendable {
        case text(String)
        /// `'name'::regclass`, `to_regclass('name')`.
        case relation(String)
        /// `current_schema()`, or the schema's own name.
        case currentSchema
        case other
    }

    /// True for "there is no such row".
    let expectsAbsence: Bool
    /// `pg_constraint`, `columns` of the information schema, a table of ours.
    let catalogue: String
    let comparisons: [String: Comparand]

    func text(_ columns: String...) -> String? {
        for column in columns { if case .text(let text) = comparisons[column] { return text } }
        return nil
    }

    func relation(_ columns: String...) -> String? {
        for column in columns { if case .relation(let name) = comparisons[column] { return name } }
        return nil
    }

    /// The test looks into one schema.
    var isInSchema: Bool {
        comparisons.values.contains(.currentSchema)
    }
}

/// What is known when a statement in a block runs.
struct Guards: Sendable {
    /// Errors that are caught around a statement.
    struct Handler: Sendable {
        let conditions: [String]
        /// How many statements share the block: all of them are undone with the one that fails.
        let statements: Int
        /// The handler fails again.
        let raises: Bool
    }

    var tests: [CatalogueTest] = []
    /// As they are written, for the corrected form.
    var conditions: [String] = []
    /// Some condition is no test of the catalogue; it does not protect.
    var hasOpaque = false
    var handler: Handler?

    static let none = Guards()

    var isEmpty: Bool { conditions.isEmpty && handler == nil }

    func adding(_ condition: Fragment, isNegated: Bool = false) -> Guards {
        var guards = self
        guards.conditions.append(isNegated ? "NOT (\(condition.text))" : condition.text)
        let conjuncts = isNegated ? [condition] : condition.unwrapped.split { $0.isWord("and") }
        for conjunct in conjuncts {
            if let test = CatalogueTestParser.parse(conjunct, isNegated: isNegated) {
                guards.tests.append(test)
            } else {
                guards.hasOpaque = true
            }
        }
        return guards
    }

    /// A loop, a CASE or a handler, in which the statement may run or not.
    func addingOpaque() -> Guards {
        var guards = self
        guards.hasOpaque = true
        return guards
    }
}

/// Reads `NOT EXISTS (SELECT … FROM catalogue WHERE …)` and `to_regclass('…') IS NULL`.
enum CatalogueTestParser {
    private static let deepest = 32

    static func parse(_ condition: Fragment, isNegated: Bool, depth: Int = 0) -> CatalogueTest? {
        guard depth < deepest else { return nil }
        var reader = TokenReader(condition.unwrapped)
        var expectsAbsence = isNegated
        while reader.accept("not") { expectsAbsence.toggle() }
        if reader.peek?.isSymbol("(") == true, let inner = reader.group(), reader.isAtEnd {
            return parse(inner, isNegated: expectsAbsence, depth: depth + 1)
        }
        if reader.accept("exists") {
            guard let query = reader.group(), reader.isAtEnd else { return nil }
            return existence(query, expectsAbsence: expectsAbsence)
        }
        return lookup(&reader, expectsAbsence: expectsAbsence)
    }

    /// `to_regclass('x') IS [NOT] NULL`, `to_regtype('x') IS [NOT] NULL`.
    private static func lookup(_ reader: inout TokenReader, expectsAbsence: Bool) -> CatalogueTest? {
        guard let function = reader.name(),
            ["to_regclass", "to_regtype", "to_regproc", "to_regnamespace", "to_regrole"].contains(function.name),
            let argument = reader.group()?.first, argument.kind == .string, reader.accept("is")
        else { return nil }
        let isNotNull = reader.accept("not")
        guard reader.accept("null"), reader.isAtEnd else { return nil }
        return CatalogueTest(
            expectsAbsence: isNotNull ? expectsAbsence : !expectsAbsence, catalogue: function.name,
            comparisons: ["name": .relation(folded(argument.value))])
    }

    private static func existence(_ query: Fragment, expectsAbsence: Bool) -> CatalogueTest? {
        guard let from = query.topLevelIndex(of: "from") else { return nil }
        var reader = TokenReader(query.slice(query.tokens[(from + 1)...]))
        guard let catalogue = reader.name() else { return nil }
        var comparisons: [String: CatalogueTest.Comparand] = [:]
        // ON of a join and WHERE are conditions alike; an OR makes none of them certain.
        let conditions = reader.rest.split {
            $0.isWord("and") || $0.isWord("where") || $0.isWord("on") || $0.isWord("join")
        }
        guard reader.rest.topLevelIndex(of: "or") == nil else { return nil }
        for condition in conditions {
            guard let (column, value) = comparison(condition.unwrapped) else { continue }
            comparisons[column] = value
        }
        return CatalogueTest(expectsAbsence: expectsAbsence, catalogue: catalogue.name, comparisons: comparisons)
    }

    private static func comparison(_ condition: Fragment) -> (String, CatalogueTest.Comparand)? {
        var reader = TokenReader(condition)
        guard let column = reader.name(), reader.acceptSymbol("=") else { return nil }
        return (column.name, comparand(reader.rest))
    }

    private static func comparand(_ value: Fragment) -> CatalogueTest.Comparand {
        var reader = TokenReader(value.unwrapped)
        guard let first = reader.peek else { return .other }
        if first.isWord("current_schema") { return .currentSchema }
        if first.kind == .word, ["to_regclass", "to_regnamespace"].contains(first.value) {
            _ = reader.next()
            guard let argument = reader.group()?.first else { return .other }
            if first.value == "to_regnamespace" { return .currentSchema }
            return argument.kind == .string ? .relation(folded(argument.value)) : .other
        }
        guard first.kind == .string else { return .other }
        _ = reader.next()
        guard reader.acceptSymbol("::"), let type = reader.name() else { return .text(first.value) }
        switch type.name {
        case "regclass", "regtype": return .relation(folded(first.value))
        case "regnamespace": return .currentSchema
        default: return .text(first.value)
        }
    }

    /// The name that PostgreSQL looks up for the text of a `regclass`: quoted parts as they are, others in lower case.
    private static func folded(_ text: String) -> String {
        var lexer = Lexer(Source(text), dialect: .postgres)
        lexer.scan()
        let fragment = Fragment(source: lexer.source, dialect: .postgres, tokens: lexer.tokens[...])
        var reader = TokenReader(fragment)
        return reader.name()?.key ?? text
    }
}
