/// The text of one statement for one engine, with its parameters in order.
package struct RenderedStatement: Sendable {
    package let text: String
    package let parameters: [Value]
    /// False when the text depends on the number of values, so that a statement cache must not keep it.
    package let isReusable: Bool
    /// Stands for the text in this process: connections find by it what they have prepared. `nil` for a text that is not noted.
    package let number: Int?

    package init(text: String, parameters: [Value], isReusable: Bool, number: Int? = nil) {
        self.text = text
        self.parameters = parameters
        self.isReusable = isReusable
        self.number = number
    }
}

/// The only code that knows where the statement languages of the two engines differ.
package enum Dialect {
    /// Renders `sql` for `engine`, numbering its parameters `?1` or `$1`.
    ///
    /// Throws for text that holds U+0000, which PostgreSQL cannot store and C interfaces would cut off.
    package static func render(_ sql: SQL, for engine: Engine) throws(DatabaseError) -> RenderedStatement {
        let shape = StatementShape(sql, for: engine)
        if let shape, let known = texts.entry(of: shape) {
            return RenderedStatement(
                text: known.text, parameters: try StatementText.parameters(of: sql), isReusable: true,
                number: known.number)
        }
        var statement = StatementText(engine: engine)
        for piece in sql.pieces {
            switch piece {
            case .text(let text): statement.append(text)
            case .bind(let value): try statement.bind(value)
            case .list(let values): try statement.appendList(values)
            case .lock(let lock): statement.append(clause(for: lock, on: engine))
            case .jsonMember(let column, let key): try statement.appendJSONMember(of: column, key: key)
            case .contains(let column, let needle): try statement.appendContains(column, needle: needle)
            case .jsonElements(let column): statement.appendJSONElements(of: column)
            }
        }
        return RenderedStatement(
            text: statement.text,
            parameters: statement.parameters,
            isReusable: statement.isReusable,
            number: statement.isReusable ? shape.flatMap { texts.note(statement.text, of: $0) }?.number : nil
        )
    }

    private static let texts = KnownTexts()

    /// SQLite has one writer, so a row that a writer sees is locked already.
    private static func clause(for lock: RowLock, on engine: Engine) -> StaticString {
        switch (engine, lock) {
        case (.sqlite, _): ""
        case (.postgres, .forUpdate): " FOR UPDATE"
        case (.postgres, .forUpdateSkipLocked): " FOR UPDATE SKIP LOCKED"
        case (.postgres, .forShare): " FOR SHARE"
        }
    }
}

/// A statement under construction.
private struct StatementText {
    let engine: Engine
    var text = ""
    var parameters: [Value] = []
    var isReusable = true

    static let longestPreparedList = StatementShape.longestList

    init(engine: Engine) {
        self.engine = engine
        text.reserveCapacity(256)
    }

    mutating func append(_ literal: StaticString) {
        literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
    }

    /// The parameters of a statement whose text is known and has no pieces that bind more than what they hold.
    static func parameters(of sql: SQL) throws(DatabaseError) -> [Value] {
        var parameters: [Value] = []
        parameters.reserveCapacity(sql.pieces.count / 2)
        for piece in sql.pieces {
            switch piece {
            case .bind(let value):
                try check(value)
                parameters.append(value)
            case .list(let values):
                for value in values { try check(value) }
                parameters += values
            case .text, .lock, .jsonMember, .contains, .jsonElements: break
            }
        }
        return parameters
    }

    private static func check(_ value: Value) throws(DatabaseError) {
        switch value {
        case .text(let string), .json(let string):
            if string.utf8.contains(0) { throw refused("text holds the character U+0000") }
        case .null, .integer, .real, .bytes, .bool, .time: break
        }
    }

    mutating func bind(_ value: Value) throws(DatabaseError) {
        try Self.check(value)
        parameters.append(value)
        text += engine == .sqlite ? "?" : "$"
        text += String(parameters.count)
    }

    mutating func appendList(_ values: [Value]) throws(DatabaseError) {
        if values.count > Self.longestPreparedList { isReusable = false }
        guard !values.isEmpty else {
            append("(NULL)")
            return
        }
        append("(")
        for (index, value) in values.enumerated() {
            if index > 0 { append(", ") }
            try bind(value)
        }
        append(")")
    }

    /// PostgreSQL's `->>` yields text; SQLite's yields numbers and turns booleans into 0 and 1, and takes a
    /// key that starts with `$` for a path, so there the path is written out and the result made text.
    mutating func appendJSONMember(of column: StaticString, key: Value) throws(DatabaseError) {
        guard case .text(let name) = key else { throw Self.refused("the key of a JSON member is not text") }
        switch engine {
        case .postgres:
            append("(")
            append(column)
            append(" ->> ")
            try bind(key)
            append(")")
        case .sqlite:
            if name.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C }) {
                throw Self.refused("the key of a JSON member holds a quotation mark or a backslash")
            }
            append("(CASE json_type(")
            append(column)
            append(", ")
            try bind(.text("$.\"\(name)\""))
            let parameter = "?\(parameters.count)"
            append(") WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(")
            append(column)
            text += " ->> \(parameter) AS TEXT) END)"
        }
    }

    /// `LIKE` of SQLite ignores the case of ASCII letters, `ILIKE` of PostgreSQL that of every letter.
    mutating func appendContains(_ column: StaticString, needle: String) throws(DatabaseError) {
        append(column)
        append(engine == .sqlite ? " LIKE " : " ILIKE ")
        try bind(.text(Self.pattern(containing: needle)))
        append(#" ESCAPE '\'"#)
    }

    mutating func appendJSONElements(of column: StaticString) {
        append(engine == .sqlite ? "json_each(" : "jsonb_array_elements_text(")
        append(column)
        append(engine == .sqlite ? ") AS element" : ") AS element (value)")
    }

    private static func pattern(containing needle: String) -> String {
        var pattern = "%"
        for character in needle.unicodeScalars {
            if character == "%" || character == "_" || character == "\\" { pattern.unicodeScalars.append("\\") }
            pattern.unicodeScalars.append(character)
        }
        return pattern + "%"
    }

    private static func refused(_ reason: String) -> DatabaseError {
        DatabaseError(kind: .statement, sqlState: "22021", message: reason)
    }
}
