import Domain
package import Query

/// How large a table is, indexes included (operations §7.4, `certctl db status`).
package struct TableFigures: Hashable, Sendable {
    package let name: String
    /// Exact on SQLite; on PostgreSQL what its statistics say, `nil` before the first of them.
    package let rows: Int?
    package let octets: Int

    /// Every table, largest first.
    package static func all(in tx: any Transaction) throws(DatabaseError) -> [TableFigures] {
        let query: SQL =
            switch tx.engine {
            // A row is a cell of a leaf; the tables have row ids.
            case .sqlite:
                """
                SELECT t.name, SUM(s.pgsize) AS octets,
                    SUM(CASE WHEN s.name = t.name AND s.pagetype = 'leaf' THEN s.ncell ELSE 0 END) AS row_count
                FROM sqlite_schema t JOIN sqlite_schema part ON part.tbl_name = t.name AND part.rootpage > 0
                JOIN dbstat s ON s.name = part.name
                WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                GROUP BY t.name ORDER BY octets DESC, t.name
                """
            case .postgres:
                """
                SELECT c.relname AS name, pg_total_relation_size(c.oid) AS octets,
                    CASE WHEN c.reltuples >= 0 THEN CAST(c.reltuples AS BIGINT)
                        WHEN s.n_live_tup > 0 THEN s.n_live_tup END AS row_count
                FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
                WHERE c.relkind IN ('r', 'p') AND c.relnamespace = CAST(current_schema() AS regnamespace)
                ORDER BY octets DESC, name
                """
            }
        var tables: [TableFigures] = []
        for row in try tx.rows(query) {
            tables.append(
                TableFigures(
                    name: try row.text("name"), rows: try row.optionalInt("row_count"), octets: try row.int("octets")
                )
            )
        }
        return tables
    }
}
