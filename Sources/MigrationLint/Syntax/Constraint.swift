/// A table constraint, in `CREATE TABLE` or after `ADD`.
struct Constraint: Sendable {
    enum Kind: String, Sendable {
        case check = "CHECK"
        case unique = "UNIQUE"
        case primaryKey = "PRIMARY KEY"
        case foreignKey = "FOREIGN KEY"
        case exclude = "EXCLUDE"
        case notNull = "NOT NULL"
    }

    /// As it is written, with `CONSTRAINT name` where there is one.
    let fragment: Fragment
    let name: ObjectName?
    let kind: Kind
    /// Of a key, in order.
    let columns: [String]
    let nullsNotDistinct: Bool
    let isNotValid: Bool
    /// `USING INDEX name`.
    let index: ObjectName?
    /// What a CHECK tests.
    let condition: Fragment?
    /// What follows the name: `CHECK (…)`, `UNIQUE (…)`.
    let body: Fragment

    /// Nil when these tokens are no table constraint, but a column.
    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        name = reader.accept("constraint") ? reader.name() : nil
        body = reader.rest
        guard let kind = Self.kind(&reader) else { return nil }
        self.kind = kind
        self.fragment = fragment
        var nullsNotDistinct = false
        if reader.accept("nulls") {
            nullsNotDistinct = reader.accept("not")
            _ = reader.accept("distinct")
        }
        self.nullsNotDistinct = nullsNotDistinct
        index = reader.accept("using", "index") ? reader.name() : nil
        if kind == .foreignKey, reader.peek?.isName == true { _ = reader.name() }
        let group = reader.group()
        condition = kind == .check ? group : nil
        columns = [.check, .exclude].contains(kind) ? [] : group.map(Self.columns) ?? []
        isNotValid = fragment.topLevelIndex(of: "not", "valid") != nil
    }

    private static func kind(_ reader: inout TokenReader) -> Kind? {
        if reader.accept("check") { return .check }
        if reader.accept("unique") { return .unique }
        if reader.accept("primary", "key") { return .primaryKey }
        if reader.accept("foreign", "key") { return .foreignKey }
        if reader.accept("not", "null") { return .notNull }
        guard reader.peek?.isWord("exclude") == true else { return nil }
        guard reader.peek(1)?.isWord("using") == true || reader.peek(1)?.isSymbol("(") == true else { return nil }
        _ = reader.next()
        if reader.accept("using") { _ = reader.name() }
        return .exclude
    }

    private static func columns(of group: Fragment) -> [String] {
        group.split { $0.isSymbol(",") }.compactMap { $0.first?.value }
    }

    /// The name that PostgreSQL would make up.
    func defaultName(table: ObjectName) -> String {
        let mentioned = condition.map { Self.columnsMentioned(in: $0) } ?? []
        switch kind {
        case .check: return ([table.name] + (mentioned.count == 1 ? mentioned : []) + ["check"]).joined(separator: "_")
        case .unique: return ([table.name] + columns + ["key"]).joined(separator: "_")
        case .primaryKey: return table.name + "_pkey"
        case .foreignKey: return ([table.name] + columns + ["fkey"]).joined(separator: "_")
        case .exclude: return table.name + "_excl"
        case .notNull: return ([table.name] + columns + ["not_null"]).joined(separator: "_")
        }
    }

    private static func columnsMentioned(in condition: Fragment) -> [String] {
        let keywords: Set<String> = [
            "in", "is", "not", "null", "and", "or", "between", "like", "any", "array", "true", "false",
        ]
        var names: [String] = []
        for index in condition.tokens.indices {
            let token = condition.tokens[index]
            let isCall = index + 1 < condition.tokens.endIndex && condition.tokens[index + 1].isSymbol("(")
            guard token.isName, !isCall, !keywords.contains(token.value), !names.contains(token.value) else { continue }
            names.append(token.value)
        }
        return names
    }

    /// The column of `CHECK (column IS NOT NULL)`.
    var notNullColumn: String? {
        guard let tokens = condition?.unwrapped.tokens, tokens.count == 4, let first = tokens.first, first.isName,
            zip(tokens.dropFirst(), ["is", "not", "null"]).allSatisfy({ $0.isWord($1) })
        else { return nil }
        return first.value
    }
}
