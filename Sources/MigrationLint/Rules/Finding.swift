/// What is wrong at one place, and what is right instead.
package struct Finding: Hashable, Sendable {
    package let file: String
    package let position: Position
    package let rule: Rule
    package let message: String
    package let correction: Correction
    /// The octets of the file that the correction replaces; empty for findings about a whole file.
    package let range: Range<Int>
    /// The reason that a directive gives for letting it pass.
    package var allowance: String?
}

/// The corrected form.
package struct Correction: Hashable, Sendable {
    /// Where a piece of it belongs.
    package enum Place: String, Hashable, Sendable {
        /// In place of the statement.
        case here
        /// In a `.notx.up.sql` file of its own, before this file.
        case nontransactionalBefore = "notx-before"
        /// In a `.notx.up.sql` file of its own, in place of the statement.
        case nontransactional = "notx"
        /// In a later file.
        case later
        /// In the down file.
        case down
    }

    package struct Piece: Hashable, Sendable {
        package let place: Place
        package let sql: String
    }

    package let pieces: [Piece]
    /// What to do where SQL alone does not say it.
    package let advice: String

    package init(pieces: [Piece], advice: String = "") {
        self.pieces = pieces
        self.advice = advice
    }

    static func here(_ sql: String, advice: String = "") -> Correction {
        Correction(pieces: [Piece(place: .here, sql: sql)], advice: advice)
    }

    static func advice(_ text: String) -> Correction { Correction(pieces: [], advice: text) }
}
