/// A lexical element.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case word
        case quotedIdentifier
        case string
        /// `$tag$ … $tag$`; the body starts at the position.
        case dollarString(body: Position, bodyEnd: Int)
        /// `B'01'`, `X'ff'`.
        case bits
        case number
        case parameter
        /// An operator, or one of `( ) [ ] , ; . :`.
        case symbol
        /// A line for psql, such as `\i other.sql`.
        case metaCommand
    }

    let kind: Kind
    /// Words in lower case, names and strings without their quotes, everything else as written.
    let value: String
    let position: Position
    /// The octet after the last.
    let end: Int

    func isWord(_ word: String) -> Bool { kind == .word && value == word }

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && value == symbol }

    /// Something that may name an object: a word, or a quoted identifier.
    var isName: Bool { kind == .word || kind == .quotedIdentifier }
}

/// What stands between tokens.
struct Comment: Hashable, Sendable {
    /// With its marks.
    let text: String
    let position: Position
    let isLine: Bool
}

/// A file that cannot be cut into tokens.
struct LexicalError: Error, Hashable, Sendable {
    let position: Position
    let reason: String
}
