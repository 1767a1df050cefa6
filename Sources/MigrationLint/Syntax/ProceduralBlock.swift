/// The body of a `DO` block in PL/pgSQL, as far as it decides which statements run.
indirect enum ProceduralNode: Sendable {
    /// One statement, SQL or not, without its semicolon.
    case statement(Fragment)
    /// `IF … THEN … ELSIF … THEN … ELSE … END IF`.
    case branch([(condition: Fragment, body: [ProceduralNode])], otherwise: [ProceduralNode])
    /// `BEGIN … EXCEPTION WHEN … THEN … END`.
    case block([ProceduralNode], handlers: [(condition: Fragment, body: [ProceduralNode])])
    /// A loop or a `CASE`.
    case other([ProceduralNode])

    /// The statements in it, in order.
    var statements: [Fragment] {
        switch self {
        case .statement(let fragment): [fragment]
        case .branch(let branches, let otherwise):
            branches.flatMap(\.body).flatMap(\.statements) + otherwise.flatMap(\.statements)
        case .block(let body, let handlers): body.flatMap(\.statements) + handlers.flatMap(\.body).flatMap(\.statements)
        case .other(let body): body.flatMap(\.statements)
        }
    }
}

/// A block that the lint cannot follow.
struct ProceduralSyntaxError: Error, Sendable {
    let position: Position
    let reason: String
}

struct ProceduralParser {
    private var reader: TokenReader
    private var depth = 0
    private static let deepest = 64

    private init(_ body: Fragment) { reader = TokenReader(body) }

    static func parse(_ body: Fragment) throws(ProceduralSyntaxError) -> ProceduralNode {
        var parser = ProceduralParser(body)
        let node = try parser.block()
        _ = parser.reader.acceptSymbol(";")
        guard parser.reader.isAtEnd else { throw parser.error("text after the END of the block") }
        return node
    }

    private mutating func block() throws(ProceduralSyntaxError) -> ProceduralNode {
        skipLabel()
        if reader.accept("declare") {
            while let token = reader.peek, !token.isWord("begin") { _ = reader.next() }
        }
        guard reader.accept("begin") else { throw error("a block that does not start with BEGIN or DECLARE") }
        let body = try statements()
        var handlers: [(condition: Fragment, body: [ProceduralNode])] = []
        if reader.accept("exception") {
            while reader.accept("when") {
                let condition = try until("then")
                handlers.append((condition, try statements()))
            }
        }
        guard reader.accept("end") else { throw error("a block without END") }
        if reader.peek?.isName == true { _ = reader.next() }
        return .block(body, handlers: handlers)
    }

    private static let closers: Set<String> = ["end", "elsif", "elseif", "else", "exception", "when"]

    private mutating func statements() throws(ProceduralSyntaxError) -> [ProceduralNode] {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.deepest else { throw error("blocks nested too deep") }
        var nodes: [ProceduralNode] = []
        while let token = reader.peek {
            if token.kind == .word, Self.closers.contains(token.value) { break }
            if reader.acceptSymbol(";") { continue }
            nodes.append(try statement(token))
        }
        return nodes
    }

    private mutating func statement(_ token: Token) throws(ProceduralSyntaxError) -> ProceduralNode {
        if token.isSymbol("<<") { skipLabel() }
        switch reader.peek?.value {
        case "begin", "declare":
            defer { _ = reader.acceptSymbol(";") }
            return try block()
        case "if":
            _ = reader.next()
            return try branch()
        case "loop", "for", "foreach", "while":
            _ = try until("loop")
            let body = try statements()
            try close("loop")
            return .other(body)
        case "case":
            return .other(try cases())
        default:
            return .statement(try upToSemicolon())
        }
    }

    private mutating func branch() throws(ProceduralSyntaxError) -> ProceduralNode {
        var branches: [(condition: Fragment, body: [ProceduralNode])] = []
        var otherwise: [ProceduralNode] = []
        repeat {
            let condition = try until("then")
            branches.append((condition, try statements()))
        } while reader.accept("elsif") || reader.accept("elseif")
        if reader.accept("else") { otherwise = try statements() }
        try close("if")
        return .branch(branches, otherwise: otherwise)
    }

    private mutating func cases() throws(ProceduralSyntaxError) -> [ProceduralNode] {
        while let token = reader.peek, !token.isWord("when") { _ = reader.next() }
        var nodes: [ProceduralNode] = []
        while reader.accept("when") {
            _ = try until("then")
            nodes += try statements()
        }
        if reader.accept("else") { nodes += try statements() }
        try close("case")
        return nodes
    }

    private mutating func close(_ word: String) throws(ProceduralSyntaxError) {
        guard reader.accept("end", word) else { throw error("END \(word.uppercased()) is missing") }
        if reader.peek?.isName == true { _ = reader.next() }
        _ = reader.acceptSymbol(";")
    }

    /// Everything before the word outside parentheses, and past the word.
    private mutating func until(_ word: String) throws(ProceduralSyntaxError) -> Fragment {
        let rest = reader.rest
        guard let index = rest.topLevelIndex(of: word) else { throw error("\(word.uppercased()) is missing") }
        reader.skip(to: index + 1)
        return rest.slice(rest.tokens[..<index])
    }

    private mutating func upToSemicolon() throws(ProceduralSyntaxError) -> Fragment {
        let rest = reader.rest
        var depth = 0
        for index in rest.tokens.indices {
            if rest.tokens[index].isSymbol("(") { depth += 1 }
            if rest.tokens[index].isSymbol(")") { depth -= 1 }
            if depth <= 0, rest.tokens[index].isSymbol(";") {
                reader.skip(to: index + 1)
                return rest.slice(rest.tokens[..<index])
            }
        }
        throw error("a statement without its semicolon")
    }

    private mutating func skipLabel() {
        guard reader.acceptSymbol("<<") else { return }
        while let token = reader.next(), !token.isSymbol(">>") {}
    }

    private func error(_ reason: String) -> ProceduralSyntaxError {
        ProceduralSyntaxError(position: reader.peek?.position ?? reader.fragment.position, reason: reason)
    }
}
