import Foundation
import Query

/// What a schema promises, in words that are the same for both engines: one line for each column, key, foreign key,
/// check, index and view.
struct SchemaShape {
    private(set) var lines: Set<String> = []
    /// `table_column_json` and `table_column_bool`: the checks that stand in for types on SQLite.
    private(set) var typeChecks: Set<String> = []

    init(of database: any Database) async throws {
        switch database.engine {
        case .sqlite: try await readSQLite(database)
        case .postgres: try await readPostgres(database)
        }
    }

    // MARK: - PostgreSQL

    private mutating func readPostgres(_ database: any Database) async throws {
        let columns = try await rows(
            database,
            """
            SELECT table_name AS tbl, column_name AS name, data_type AS type, is_nullable AS nullable,
                column_default AS preset
            FROM information_schema.columns c WHERE table_schema = 'public' AND EXISTS (
                SELECT 1 FROM pg_tables t WHERE t.schemaname = 'public' AND t.tablename = c.table_name
            )
            """
        )
        for row in columns {
            let (table, name, type) = (row["tbl"], row["name"], row["type"])
            let isNullable = row["nullable"] == "YES"
            add(column: name, of: table, type: Self.storage(of: type), isNullable: isNullable, preset: row["preset"])
            if type == "jsonb" { typeChecks.insert("\(table)_\(name)_json") }
            if type == "boolean" { typeChecks.insert("\(table)_\(name)_bool") }
        }
        let constraints = try await rows(
            database,
            """
            SELECT conrelid::regclass::text AS tbl, conname AS name, contype::text AS kind,
                pg_get_constraintdef(oid) AS body
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')
            """
        )
        for row in constraints {
            add(constraint: row["name"], of: row["tbl"], kind: row["kind"], body: row["body"])
        }
        let indexes = try await rows(
            database,
            """
            SELECT i.indrelid::regclass::text AS tbl, i.indexrelid::regclass::text AS name,
                pg_get_indexdef(i.indexrelid) AS body
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE c.relnamespace = 'public'::regnamespace
                AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
            """
        )
        for row in indexes { add(index: row["name"], of: row["tbl"], body: row["body"]) }
        let views = try await rows(database, "SELECT viewname AS name FROM pg_views WHERE schemaname = 'public'")
        for row in views { lines.insert("view \(row["name"])") }
    }

    private static func storage(of type: String) -> String {
        switch type {
        case "bigint", "integer", "boolean", "timestamp with time zone": "INTEGER"
        case "text", "jsonb": "TEXT"
        case "bytea": "BLOB"
        default: type
        }
    }

    // MARK: - SQLite

    private mutating func readSQLite(_ database: any Database) async throws {
        let columns = try await rows(
            database,
            """
            SELECT m.name AS tbl, p.name AS name, p.type AS type, p."notnull" AS required, p.dflt_value AS preset,
                p.pk AS position
            FROM sqlite_schema m JOIN pragma_table_info(m.name) p
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.pk
            """
        )
        var keys: [String: [String]] = [:]
        for row in columns {
            let (table, name) = (row["tbl"], row["name"])
            let isKey = row["position"] != "0"
            let isNullable = row["required"] == "0" && !isKey
            add(column: name, of: table, type: row["type"], isNullable: isNullable, preset: row["preset"])
            if isKey { keys[table, default: []].append(name) }
        }
        for (table, columns) in keys { lines.insert("primary key \(table) (\(columns.joined(separator: ",")))") }
        let objects = try await rows(
            database,
            "SELECT type AS kind, name, tbl_name AS tbl, sql AS body FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
        )
        for row in objects {
            switch row["kind"] {
            case "table":
                for (name, body) in Self.namedConstraints(in: row["body"]) where !body.uppercased().hasPrefix("PRIMARY")
                {
                    let kind =
                        body.uppercased().hasPrefix("CHECK") ? "c" : body.uppercased().hasPrefix("UNIQUE") ? "u" : "f"
                    add(constraint: name, of: row["tbl"], kind: kind, body: body)
                }
            case "index": add(index: row["name"], of: row["tbl"], body: row["body"])
            case "view": lines.insert("view \(row["name"])")
            default: break
            }
        }
    }

    /// `CONSTRAINT name …` of a `CREATE TABLE`, each up to the comma or parenthesis that ends it.
    private static func namedConstraints(in sql: String) -> [(name: String, body: String)] {
        var found: [(String, String)] = []
        let pieces = sql.components(separatedBy: "CONSTRAINT ")
        for (before, piece) in zip(pieces, pieces.dropFirst()) {
            let name = piece.prefix { !$0.isWhitespace }
            var depth = 0
            var isQuoted = false
            let body = piece.dropFirst(name.count).prefix { character in
                if character == "'" { isQuoted.toggle() }
                if !isQuoted {
                    if character == "(" { depth += 1 }
                    if character == ")" { depth -= 1 }
                    if depth < 0 || (depth == 0 && character == ",") { return false }
                }
                return true
            }
            var text = String(body.drop(while: \.isWhitespace))
            if text.hasPrefix("REFERENCES") {
                // A foreign key that was added with its column says its name and type just before.
                let column = before.split(whereSeparator: \.isWhitespace).dropLast().last ?? ""
                text = "FOREIGN KEY (\(column)) \(text)"
            }
            found.append((String(name), text))
        }
        return found
    }

    // MARK: - Common words

    private mutating func add(column: String, of table: String, type: String, isNullable: Bool, preset: String) {
        let null = isNullable ? "null" : "not null"
        lines.insert("column \(table).\(column) \(type) \(null) default \(Self.preset(preset))")
    }

    private mutating func add(constraint name: String, of table: String, kind: String, body: String) {
        switch kind {
        case "p": lines.insert("primary key \(table) \(Self.plain(body.dropFirst("PRIMARY KEY ".count)))")
        case "u":
            let nulls = body.contains("NULLS NOT DISTINCT") ? " nulls not distinct" : ""
            let columns = body.drop { $0 != "(" }
            lines.insert("unique \(name) on \(table) \(Self.plain(columns))\(nulls)")
        case "f":
            let action = ["CASCADE", "RESTRICT", "SET NULL"].first { body.contains("ON DELETE \($0)") } ?? "NO ACTION"
            let parts = body.components(separatedBy: "REFERENCES ")
            let columns = Self.plain(parts[0].drop { $0 != "(" })
            let parent = Self.plain(parts[1].prefix { $0 != ")" }) + ")"
            lines.insert("foreign key \(name) on \(table) \(columns) to \(parent) on delete \(action)")
        default:
            if name.hasSuffix("_json") || name.hasSuffix("_bool") {
                typeChecks.insert(name)
            } else {
                // A pattern is a regular expression here and a GLOB there: SchemaRulesTests judges what they do.
                let words = name.hasSuffix("_form") ? "a pattern" : Self.words(of: body)
                lines.insert("check \(name) on \(table): \(words)")
            }
        }
    }

    private mutating func add(index name: String, of table: String, body: String) {
        let isUnique = body.uppercased().hasPrefix("CREATE UNIQUE")
        let parts = body.components(separatedBy: " WHERE ")
        let head = parts[0].components(separatedBy: " ON ").last ?? ""
        let method = head.contains("USING brin") ? " brin" : head.contains("USING gin") ? " gin" : ""
        let predicate = parts.count > 1 ? " where \(Self.words(of: parts[1...].joined(separator: " ")))" : ""
        let columns = Self.plain(head.drop { $0 != "(" })
        lines.insert("\(isUnique ? "unique" : "index") \(name) on \(table) \(columns)\(method)\(predicate)")
    }

    /// Without white space, casts and doubled parentheses.
    private static func plain(_ text: some StringProtocol) -> String {
        text.replacingOccurrences(of: "::text", with: "").filter { !$0.isWhitespace && $0 != "\"" }
    }

    private static func preset(_ text: String) -> String {
        guard !text.isEmpty else { return "none" }
        if text.contains("julianday") || text == "now()" { return "now" }
        let value = (text.components(separatedBy: "::").first ?? text).filter { !$0.isWhitespace }.lowercased()
        // PostgreSQL stores the members of JSON in an order of its own.
        return value.hasPrefix("'[") || value.hasPrefix("'{") ? String(value.sorted()) : value
    }

    /// The literals, numbers and names in an expression, as a set: the engines write the same rule differently.
    private static func words(of expression: String) -> String {
        var words: Set<String> = []
        var rest = Substring(expression.replacingOccurrences(of: "::text", with: ""))
        while let character = rest.first {
            if character == "'" {
                let literal = rest.dropFirst().prefix { $0 != "'" }
                words.insert("'\(literal)'")
                rest = rest[literal.endIndex...].dropFirst()
            } else if character.isLetter || character.isNumber || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                if !keywords.contains(word.lowercased()) { words.insert(word.lowercased()) }
                rest = rest[word.endIndex...]
            } else {
                rest = rest.dropFirst()
            }
        }
        return words.sorted().joined(separator: " ")
    }

    private static let keywords: Set<String> = [
        "check", "and", "or", "not", "in", "is", "null", "between", "any", "array", "like", "length", "octet_length",
        "true", "false",
    ]

    private func rows(_ database: any Database, _ query: SQL) async throws -> [TextRow] {
        try await database.read { try $0.rows(query).map(TextRow.init) }
    }
}

/// A row of a catalogue; NULL is empty.
private struct TextRow: Sendable {
    private let values: [String: String]

    init(_ row: Row) {
        values = Dictionary(
            uniqueKeysWithValues: zip(
                row.columns.names,
                row.values.map { value in
                    switch value {
                    case .text(let text): text
                    case .integer(let number): String(number)
                    default: ""
                    }
                }
            )
        )
    }

    subscript(column: String) -> String { values[column] ?? "" }
}
