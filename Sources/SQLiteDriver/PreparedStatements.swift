import GRDB
import Query

/// What one connection has prepared, by the numbers of the texts: looking for a text costs more than most statements.
///
/// @unchecked: it is used on the queue of its connection alone, as GRDB's statements are.
final class PreparedStatements: @unchecked Sendable {
    struct Prepared {
        let statement: GRDB.Statement
        /// The names are the same for every result; an empty list for a statement without one.
        let columns: Query.Row.Columns
    }

    private var prepared: [Int: Prepared] = [:]

    subscript(_ number: Int) -> Prepared? { prepared[number] }

    func keep(_ statement: GRDB.Statement, as number: Int) -> Prepared {
        let entry = Prepared(statement: statement, columns: Query.Row.Columns(statement.columnNames))
        prepared[number] = entry
        return entry
    }

    func forgetAll() { prepared = [:] }
}
