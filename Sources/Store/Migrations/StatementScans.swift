/// Which tables a statement of a migration reads or writes row by row, so that its time grows with them.
///
/// An estimate from the words of the statement, for `certctl server --check-upgrade`.
package enum StatementScans {
    package static func of(_ statement: String) -> Set<String> {
        let words = SQLWords.words(of: statement)
        var tables: Set<String> = []
        for start in words.indices where start == 0 || [";", "THEN", "BEGIN", "ELSE"].contains(words[start - 1]) {
            let end = words[start...].firstIndex(of: ";") ?? words.endIndex
            tables.formUnion(scanned(Array(words[start..<end])).map { $0.lowercased() })
        }
        return tables
    }

    private static func scanned(_ words: [String]) -> [String] {
        func after(_ word: String) -> [String] {
            guard let index = words.firstIndex(of: word) else { return [] }
            let names = words[(index + 1)...].drop { ["IF", "EXISTS", "NOT", "ONLY", "CONCURRENTLY"].contains($0) }
            return names.first.map { [$0] } ?? []
        }
        switch words.prefix(2).joined(separator: " ") {
        case "CREATE INDEX", "CREATE UNIQUE": return after("ON")
        case "ALTER TABLE":
            let reads = ["VALIDATE", "UNIQUE", "PRIMARY", "EXCLUDE", "CHECK", "FOREIGN", "TYPE"].contains(
                where: words.contains)
            return reads && !words.contains("VALID") ? after("TABLE") : []
        case "INSERT INTO": return words.contains("SELECT") ? after("FROM") : []
        case "DELETE FROM": return after("FROM")
        default: return words.first == "UPDATE" ? after("UPDATE") : []
        }
    }
}
