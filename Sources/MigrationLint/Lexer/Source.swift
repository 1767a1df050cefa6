/// The engines whose SQL the lint reads.
package enum SQLDialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres

    package var title: String { self == .sqlite ? "SQLite" : "PostgreSQL" }
}

/// A place in a file.
package struct Position: Hashable, Sendable {
    /// In octets from the start of the file.
    package let offset: Int
    /// Counted from 1.
    package let line: Int
    /// Characters from the start of the line, counted from 1.
    package let column: Int

    package init(offset: Int, line: Int, column: Int) {
        self.offset = offset
        self.line = line
        self.column = column
    }

    static let start = Position(offset: 0, line: 1, column: 1)
}

/// The text that tokens point into.
struct Source: Sendable {
    let octets: [UInt8]

    init(_ text: String) { octets = Array(text.utf8) }

    func text(_ range: Range<Int>) -> String {
        String(decoding: octets[range.clamped(to: octets.indices)], as: UTF8.self)
    }
}
