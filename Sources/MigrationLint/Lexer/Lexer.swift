/// Cuts SQL into tokens by the rules of an engine; never traps, whatever it is given.
///
/// PostgreSQL: nested comments, `E'…'`, `U&'…'`, `B'…'`, dollar quotes with tags, operators that end before a comment,
/// and psql's meta commands. SQLite: plain comments, `` `…` `` and `[…]` identifiers, `?1`, `:name`, `@name`.
struct Lexer {
    let source: Source
    let dialect: SQLDialect
    let limit: Int

    private(set) var offset: Int
    private var line: Int
    private var column: Int
    private(set) var tokens: [Token] = []
    private(set) var comments: [Comment] = []
    private(set) var error: LexicalError?

    /// Reads the octets from `start` to `limit`.
    init(_ source: Source, dialect: SQLDialect, from start: Position = .start, to limit: Int? = nil) {
        self.source = source
        self.dialect = dialect
        self.limit = min(limit ?? source.octets.count, source.octets.count)
        offset = start.offset
        line = start.line
        column = start.column
    }

    /// Reads everything, or everything before the first error.
    mutating func scan() {
        do throws(LexicalError) {
            while let octet = peek() { try element(octet) }
        } catch {
            self.error = error
        }
    }

    private mutating func element(_ octet: UInt8) throws(LexicalError) {
        switch octet {
        case 0x09...0x0D, 0x20: advance()
        case 0x2D where peek(1) == 0x2D: lineComment()
        case 0x2F where peek(1) == 0x2A: try blockComment()
        case 0x27: try quotation(prefix: 0, kind: .string)
        case 0x22: try quotation(prefix: 0, kind: .quotedIdentifier)
        case 0x60 where dialect == .sqlite: try quotation(prefix: 0, kind: .quotedIdentifier)
        case 0x5B where dialect == .sqlite: try bracketed()
        case 0x24: try dollar()
        case 0x5C: metaCommand()
        case 0x30...0x39: number()
        case 0x2E where Self.isDigit(peek(1)): number()
        case 0xEF where peek(1) == 0xBB && peek(2) == 0xBF:
            throw LexicalError(position: position, reason: "a byte order mark, which the engines do not skip")
        case 0x00: throw LexicalError(position: position, reason: "a NUL octet")
        case _ where Self.isWordStart(octet): try word()
        default: symbol(octet)
        }
    }

    // MARK: - Words, numbers, symbols

    private mutating func word() throws(LexicalError) {
        if let prefix = quotePrefix() {
            return try quotation(prefix: prefix.length, kind: prefix.kind, escapes: prefix.escapes)
        }
        let start = position
        while let octet = peek(), Self.isWordPart(octet) { advance() }
        emit(.word, from: start, value: Self.folded(source.octets[start.offset..<offset]))
    }

    /// `E'`, `N'`, `B'`, `X'`, `U&'` and `U&"`, which open a quotation and are no words.
    private func quotePrefix() -> (length: Int, kind: Token.Kind, escapes: Bool)? {
        guard let first = peek().map({ $0 | 0x20 }) else { return nil }
        if dialect == .sqlite { return first == 0x78 && peek(1) == 0x27 ? (1, .bits, false) : nil }
        if first == 0x75, peek(1) == 0x26 {
            if peek(2) == 0x27 { return (2, .string, false) }
            if peek(2) == 0x22 { return (2, .quotedIdentifier, false) }
        }
        guard peek(1) == 0x27 else { return nil }
        switch first {
        case 0x65: return (1, .string, true)
        case 0x6E: return (1, .string, false)
        case 0x62, 0x78: return (1, .bits, false)
        default: return nil
        }
    }

    private mutating func number() {
        let start = position
        if peek() == 0x30, let base = peek(1).map({ $0 | 0x20 }), [0x78, 0x6F, 0x62].contains(base) { advance(by: 2) }
        while let octet = peek() {
            if octet | 0x20 == 0x65, let sign = peek(1), sign == 0x2B || sign == 0x2D, Self.isDigit(peek(2)) {
                advance(by: 2)
            } else if octet == 0x2E, peek(1) == 0x2E {
                break
            } else if Self.isDigit(octet) || octet == 0x2E || Self.isWordStart(octet) {
                advance()
            } else {
                break
            }
        }
        emit(.number, from: start, value: source.text(start.offset..<offset))
    }

    private mutating func symbol(_ octet: UInt8) {
        let start = position
        if dialect == .sqlite, [0x3F, 0x3A, 0x40].contains(octet), octet == 0x3F || Self.isWordPart(peek(1) ?? 0) {
            advance()
            while let next = peek(), Self.isWordPart(next) { advance() }
            return emit(.parameter, from: start, value: source.text(start.offset..<offset))
        }
        advance()
        if octet == 0x3A, peek() == 0x3A || peek() == 0x3D {
            advance()
        } else if octet == 0x2E, peek() == 0x2E {
            advance()
        } else if Self.isOperator(octet) {
            while let next = peek(), Self.isOperator(next), !startsComment { advance() }
        }
        emit(.symbol, from: start, value: source.text(start.offset..<offset))
    }

    private var startsComment: Bool {
        (peek() == 0x2D && peek(1) == 0x2D) || (peek() == 0x2F && peek(1) == 0x2A)
    }

    private mutating func metaCommand() {
        let start = position
        while let octet = peek(), octet != 0x0A { advance() }
        emit(.metaCommand, from: start, value: source.text(start.offset..<offset))
    }

    // MARK: - Quotations

    private mutating func quotation(prefix: Int, kind: Token.Kind, escapes: Bool = false) throws(LexicalError) {
        let start = position
        advance(by: prefix)
        guard let quote = peek() else { return }
        advance()
        var content: [UInt8] = []
        while let octet = peek() {
            advance()
            if escapes, octet == 0x5C {
                if let escaped = peek() { content.append(Self.unescaped(escaped)) }
                advance()
            } else if octet != quote {
                content.append(octet)
            } else if peek() == quote {
                content.append(quote)
                advance()
            } else {
                return emit(kind, from: start, value: identified(content, kind))
            }
        }
        throw LexicalError(position: start, reason: "a quotation that starts here is not closed")
    }

    private mutating func bracketed() throws(LexicalError) {
        let start = position
        advance()
        while let octet = peek() {
            advance()
            guard octet == 0x5D else { continue }
            let content = Array(source.octets[start.offset + 1..<offset - 1])
            return emit(.quotedIdentifier, from: start, value: identified(content, .quotedIdentifier))
        }
        throw LexicalError(position: start, reason: "a bracket that starts here is not closed")
    }

    /// `$tag$ … $tag$`, or a parameter such as `$1`.
    private mutating func dollar() throws(LexicalError) {
        let start = position
        var end = offset + 1
        while end < limit, Self.isWordPart(source.octets[end]), source.octets[end] != 0x24 { end += 1 }
        let isTag = !(end > offset + 1 && Self.isDigit(source.octets[offset + 1]))
        guard dialect == .postgres, isTag, end < limit, source.octets[end] == 0x24 else {
            advance(by: end - offset)
            return emit(.parameter, from: start, value: source.text(start.offset..<offset))
        }
        let tag = source.octets[offset...end]
        advance(by: tag.count)
        let body = position
        while offset + tag.count <= limit {
            if peek() == 0x24, source.octets[offset..<limit].starts(with: tag) {
                let bodyEnd = offset
                advance(by: tag.count)
                return emit(
                    .dollarString(body: body, bodyEnd: bodyEnd), from: start, value: source.text(body.offset..<bodyEnd))
            }
            advance()
        }
        throw LexicalError(
            position: start,
            reason: "the quotation \(String(decoding: tag, as: UTF8.self)) that starts here is not closed")
    }

    // MARK: - Comments

    private mutating func lineComment() {
        let start = position
        while let octet = peek(), octet != 0x0A { advance() }
        comments.append(Comment(text: source.text(start.offset..<offset), position: start, isLine: true))
    }

    private mutating func blockComment() throws(LexicalError) {
        let start = position
        var level = 0
        repeat {
            guard let octet = peek() else {
                // SQLite takes an open comment at the end of the text; a person did not mean it.
                throw LexicalError(position: start, reason: "a comment that starts here is not closed")
            }
            if octet == 0x2F, peek(1) == 0x2A, level == 0 || dialect == .postgres {
                level += 1
                advance(by: 2)
            } else if octet == 0x2A, peek(1) == 0x2F {
                level -= 1
                advance(by: 2)
            } else {
                advance()
            }
        } while level > 0
        comments.append(Comment(text: source.text(start.offset..<offset), position: start, isLine: false))
    }

    // MARK: - Octets

    private var position: Position { Position(offset: offset, line: line, column: column) }

    private func peek(_ distance: Int = 0) -> UInt8? {
        offset + distance < limit ? source.octets[offset + distance] : nil
    }

    private mutating func advance(by count: Int = 1) {
        for _ in 0..<count where offset < limit {
            let octet = source.octets[offset]
            offset += 1
            if octet == 0x0A {
                line += 1
                column = 1
            } else if offset >= limit || source.octets[offset] & 0xC0 != 0x80 {
                column += 1
            }
        }
    }

    private mutating func emit(_ kind: Token.Kind, from start: Position, value: String) {
        tokens.append(Token(kind: kind, value: value, position: start, end: offset))
    }

    /// Names compare without case in SQLite even when they are quoted.
    private func identified(_ content: [UInt8], _ kind: Token.Kind) -> String {
        kind == .quotedIdentifier && dialect == .sqlite
            ? Self.folded(content[...]) : String(decoding: content, as: UTF8.self)
    }

    private static func folded(_ octets: ArraySlice<UInt8>) -> String {
        String(decoding: octets.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func unescaped(_ octet: UInt8) -> UInt8 {
        switch octet {
        case 0x6E: 0x0A
        case 0x74: 0x09
        case 0x72: 0x0D
        default: octet
        }
    }

    private static func isDigit(_ octet: UInt8?) -> Bool { octet.map { (0x30...0x39).contains($0) } ?? false }

    private static func isWordStart(_ octet: UInt8) -> Bool {
        (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet) || octet == 0x5F || octet >= 0x80
    }

    /// `$` continues a word, so that `a$b$` opens no quotation.
    private static func isWordPart(_ octet: UInt8) -> Bool {
        isWordStart(octet) || (0x30...0x39).contains(octet) || octet == 0x24
    }

    private static let operators = Set("+-*/<>=~!@#%^&|`?".utf8)

    private static func isOperator(_ octet: UInt8) -> Bool { operators.contains(octet) }
}
