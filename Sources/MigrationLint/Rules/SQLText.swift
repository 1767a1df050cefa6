/// The corrected forms.
enum SQLText {
    static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    /// A block in which the statement runs when the condition holds.
    static func guarded(_ condition: String, _ statement: String) -> String {
        let tag = statement.utf8Contains("$$") || condition.utf8Contains("$$") ? "$migration$" : "$$"
        return """
            DO \(tag)
            BEGIN
                IF \(condition) THEN
                    \(statement);
                END IF;
            END
            \(tag);
            """
    }

    static func constraintIsAbsent(_ name: String, on table: ObjectName) -> String {
        "NOT EXISTS (\n        SELECT 1 FROM pg_constraint\n        WHERE conname = \(literal(name)) AND conrelid = "
            + "\(literal(table.text))::regclass\n    )"
    }

    static func addConstraint(_ name: String, _ body: String, to table: ObjectName) -> String {
        guarded(constraintIsAbsent(name, on: table), "ALTER TABLE \(table.text) ADD CONSTRAINT \(name) \(body)")
    }

    /// A test of one column in the schema of the ladder.
    static func column(_ column: String, of table: ObjectName, _ further: String = "", exists: Bool = true) -> String {
        (exists ? "" : "NOT ") + "EXISTS (\n        SELECT 1 FROM information_schema.columns\n"
            + "        WHERE table_schema = current_schema() AND table_name = \(literal(table.name))"
            + " AND column_name = \(literal(column))\(further.isEmpty ? "" : " AND " + further)\n    )"
    }

    /// A name that needs quotes, in quotes.
    static func identifier(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
        return isPlain && !name.isEmpty ? name : "\"" + name + "\""
    }

    /// At most 63 octets, so that PostgreSQL keeps it whole.
    static func shortened(_ name: String) -> String {
        var name = name
        while name.utf8.count > 63 { name.removeLast() }
        return name
    }
}

extension String {
    func utf8Contains(_ needle: String) -> Bool {
        let needle = Array(needle.utf8)
        let octets = Array(utf8)
        guard octets.count >= needle.count else { return false }
        return (0...octets.count - needle.count).contains { octets[$0...].starts(with: needle) }
    }
}

extension Fragment {
    /// The text with one range of octets replaced.
    func text(replacing range: Range<Int>, with replacement: String) -> String {
        source.text(self.range.lowerBound..<range.lowerBound) + replacement
            + source.text(range.upperBound..<self.range.upperBound)
    }

    func text(inserting text: String, at offset: Int) -> String { self.text(replacing: offset..<offset, with: text) }
}
