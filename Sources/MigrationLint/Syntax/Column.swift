/// A column, in `CREATE TABLE` or after `ADD COLUMN`.
struct Column: Sendable {
    enum Default: Hashable, Sendable {
        case none
        case constant
        /// Differs from row to row or from run to run, so that PostgreSQL writes every row.
        case volatile
        /// A sequence, an identity, or SQLite's row number.
        case generated
    }

    let fragment: Fragment
    let name: String
    /// As it is written, without quotes; what SQLite stores.
    let writtenName: String
    let type: Fragment
    let isNotNull: Bool
    let isPrimaryKey: Bool
    let isUnique: Bool
    let fallback: Default
    /// `CHECK` or `REFERENCES`, whose test reads every row.
    let isTested: Bool
    let isComputed: Bool

    init?(_ fragment: Fragment) {
        var reader = TokenReader(fragment)
        guard let first = reader.peek, let name = reader.name() else { return nil }
        self.fragment = fragment
        self.name = name.name
        writtenName = first.kind == .word ? name.text : fragment.source.text(first.position.offset + 1..<first.end - 1)
        let rest = reader.rest
        let typeEnd = Self.endOfType(rest)
        type = rest.slice(rest.tokens[..<typeEnd])
        let options = rest.slice(rest.tokens[typeEnd...])
        isNotNull = options.topLevelIndex(of: "not", "null") != nil
        isPrimaryKey = options.topLevelIndex(of: "primary", "key") != nil
        isUnique = options.topLevelIndex(of: "unique") != nil
        isTested = options.topLevelIndex(of: "check") != nil || options.topLevelIndex(of: "references") != nil
        let isIdentity = options.topLevelIndex(of: "as", "identity") != nil
        isComputed = options.topLevelIndex(of: "as") != nil && !isIdentity
        let isSerial = type.first.map { ["serial", "bigserial", "smallserial"].contains($0.value) } ?? false
        let isRowNumber = fragment.dialect == .sqlite && isPrimaryKey && type.first?.value == "integer"
        if isIdentity || isSerial || isRowNumber {
            fallback = .generated
        } else if let value = options.topLevelIndex(of: "default") {
            let expression = Self.defaultExpression(options.slice(options.tokens[(value + 1)...]))
            fallback = Expressions.isVolatile(expression) ? .volatile : .constant
        } else {
            fallback = .none
        }
    }

    private static let optionWords: Set<String> = [
        "constraint", "not", "null", "default", "primary", "unique", "references", "check", "generated", "collate",
        "as", "deferrable", "storage", "compression",
    ]

    private static func endOfType(_ fragment: Fragment) -> Int {
        fragment.tokens.firstIndex { $0.kind == .word && optionWords.contains($0.value) } ?? fragment.tokens.endIndex
    }

    private static func defaultExpression(_ options: Fragment) -> Fragment {
        var depth = 0
        for (index, token) in zip(options.tokens.indices, options.tokens) {
            if token.isSymbol("(") { depth += 1 }
            if token.isSymbol(")") { depth -= 1 }
            let ends = token.kind == .word && optionWords.contains(token.value) && token.value != "null"
            if depth == 0, index > options.tokens.startIndex, ends { return options.slice(options.tokens[..<index]) }
        }
        return options
    }
}

extension Column {
    /// What follows DEFAULT.
    var defaultText: String? {
        guard let at = fragment.topLevelIndex(of: "default") else { return nil }
        let rest = fragment.slice(fragment.tokens[(at + 1)...])
        let enders: Set<String> = ["constraint", "not", "unique", "primary", "check", "references", "generated"]
        var depth = 0
        for index in rest.tokens.indices {
            if rest.tokens[index].isSymbol("(") { depth += 1 }
            if rest.tokens[index].isSymbol(")") { depth -= 1 }
            if depth == 0, rest.tokens[index].kind == .word, enders.contains(rest.tokens[index].value) {
                return rest.slice(rest.tokens[..<index]).text
            }
        }
        return rest.text
    }
}

/// What can be said of an expression from its words.
enum Expressions {
    /// Functions with another answer in each call. `now()` and its like are constant within a transaction, so a default of
    /// them is written once and rewrites nothing.
    private static let volatile: Set<String> = [
        "random", "gen_random_uuid", "clock_timestamp", "timeofday", "nextval", "uuid_generate_v4", "uuid_generate_v1",
        "randomblob", "gen_random_bytes", "setseed", "statement_timestamp",
    ]
    private static let timely: Set<String> = [
        "now", "current_timestamp", "current_date", "current_time", "localtimestamp", "transaction_timestamp",
        "julianday", "unixepoch", "strftime", "datetime", "date", "time", "pg_current_xact_id", "last_insert_rowid",
    ]

    /// Another value for each row.
    static func isVolatile(_ expression: Fragment) -> Bool {
        expression.tokens.contains { $0.kind == .word && volatile.contains($0.value) }
    }

    /// Another value in each run.
    static func changesBetweenRuns(_ expression: Fragment) -> Bool {
        expression.tokens.contains { $0.kind == .word && (volatile.contains($0.value) || timely.contains($0.value)) }
    }

    /// The expression is about this column.
    static func mentions(_ column: String, in expression: Fragment) -> Bool {
        expression.tokens.indices.contains { index in
            let isCall = index + 1 < expression.tokens.endIndex && expression.tokens[index + 1].isSymbol("(")
            return expression.tokens[index].isName && expression.tokens[index].value == column && !isCall
        }
    }

    /// Applying it twice gives what applying it once gives: the column itself, or `lower(column)` and its like.
    static func isIdempotent(_ expression: Fragment, of column: String) -> Bool {
        guard mentions(column, in: expression) else { return true }
        let expression = expression.unwrapped
        if isBareColumn(expression, column) { return true }
        var reader = TokenReader(expression)
        let functions: Set<String> = ["coalesce", "lower", "upper", "trim", "btrim", "ltrim", "rtrim", "nullif"]
        guard let function = reader.next(), functions.contains(function.value), let arguments = reader.group(),
            reader.isAtEnd
        else { return false }
        return arguments.split { $0.isSymbol(",") }.allSatisfy { isBareColumn($0, column) || !mentions(column, in: $0) }
    }

    private static func isBareColumn(_ expression: Fragment, _ column: String) -> Bool {
        let last = expression.tokens.last
        guard last?.isName == true, last?.value == column else { return false }
        return expression.tokens.count == 1
            || (expression.tokens.count == 3 && expression.tokens.dropFirst().first?.isSymbol(".") == true)
    }
}
