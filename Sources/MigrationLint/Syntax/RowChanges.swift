/// `INSERT`, or `REPLACE INTO` of SQLite.
struct Insertion: Sendable {
    enum Conflict: Sendable {
        case none
        /// Without a target: every key counts.
        case doNothing
        case doNothingOn(target: Fragment)
        case doNothingOnConstraint(ObjectName)
        case doUpdate
    }

    let fragment: Fragment
    let table: ObjectName
    let columns: [String]
    let conflict: Conflict
    /// The octets of the conflict clause, for its replacement.
    let conflictRange: Range<Int>?
    /// `INSERT OR IGNORE`, `INSERT OR REPLACE`: the word after OR.
    let alternative: String?
    /// The rows come from a query, not from VALUES.
    let source: Fragment?
    /// `WHERE NOT EXISTS (SELECT … FROM table …)`.
    let asksFirst: Bool

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        var alternative: String?
        if reader.accept("replace") {
            alternative = "replace"
        } else {
            guard reader.accept("insert") else { return nil }
            if reader.accept("or") { alternative = reader.next()?.value }
        }
        guard reader.accept("into"), let table = reader.name() else { return nil }
        self.alternative = alternative
        self.fragment = fragment
        self.table = table
        if reader.accept("as") { _ = reader.name() }
        columns = reader.group().map { $0.split { $0.isSymbol(",") }.compactMap { $0.first?.value } } ?? []
        let rest = reader.rest
        let conflictIndex = rest.topLevelIndex(of: "on", "conflict")
        let returning = rest.topLevelIndex(of: "returning") ?? rest.tokens.endIndex
        let sourceEnd = conflictIndex ?? returning
        let isQuery = rest.topLevelIndex(of: "select") != nil || rest.starts(with: "with") || rest.starts(with: "table")
        source = isQuery ? rest.slice(rest.tokens[..<sourceEnd]) : nil
        asksFirst = source.map { Self.asks(about: table, in: $0) } ?? false
        if let conflictIndex {
            let clause = rest.slice(rest.tokens[conflictIndex..<max(conflictIndex, returning)])
            conflict = Self.conflict(clause)
            conflictRange = clause.range
        } else {
            conflict = .none
            conflictRange = nil
        }
    }

    private static func conflict(_ clause: Fragment) -> Conflict {
        guard let action = clause.topLevelIndex(of: "do", "nothing") else { return .doUpdate }
        var reader = TokenReader(clause)
        _ = reader.accept("on", "conflict")
        if reader.accept("on", "constraint") { return reader.name().map(Conflict.doNothingOnConstraint) ?? .doNothing }
        let target = clause.slice(clause.tokens[reader.index..<action])
        return target.isEmpty ? .doNothing : .doNothingOn(target: target)
    }

    private static func asks(about table: ObjectName, in source: Fragment) -> Bool {
        guard let condition = source.topLevelIndex(of: "where") else { return false }
        return source.slice(source.tokens[(condition + 1)...]).split { $0.isWord("and") }.contains { conjunct in
            var reader = TokenReader(conjunct)
            guard reader.accept("not", "exists"), let query = reader.group(), let from = query.topLevelIndex(of: "from")
            else { return false }
            var names = TokenReader(query.slice(query.tokens[(from + 1)...]))
            return names.name() == table
        }
    }

    /// The columns of the conflict target; nil stands for an expression. Nil without a target.
    var targetColumns: [String?]? {
        guard case .doNothingOn(let target) = conflict else { return nil }
        var reader = TokenReader(target)
        guard let group = reader.group() else { return nil }
        return group.split { $0.isSymbol(",") }.map { element in
            element.tokens.count == 1 && element.first?.isName == true ? element.first?.value : nil
        }
    }

    /// The target is meant for an index over some of the rows.
    var hasPartialTarget: Bool {
        guard case .doNothingOn(let target) = conflict else { return false }
        return target.topLevelIndex(of: "where") != nil
    }
}

/// `UPDATE`.
struct Update: Sendable {
    struct Assignment: Sendable {
        let column: String
        let value: Fragment
    }

    let fragment: Fragment
    let table: ObjectName
    /// Before SET.
    let head: String
    let assignments: [Assignment]
    let condition: Fragment?
    let returning: Fragment?

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("update") else { return nil }
        if reader.accept("or") { _ = reader.next() }
        _ = reader.accept("only")
        guard let table = reader.name(), let set = reader.rest.topLevelIndex(of: "set") else { return nil }
        self.fragment = fragment
        self.table = table
        reader.skip(to: set)
        head = fragment.source.text(fragment.range.lowerBound..<fragment.tokens[set].position.offset)
        _ = reader.accept("set")
        let rest = reader.rest
        let end = rest.tokens.endIndex
        let returningIndex = rest.topLevelIndex(of: "returning") ?? end
        let whereIndex = rest.topLevelIndex(of: "where") ?? returningIndex
        let fromIndex = rest.topLevelIndex(of: "from") ?? whereIndex
        assignments = rest.slice(rest.tokens[..<min(fromIndex, whereIndex)]).split { $0.isSymbol(",") }
            .flatMap(Self.assignments)
        condition = whereIndex < returningIndex ? rest.slice(rest.tokens[(whereIndex + 1)..<returningIndex]) : nil
        returning = returningIndex < end ? rest.slice(rest.tokens[returningIndex...]) : nil
    }

    private static func assignments(_ fragment: Fragment) -> [Assignment] {
        var reader = TokenReader(fragment)
        let columns: [String]
        if let group = reader.group() {
            columns = group.split { $0.isSymbol(",") }.compactMap { $0.first?.value }
        } else {
            columns = reader.name().map { [$0.name] } ?? []
        }
        guard reader.acceptSymbol("=") else { return [] }
        let value = reader.rest
        var row = TokenReader(value)
        let values = columns.count > 1 ? row.group()?.split { $0.isSymbol(",") } ?? [] : []
        return zip(columns.indices, columns).map { index, column in
            Assignment(column: column, value: index < values.count ? values[index] : value)
        }
    }
}

/// `DELETE FROM`.
struct Deletion: Sendable {
    let table: ObjectName
    let condition: Fragment?

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("delete", "from") else { return nil }
        _ = reader.accept("only")
        guard let table = reader.name() else { return nil }
        self.table = table
        condition = reader.rest.topLevelIndex(of: "where").map { fragment.slice(fragment.tokens[($0 + 1)...]) }
    }
}
