/// `DO … LANGUAGE plpgsql`.
struct DoBlock: Sendable {
    /// Blocks that run blocks are not followed any deeper.
    static let deepest = 8

    let body: Fragment
    let language: String
    /// The body is in plain quotes, so that places in it are not places of the file.
    let isQuoted: Bool
    let error: LexicalError?

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard reader.accept("do") else { return nil }
        var language = "plpgsql"
        if reader.accept("language") { language = reader.next()?.value ?? "" }
        guard let token = reader.next() else { return nil }
        if reader.accept("language") { language = reader.next()?.value ?? "" }
        self.language = language
        var lexer: Lexer
        switch token.kind {
        case .dollarString(let body, let bodyEnd):
            lexer = Lexer(fragment.source, dialect: fragment.dialect, from: body, to: bodyEnd)
            isQuoted = false
        case .string:
            lexer = Lexer(Source(token.value), dialect: fragment.dialect)
            isQuoted = true
        default: return nil
        }
        lexer.scan()
        error = lexer.error
        body = Fragment(source: lexer.source, dialect: fragment.dialect, tokens: lexer.tokens[...])
    }

    /// The SQL statements in it, whatever decides whether they run.
    var sql: [Fragment] {
        guard let node = try? ProceduralParser.parse(body) else { return [] }
        return node.statements.compactMap { statement in
            guard statement.starts(with: "execute") else { return statement }
            return DynamicStatement(statement).constant
        }
    }
}

/// `EXECUTE …` in a block.
struct DynamicStatement: Sendable {
    /// The statement, when it is one literal.
    let constant: Fragment?
    /// Places in it are places of the file.
    let isInPlace: Bool

    init(_ statement: Fragment) {
        let argument = statement.slice(statement.tokens.dropFirst()).unwrapped
        guard argument.tokens.count == 1, let token = argument.first else {
            constant = nil
            isInPlace = false
            return
        }
        var lexer: Lexer
        if case .dollarString(let body, let bodyEnd) = token.kind {
            lexer = Lexer(statement.source, dialect: statement.dialect, from: body, to: bodyEnd)
            isInPlace = true
        } else {
            lexer = Lexer(Source(token.kind == .string ? token.value : ""), dialect: statement.dialect)
            isInPlace = false
        }
        lexer.scan()
        let tokens = lexer.tokens.last?.isSymbol(";") == true ? lexer.tokens.dropLast() : lexer.tokens[...]
        let isOne = lexer.error == nil && !tokens.isEmpty && !tokens.contains { $0.isSymbol(";") }
        constant = isOne ? Fragment(source: lexer.source, dialect: statement.dialect, tokens: tokens) : nil
    }
}
