/// One statement of a migration file, as the runner will send it.
struct Statement: Sendable {
    /// Without the final semicolon.
    let fragment: Fragment
    /// Between the statement before and this one.
    let comments: [Comment]
    /// True when the file ends inside an open parenthesis, a trigger body or a function body.
    let isUnfinished: Bool

    var position: Position { fragment.position }
}

/// Cuts tokens into statements where the engines do.
///
/// PostgreSQL: semicolons outside parentheses and outside `BEGIN ATOMIC … END`. SQLite: trigger bodies end in
/// `; END ;`.
struct StatementCutter {
    private let source: Source
    private let dialect: SQLDialect
    private let tokens: [Token]
    private var comments: ArraySlice<Comment>
    private var statements: [Statement] = []

    static func cut(_ lexer: Lexer) -> (statements: [Statement], trailing: [Comment]) {
        var cutter = StatementCutter(lexer)
        cutter.cut()
        return (cutter.statements, Array(cutter.comments))
    }

    private init(_ lexer: Lexer) {
        source = lexer.source
        dialect = lexer.dialect
        tokens = lexer.tokens
        comments = lexer.comments[...]
    }

    private mutating func cut() {
        var start = 0
        while start < tokens.count {
            guard !tokens[start].isSymbol(";") else {
                start += 1
                continue
            }
            // A meta command is a line of its own.
            if tokens[start].kind == .metaCommand {
                finish(start..<start + 1, isUnfinished: false)
                start += 1
                continue
            }
            let (end, isUnfinished) = end(from: start)
            finish(start..<end, isUnfinished: isUnfinished)
            start = end + 1
        }
    }

    private mutating func finish(_ range: Range<Int>, isUnfinished: Bool) {
        let fragment = Fragment(source: source, dialect: dialect, tokens: tokens[range])
        let before = comments.prefix { $0.position.offset < fragment.position.offset }
        comments = comments.dropFirst(before.count)
        comments = comments.drop { $0.position.offset < fragment.range.upperBound }
        statements.append(Statement(fragment: fragment, comments: Array(before), isUnfinished: isUnfinished))
    }

    private func end(from start: Int) -> (end: Int, isUnfinished: Bool) {
        if dialect == .sqlite, isTrigger(at: start) { return triggerEnd(from: start) }
        var depth = 0
        var nesting = 0
        for index in start..<tokens.count {
            let token = tokens[index]
            if token.isSymbol("(") { depth += 1 }
            if token.isSymbol(")") { depth -= 1 }
            if dialect == .postgres {
                if token.isWord("atomic"), index > start, tokens[index - 1].isWord("begin") { nesting = 1 }
                if nesting > 0, token.isWord("case") { nesting += 1 }
                if nesting > 0, token.isWord("end") { nesting -= 1 }
            }
            guard token.isSymbol(";"), nesting == 0 else { continue }
            if dialect == .sqlite || depth <= 0 { return (index, false) }
        }
        return (tokens.count, depth > 0 || nesting > 0)
    }

    private func isTrigger(at start: Int) -> Bool {
        guard tokens[start].isWord("create"), start + 1 < tokens.count else { return false }
        let next = tokens[start + 1]
        if next.isWord("trigger") { return true }
        return (next.isWord("temp") || next.isWord("temporary")) && start + 2 < tokens.count
            && tokens[start + 2].isWord("trigger")
    }

    private func triggerEnd(from start: Int) -> (end: Int, isUnfinished: Bool) {
        for index in start..<tokens.count where tokens[index].isSymbol(";") {
            if index >= start + 2, tokens[index - 1].isWord("end"), tokens[index - 2].isSymbol(";") {
                return (index, false)
            }
        }
        return (tokens.count, true)
    }
}
