package import Query

/// One statement of a migration file.
package struct MigrationStatement: Hashable, Sendable {
    /// Its text without the final semicolon and without the comments before it.
    package let text: String
    /// Counted from 1.
    package let number: Int
    /// The line of its first word, counted from 1.
    package let line: Int
    /// The column that makes the statement unnecessary, from `-- certctl:unless-column table.column`.
    package let unlessColumn: ColumnReference?

    /// Its beginning on one line, for messages.
    package var excerpt: String {
        let limit = 160
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > limit ? "`\(line.prefix(limit))…`" : "`\(line)`"
    }
}

/// A column by its table.
package struct ColumnReference: Hashable, Sendable {
    package let table: String
    package let column: String

    package init(table: String, column: String) {
        self.table = table
        self.column = column
    }
}

/// Cuts a migration file into statements, by the lexical rules of the engine that will run them.
///
/// PostgreSQL: `'…'`, `E'…'` with backslashes, dollar quoting with tags, quoted identifiers, nested comments, and
/// semicolons inside parentheses (as psql does). SQLite: plain comments, `` `…` `` and `[…]` identifiers, and trigger
/// bodies, which end in `; END ;` (as `sqlite3_complete` does).
package struct StatementSplitter {
    private let engine: Engine
    private let octets: [UInt8]
    private var position = 0
    private var line = 1

    /// The statement under construction.
    private var start: Int?
    private var startLine = 1
    private var words = LeadingWords()
    private var depth = 0
    private var directives: [String] = []
    private var statements: [MigrationStatement] = []

    private init(text: String, engine: Engine) {
        self.engine = engine
        octets = Array(text.utf8)
    }

    package static func split(
        _ text: String,
        for engine: Engine
    ) throws(StatementSyntaxError) -> [MigrationStatement] {
        var splitter = StatementSplitter(text: text, engine: engine)
        try splitter.scan()
        return splitter.statements
    }

    private mutating func scan() throws(StatementSyntaxError) {
        while let octet = peek() {
            switch octet {
            case 0x2D where peek(1) == 0x2D: lineComment()
            case 0x2F where peek(1) == 0x2A: try blockComment()
            case 0x20, 0x09, 0x0D, 0x0A, 0x0C: advance()
            case 0x3B: try semicolon()
            default: try token(octet)
            }
        }
        if start != nil { try finish(at: octets.count) }
        if let directive = directives.first { throw error("the directive '\(directive)' has no statement after it") }
    }

    private mutating func token(_ octet: UInt8) throws(StatementSyntaxError) {
        if start == nil {
            start = position
            startLine = line
        }
        switch octet {
        case 0x27: try quoted(by: 0x27, backslashes: false)
        case 0x22: try quoted(by: 0x22, backslashes: false)
        case 0x60 where engine == .sqlite: try quoted(by: 0x60, backslashes: false)
        case 0x5B where engine == .sqlite: try bracketed()
        case 0x24 where engine == .postgres: try dollar()
        case 0x28: nest(by: 1)
        case 0x29: nest(by: -1)
        case _ where Self.isWordStart(octet): try word()
        default:
            words.other()
            advance()
        }
    }

    // MARK: - Ends of statements

    private mutating func semicolon() throws(StatementSyntaxError) {
        let end = position
        advance()
        if engine == .postgres, depth > 0 { return }
        if engine == .sqlite, words.isTrigger {
            words.semicolon()
            guard words.endsTrigger else { return }
        }
        guard start != nil else { return }
        try finish(at: end)
    }

    private mutating func finish(at end: Int) throws(StatementSyntaxError) {
        guard let start else { return }
        var end = end
        while end > start, [0x20, 0x09, 0x0A, 0x0D].contains(octets[end - 1]) { end -= 1 }
        let unlessColumn = try takeDirectives()
        if words.controlsTransaction {
            throw StatementSyntaxError(
                line: startLine,
                reason: "the runner owns the transaction: remove this statement"
            )
        }
        if engine == .sqlite, words.isTrigger, !words.endsTrigger {
            throw StatementSyntaxError(line: startLine, reason: "the body of this trigger does not end in 'END;'")
        }
        statements.append(
            MigrationStatement(
                text: String(decoding: octets[start..<end], as: UTF8.self),
                number: statements.count + 1,
                line: startLine,
                unlessColumn: unlessColumn
            )
        )
        self.start = nil
        words = LeadingWords()
        depth = 0
    }

    private mutating func takeDirectives() throws(StatementSyntaxError) -> ColumnReference? {
        defer { directives = [] }
        guard let directive = directives.first else { return nil }
        guard engine == .sqlite else {
            throw error("'\(directive)' is for SQLite; PostgreSQL has ADD COLUMN IF NOT EXISTS")
        }
        let words = directive.split(separator: " ")
        let names = words.last?.split(separator: ".").map(String.init) ?? []
        guard directives.count == 1, words.count == 2, words[0] == "unless-column", names.count == 2 else {
            throw error("write the directive as '-- certctl:unless-column table.column', one for each statement")
        }
        return ColumnReference(table: names[0], column: names[1])
    }

    // MARK: - Lexical elements

    private mutating func word() throws(StatementSyntaxError) {
        let from = position
        while let octet = peek(), Self.isWordPart(octet, engine: engine) { advance() }
        let word = String(decoding: octets[from..<position], as: UTF8.self)
        if engine == .postgres, peek() == 0x27, word == "E" || word == "e" {
            try quoted(by: 0x27, backslashes: true)
        } else {
            words.append(word)
        }
    }

    private mutating func quoted(by quote: UInt8, backslashes: Bool) throws(StatementSyntaxError) {
        words.other()
        let opened = line
        advance()
        while let octet = peek() {
            advance()
            if backslashes, octet == 0x5C {
                advance()
            } else if octet == quote {
                guard peek() == quote else { return }
                advance()
            }
        }
        throw StatementSyntaxError(line: opened, reason: "a quotation that starts here is not closed")
    }

    private mutating func bracketed() throws(StatementSyntaxError) {
        words.other()
        let opened = line
        while let octet = peek() {
            advance()
            if octet == 0x5D { return }
        }
        throw StatementSyntaxError(line: opened, reason: "a bracket that starts here is not closed")
    }

    /// `$tag$ … $tag$`, or `$1`, which is not a quotation.
    private mutating func dollar() throws(StatementSyntaxError) {
        words.other()
        var end = position + 1
        while end < octets.count, Self.isTagPart(octets[end], isFirst: end == position + 1) { end += 1 }
        guard end < octets.count, octets[end] == 0x24 else { return advance() }
        let opened = line
        let tag = octets[position...end]
        advance(by: tag.count)
        while position < octets.count {
            if octets[position...].starts(with: tag) { return advance(by: tag.count) }
            advance()
        }
        throw StatementSyntaxError(
            line: opened,
            reason: "the quotation \(String(decoding: tag, as: UTF8.self)) that starts here is not closed"
        )
    }

    private mutating func lineComment() {
        let from = position
        while let octet = peek(), octet != 0x0A { advance() }
        let comment = String(decoding: octets[from..<position], as: UTF8.self)
        if let directive = CommentDirective(comment), start == nil, !directive.isAboutFile, !directive.isForLint {
            directives.append(directive.text)
        }
    }

    private mutating func blockComment() throws(StatementSyntaxError) {
        let opened = line
        var level = 0
        repeat {
            guard let octet = peek() else {
                throw StatementSyntaxError(line: opened, reason: "a comment that starts here is not closed")
            }
            if octet == 0x2F, peek(1) == 0x2A, level == 0 || engine == .postgres {
                level += 1
                advance(by: 2)
            } else if octet == 0x2A, peek(1) == 0x2F {
                level -= 1
                advance(by: 2)
            } else {
                advance()
            }
        } while level > 0
    }

    private mutating func nest(by change: Int) {
        words.other()
        depth = max(0, depth + change)
        advance()
    }

    // MARK: - Octets

    private func peek(_ distance: Int = 0) -> UInt8? {
        position + distance < octets.count ? octets[position + distance] : nil
    }

    private mutating func advance(by count: Int = 1) {
        for _ in 0..<count where position < octets.count {
            if octets[position] == 0x0A { line += 1 }
            position += 1
        }
    }

    private func error(_ reason: String) -> StatementSyntaxError { StatementSyntaxError(line: line, reason: reason) }

    private static func isWordStart(_ octet: UInt8) -> Bool {
        (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet) || octet == 0x5F || octet >= 0x80
    }

    /// `$` continues a word, so that `a$b$` opens no quotation.
    private static func isWordPart(_ octet: UInt8, engine: Engine) -> Bool {
        isWordStart(octet) || (0x30...0x39).contains(octet) || octet == 0x24
    }

    private static func isTagPart(_ octet: UInt8, isFirst: Bool) -> Bool {
        isWordStart(octet) || (!isFirst && (0x30...0x39).contains(octet))
    }
}

/// A migration file that cannot be cut into statements.
package struct StatementSyntaxError: Error, Hashable, Sendable {
    package let line: Int
    package let reason: String
}
