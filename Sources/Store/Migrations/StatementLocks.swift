/// A lock that a statement takes on a relation.
package struct StatementLock: Hashable, Sendable, Comparable {
    /// The modes of PostgreSQL that matter beside running work, weakest first
    /// (https://www.postgresql.org/docs/current/explicit-locking.html).
    package enum Mode: Int, Sendable, CaseIterable, Comparable {
        case rowExclusive, shareUpdateExclusive, share, shareRowExclusive, accessExclusive

        /// As PostgreSQL spells it.
        package var name: String {
            switch self {
            case .rowExclusive: "ROW EXCLUSIVE"
            case .shareUpdateExclusive: "SHARE UPDATE EXCLUSIVE"
            case .share: "SHARE"
            case .shareRowExclusive: "SHARE ROW EXCLUSIVE"
            case .accessExclusive: "ACCESS EXCLUSIVE"
            }
        }

        /// What has to wait for it.
        package var effect: String {
            switch self {
            case .rowExclusive: "nothing waits but other migrations"
            case .shareUpdateExclusive: "reading and writing go on"
            case .share, .shareRowExclusive: "writing waits"
            case .accessExclusive: "reading and writing wait"
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package let relation: String
    package let mode: Mode

    package init(_ relation: String, _ mode: Mode) {
        self.relation = relation
        self.mode = mode
    }

    package static func < (left: Self, right: Self) -> Bool { left.relation < right.relation }
}

/// Which locks a statement of a PostgreSQL migration takes on relations that exist before it, the strongest of each.
///
/// An estimate from the words of the statement, for `certctl db migrate --dry-run`; a `DO` block counts as if each of
/// its statements ran. SQLite has one lock, of the whole file.
package struct StatementLocks {
    private let words: [String]
    private var locks: [String: StatementLock.Mode] = [:]

    package static func of(_ statement: String) -> [StatementLock] {
        var reader = StatementLocks(words: SQLWords.words(of: statement))
        reader.read()
        return reader.locks.map { StatementLock($0.key, $0.value) }.sorted()
    }

    private init(words: [String]) { self.words = words }

    private mutating func read() {
        for start in words.indices where start == 0 || [";", "THEN", "BEGIN", "ELSE"].contains(words[start - 1]) {
            let end = words[start...].firstIndex(of: ";") ?? words.endIndex
            statement(Array(words[start..<end]))
        }
    }

    private mutating func statement(_ words: [String]) {
        let head = words.prefix(2).joined(separator: " ")
        switch head {
        case "ALTER TABLE": alterTable(words)
        case "CREATE TABLE": references(in: words)
        case "CREATE INDEX", "CREATE UNIQUE":
            add(after: "ON", in: words, words.contains("CONCURRENTLY") ? .shareUpdateExclusive : .share)
        case "CREATE TRIGGER": add(after: "ON", in: words, .shareRowExclusive)
        case "DROP TRIGGER": add(after: "ON", in: words, .accessExclusive)
        case "DROP TABLE", "DROP VIEW":
            if let name = Self.name(in: words.dropFirst(2)) { add(name, .accessExclusive) }
        case "DROP INDEX":
            let mode = words.contains("CONCURRENTLY") ? StatementLock.Mode.shareUpdateExclusive : .accessExclusive
            if let name = Self.name(in: words.dropFirst(2)) { add(name, mode) }
        case "INSERT INTO", "DELETE FROM": if words.count > 2 { add(words[2], .rowExclusive) }
        default: if words.first == "UPDATE", words.count > 1 { add(words[1], .rowExclusive) }
        }
    }

    private mutating func alterTable(_ words: [String]) {
        guard let table = Self.name(in: words.dropFirst(2)) else { return }
        let action = words.drop { $0 != table }.dropFirst()
        if action.starts(with: ["VALIDATE"]) {
            add(table, .shareUpdateExclusive)
        } else if action.contains("FOREIGN"), action.starts(with: ["ADD"]) {
            add(table, .shareRowExclusive)
            references(in: words)
        } else {
            add(table, .accessExclusive)
        }
    }

    /// A foreign key puts a trigger on the table that it refers to.
    private mutating func references(in words: [String]) {
        for (index, word) in words.enumerated() where word == "REFERENCES" && index + 1 < words.count {
            add(words[index + 1], .shareRowExclusive)
        }
    }

    private mutating func add(after word: String, in words: [String], _ mode: StatementLock.Mode) {
        guard let index = words.firstIndex(of: word), index + 1 < words.count else { return }
        add(words[index + 1], mode)
    }

    private mutating func add(_ relation: String, _ mode: StatementLock.Mode) {
        let relation = relation.lowercased()
        locks[relation] = max(locks[relation] ?? mode, mode)
    }

    private static func name(in words: ArraySlice<String>) -> String? {
        words.first { !["IF", "EXISTS", "NOT", "ONLY", "CONCURRENTLY"].contains($0) }
    }
}

/// The words of a statement in upper case, with its semicolons, without strings and comments. Names keep their case
/// where they are quoted; what is dollar-quoted counts.
enum SQLWords {
    static func words(of statement: String) -> [String] {
        var words: [String] = []
        var rest = Substring(statement)
        while let character = rest.first {
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = rest.range(of: "*/").map { rest[$0.upperBound...] } ?? ""
            } else if character == "'" {
                rest = rest.dropFirst().drop { $0 != "'" }.dropFirst()
            } else if character == "\"" {
                let name = rest.dropFirst().prefix { $0 != "\"" }
                words.append(String(name))
                rest = rest[name.endIndex...].dropFirst()
            } else if character == ";" {
                words.append(";")
                rest = rest.dropFirst()
            } else if character.isLetter || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                words.append(word.uppercased())
                rest = rest[word.endIndex...]
            } else {
                rest = rest.dropFirst()
            }
        }
        return words
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
