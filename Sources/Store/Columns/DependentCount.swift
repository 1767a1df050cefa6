import Query

/// Counts of what refers to a row, for deletions that are refused while it is in use.
enum DependentCount {
    /// The kinds that have dependents, in one statement.
    static func nonZero(_ queries: [(name: String, count: SQL)], in tx: any Transaction) throws -> [String: Int] {
        let parts = queries.map { query -> SQL in
            "SELECT CAST(\(query.name) AS TEXT) AS name, (\(fragment: query.count)) AS n"
        }
        var counts: [String: Int] = [:]
        for row in try tx.rows(SQL.joined(parts, by: " UNION ALL ")) {
            let count = try row.int("n")
            if count > 0 { counts[try row.text("name")] = count }
        }
        return counts
    }
}

extension [Row] {
    /// The one row that a `RETURNING` clause of a successful insert gives.
    func onlyRow() throws(DatabaseError) -> Row {
        guard let row = first else {
            throw DatabaseError(kind: .statement, sqlState: "certctl", message: "the statement returned no row")
        }
        return row
    }
}
