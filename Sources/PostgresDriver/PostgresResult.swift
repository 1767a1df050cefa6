import CLibPQ
import Query

/// What the server answered to one statement that succeeded.
final class PostgresResult {
    private let result: OpaquePointer

    /// Takes over `result`.
    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    func rows() throws(DatabaseError) -> [Row] {
        let columnCount = PQnfields(result)
        let columns = Row.Columns(
            (0..<columnCount).map { index in PQfname(result, index).map { String(cString: $0) } ?? "" }
        )
        let rowCount = PQntuples(result)
        var rows: [Row] = []
        rows.reserveCapacity(Int(rowCount))
        for row in 0..<rowCount {
            var values: [Value] = []
            values.reserveCapacity(Int(columnCount))
            for column in 0..<columnCount {
                values.append(try PostgresValue.column(column, row: row, of: result))
            }
            rows.append(Row(columns: columns, values: values))
        }
        return rows
    }

    /// Zero for statements that change nothing by their nature; a SELECT counts what it found.
    var changes: Int {
        guard PQresultStatus(result) == PGRES_COMMAND_OK || isChange else { return 0 }
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    private var isChange: Bool {
        guard let tag = PQcmdStatus(result) else { return false }
        return !String(cString: tag).hasPrefix("SELECT")
    }
}
