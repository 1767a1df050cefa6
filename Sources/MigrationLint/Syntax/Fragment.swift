/// Tokens that belong together, with the text that they were cut from.
struct Fragment: Sendable {
    let source: Source
    let dialect: SQLDialect
    let tokens: ArraySlice<Token>

    init(source: Source, dialect: SQLDialect, tokens: ArraySlice<Token>) {
        self.source = source
        self.dialect = dialect
        self.tokens = tokens
    }

    var isEmpty: Bool { tokens.isEmpty }
    var first: Token? { tokens.first }

    var range: Range<Int> {
        guard let first = tokens.first, let last = tokens.last else { return 0..<0 }
        return first.position.offset..<max(first.position.offset, last.end)
    }

    var position: Position { tokens.first?.position ?? .start }

    /// As it was written, comments between its tokens included.
    var text: String { source.text(range) }

    func slice(_ tokens: ArraySlice<Token>) -> Fragment {
        Fragment(source: source, dialect: dialect, tokens: tokens)
    }

    /// Starts with these words.
    func starts(with words: String...) -> Bool {
        tokens.count >= words.count && zip(tokens, words).allSatisfy { $0.isWord($1) }
    }

    func contains(word: String) -> Bool { tokens.contains { $0.isWord(word) } }

    /// Cut at the symbol or word where no parenthesis is open.
    func split(at isSeparator: (Token) -> Bool) -> [Fragment] {
        var pieces: [Fragment] = []
        var start = tokens.startIndex
        var depth = 0
        for index in tokens.indices {
            let token = tokens[index]
            if token.isSymbol("(") || token.isSymbol("[") { depth += 1 }
            if token.isSymbol(")") || token.isSymbol("]") { depth -= 1 }
            guard depth == 0, isSeparator(token) else { continue }
            pieces.append(slice(tokens[start..<index]))
            start = index + 1
        }
        pieces.append(slice(tokens[start...]))
        return pieces
    }

    /// The index of the first token outside parentheses that begins these words.
    func topLevelIndex(of words: String...) -> Int? {
        var depth = 0
        for index in tokens.indices {
            let token = tokens[index]
            if token.isSymbol("(") { depth += 1 }
            if token.isSymbol(")") { depth -= 1 }
            guard depth == 0, index + words.count <= tokens.endIndex else { continue }
            if zip(tokens[index..<index + words.count], words).allSatisfy({ $0.isWord($1) }) { return index }
        }
        return nil
    }

    /// Without a pair of parentheses around the whole.
    var unwrapped: Fragment {
        var inner = tokens
        while inner.count >= 2, inner.first?.isSymbol("(") == true,
            Self.closing(of: inner.startIndex, in: inner) == inner.endIndex - 1
        {
            inner = inner.dropFirst().dropLast()
        }
        return slice(inner)
    }

    /// Where the parenthesis at `open` is closed.
    static func closing(of open: Int, in tokens: ArraySlice<Token>) -> Int? {
        var depth = 0
        for index in open..<tokens.endIndex {
            if tokens[index].isSymbol("(") { depth += 1 }
            if tokens[index].isSymbol(")") {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }
}

/// The name of an object, perhaps with its schema.
struct ObjectName: Hashable, Sendable {
    let schema: String?
    let name: String
    /// As it was written.
    let text: String

    static func == (left: ObjectName, right: ObjectName) -> Bool { left.key == right.key }

    func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// `public` and the search path are the same place for a ladder that lives in one schema.
    var key: String { schema.map { $0 == "public" ? name : $0 + "." + name } ?? name }
}

/// Reads a fragment from left to right.
struct TokenReader {
    let fragment: Fragment
    private(set) var index: Int

    init(_ fragment: Fragment) {
        self.fragment = fragment
        index = fragment.tokens.startIndex
    }

    var isAtEnd: Bool { index >= fragment.tokens.endIndex }
    var peek: Token? { isAtEnd ? nil : fragment.tokens[index] }
    var rest: Fragment { fragment.slice(fragment.tokens[index...]) }

    func peek(_ distance: Int) -> Token? {
        index + distance < fragment.tokens.endIndex ? fragment.tokens[index + distance] : nil
    }

    mutating func next() -> Token? {
        guard let token = peek else { return nil }
        index += 1
        return token
    }

    /// Goes past these words when they are next, all of them.
    mutating func accept(_ words: String...) -> Bool {
        guard index + words.count <= fragment.tokens.endIndex,
            zip(fragment.tokens[index..<index + words.count], words).allSatisfy({ $0.isWord($1) })
        else { return false }
        index += words.count
        return true
    }

    /// Goes past the first of these words that is next.
    mutating func acceptAny(of words: String...) -> String? {
        guard let token = peek, token.kind == .word, words.contains(token.value) else { return nil }
        index += 1
        return token.value
    }

    mutating func acceptSymbol(_ symbol: String) -> Bool {
        guard peek?.isSymbol(symbol) == true else { return false }
        index += 1
        return true
    }

    /// `name`, `schema.name` or `database.schema.name`; SQLite takes a string for a name too.
    mutating func name() -> ObjectName? {
        guard let first = peek, isName(first) else { return nil }
        let start = first.position.offset
        var parts = [named(first)]
        var end = first.end
        index += 1
        while peek?.isSymbol(".") == true, let part = peek(1), isName(part) {
            parts.append(named(part))
            end = part.end
            index += 2
        }
        return ObjectName(
            schema: parts.count > 1 ? parts[parts.count - 2] : nil, name: parts[parts.count - 1],
            text: fragment.source.text(start..<end))
    }

    /// The inside of the parentheses that are next.
    mutating func group() -> Fragment? {
        guard peek?.isSymbol("(") == true, let close = Fragment.closing(of: index, in: fragment.tokens) else {
            return nil
        }
        defer { index = close + 1 }
        return fragment.slice(fragment.tokens[index + 1..<close])
    }

    /// Goes to the index, for readers that searched ahead.
    mutating func skip(to index: Int) { self.index = max(self.index, index) }

    private func isName(_ token: Token) -> Bool {
        token.isName || (fragment.dialect == .sqlite && token.kind == .string)
    }

    private func named(_ token: Token) -> String { token.kind == .string ? token.value.lowercased() : token.value }
}
