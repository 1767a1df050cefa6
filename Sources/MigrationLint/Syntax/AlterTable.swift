/// `ALTER TABLE`, action by action.
struct AlterTable: Sendable {
    struct Action: Sendable {
        let fragment: Fragment
        let kind: Kind
    }

    enum Kind: Sendable {
        case addColumn(Column, isGuarded: Bool)
        case dropColumn(String, isGuarded: Bool)
        case addConstraint(Constraint)
        case dropConstraint(String, isGuarded: Bool)
        case validate(String)
        case renameColumn(from: String, to: ObjectName)
        case renameTable(to: ObjectName)
        case renameConstraint(from: String, to: String)
        case columnType(String, type: Fragment)
        case setNotNull(String)
        case dropNotNull(String)
        case setDefault(String)
        case addIdentity(String)
        case dropIdentity(String, isGuarded: Bool)
        /// Whatever can be repeated.
        case repeatable
        /// Writes every row.
        case rewrite
        /// Fails or does more in a second run, and has no form of its own that does not.
        case once
    }

    let table: ObjectName
    let hasIfExists: Bool
    /// `ALTER TABLE [IF EXISTS] [ONLY] name`, as it is written.
    let head: String
    /// Where `IF EXISTS` goes.
    let nameOffset: Int
    let actions: [Action]

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("alter", "table") else { return nil }
        hasIfExists = reader.accept("if", "exists")
        nameOffset = reader.peek?.position.offset ?? fragment.range.upperBound
        _ = reader.accept("only")
        guard let table = reader.name() else { return nil }
        self.table = table
        _ = reader.acceptSymbol("*")
        let end = reader.peek?.position.offset ?? fragment.range.upperBound
        head = fragment.source.text(fragment.range.lowerBound..<end).trimmed
        actions = reader.rest.split { $0.isSymbol(",") }.filter { !$0.isEmpty }
            .map { Action(fragment: $0, kind: Self.kind(of: $0)) }
    }

    private static func kind(of action: Fragment) -> Kind {
        var reader = TokenReader(action)
        guard let verb = reader.next() else { return .once }
        switch verb.value {
        case "add": return addition(&reader)
        case "drop": return removal(&reader)
        case "alter": return columnChange(&reader)
        case "rename": return renaming(&reader)
        case "validate": return reader.accept("constraint") ? .validate(reader.name()?.name ?? "") : .once
        case "owner", "enable", "disable", "force", "no", "replica", "reset", "not", "cluster", "of": return .repeatable
        case "set":
            if reader.peek?.isSymbol("(") == true || reader.accept("without") { return .repeatable }
            return reader.accept("schema") ? .once : .rewrite
        default: return .once
        }
    }

    private static func addition(_ reader: inout TokenReader) -> Kind {
        if let constraint = Constraint(reader.rest) { return .addConstraint(constraint) }
        _ = reader.accept("column")
        let isGuarded = reader.accept("if", "not", "exists")
        return Column(reader.rest).map { .addColumn($0, isGuarded: isGuarded) } ?? .once
    }

    private static func removal(_ reader: inout TokenReader) -> Kind {
        if reader.accept("constraint") {
            let isGuarded = reader.accept("if", "exists")
            return .dropConstraint(reader.name()?.name ?? "", isGuarded: isGuarded)
        }
        _ = reader.accept("column")
        let isGuarded = reader.accept("if", "exists")
        return .dropColumn(reader.name()?.name ?? "", isGuarded: isGuarded)
    }

    private static func renaming(_ reader: inout TokenReader) -> Kind {
        if reader.accept("to") { return reader.name().map { .renameTable(to: $0) } ?? .once }
        if reader.accept("constraint") {
            guard let from = reader.name(), reader.accept("to"), let to = reader.name() else { return .once }
            return .renameConstraint(from: from.name, to: to.name)
        }
        _ = reader.accept("column")
        guard let from = reader.name(), reader.accept("to"), let to = reader.name() else { return .once }
        return .renameColumn(from: from.name, to: to)
    }

    private static func columnChange(_ reader: inout TokenReader) -> Kind {
        if reader.accept("constraint") { return .repeatable }
        _ = reader.accept("column")
        guard let column = reader.name()?.name else { return .once }
        if reader.accept("set", "data", "type") || reader.accept("type") {
            let rest = reader.rest
            let end = rest.topLevelIndex(of: "using") ?? rest.topLevelIndex(of: "collate") ?? rest.tokens.endIndex
            return .columnType(column, type: rest.slice(rest.tokens[..<end]))
        }
        if reader.accept("set", "not", "null") { return .setNotNull(column) }
        if reader.accept("drop", "not", "null") { return .dropNotNull(column) }
        if reader.accept("set", "default") || reader.accept("drop", "default") { return .setDefault(column) }
        if reader.accept("add") { return .addIdentity(column) }
        if reader.accept("drop", "identity") || reader.accept("drop", "expression") {
            return .dropIdentity(column, isGuarded: reader.accept("if", "exists"))
        }
        return reader.peek?.isWord("set") == true || reader.peek?.isWord("reset") == true ? .repeatable : .once
    }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        let inner = drop(while: \.isWhitespace)
        return String(inner.prefix(inner.count - inner.reversed().prefix(while: \.isWhitespace).count))
    }
}
