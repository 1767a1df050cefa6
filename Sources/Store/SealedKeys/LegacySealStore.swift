package import Query

/// A value that another program wrote before ours: in one of its formats, or in the clear.
package struct LegacyMark: Hashable, Sendable {
    package let table: String
    package let column: String
    package let rowID: String
    /// Whether the value was never sealed.
    package let isClear: Bool
}

/// Which values may be of a format before v4. Everywhere else such a value is refused.
package struct LegacySealStore: Sendable {
    package init() {}

    package func marks(limit: Int, in tx: any Transaction) throws -> [LegacyMark] {
        try tx.rows(
            """
            SELECT table_name, column_name, row_id, crypto_version FROM legacy_seals
            ORDER BY table_name, column_name, row_id LIMIT \(limit)
            """
        ).map { row in
            LegacyMark(
                table: try row.text("table_name"),
                column: try row.text("column_name"),
                rowID: try row.text("row_id"),
                isClear: try row.int("crypto_version") == 0
            )
        }
    }

    package func count(in tx: any Transaction) throws -> Int {
        try tx.row("SELECT COUNT(*) AS number FROM legacy_seals")?.int("number") ?? 0
    }

    /// The value is of our own format from now on.
    package func remove(_ mark: LegacyMark, in tx: any Transaction) throws {
        try tx.execute(
            """
            DELETE FROM legacy_seals WHERE table_name = \(mark.table) AND column_name = \(mark.column)
                AND row_id = \(mark.rowID)
            """
        )
    }
}
