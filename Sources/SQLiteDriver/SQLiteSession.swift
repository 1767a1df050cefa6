import Domain
import GRDB
import GRDBSQLite
import Query

/// Runs statements on one connection, on the queue that owns it.
struct SQLiteSession {
    let connection: GRDB.Database
    /// What this connection has prepared; `nil` where GRDB looks after that.
    var statements: PreparedStatements?

    func rows(_ sql: Query.SQL) throws(Query.DatabaseError) -> [Query.Row] {
        let (prepared, known) = try prepare(try Dialect.render(sql, for: .sqlite))
        let statement = prepared.sqliteStatement
        defer { finish(prepared) }
        let count = sqlite3_column_count(statement)
        let columns = known ?? Query.Row.Columns(prepared.columnNames)
        var rows: [Query.Row] = []
        while try step(statement) {
            var values: [Value] = []
            values.reserveCapacity(Int(count))
            for index in 0..<count { values.append(SQLiteValue.column(index, of: statement)) }
            rows.append(Query.Row(columns: columns, values: values))
        }
        return rows
    }

    /// The number of rows that the statement changed; zero for one that changes none by its nature.
    func execute(_ sql: Query.SQL) throws(Query.DatabaseError) -> Int {
        let (prepared, _) = try prepare(try Dialect.render(sql, for: .sqlite))
        let statement = prepared.sqliteStatement
        defer { finish(prepared) }
        while try step(statement) {}
        guard sqlite3_stmt_readonly(statement) == 0, let handle = connection.sqliteConnection else { return 0 }
        return Int(sqlite3_changes(handle))
    }

    /// Runs text without parameters: our own, or with `keepsPrepared: false` a statement of a migration.
    func run(_ text: String, keepsPrepared: Bool = true) throws(Query.DatabaseError) {
        let (prepared, _) = try prepare(RenderedStatement(text: text, parameters: [], isReusable: keepsPrepared))
        defer { finish(prepared) }
        while try step(prepared.sqliteStatement) {}
    }

    /// What a commit waits for from now on; between transactions alone. It takes effect when it is prepared, so nothing is kept.
    func setSynchronous(_ synchronous: SQLiteConfiguration.Synchronous) throws(Query.DatabaseError) {
        guard let handle = connection.sqliteConnection else { throw failure() }
        let code = sqlite3_exec(handle, "PRAGMA synchronous = \(synchronous.rawValue)", nil, nil, nil)
        guard code == SQLITE_OK else { throw failure() }
    }

    /// Forbids the schema to call functions that could do harm, if this SQLite then still lets it check JSON: releases
    /// before 3.41 do not count `json_valid` among the harmless ones.
    func distrustSchema() throws(Query.DatabaseError) {
        try run("PRAGMA trusted_schema = OFF", keepsPrepared: false)
        let checksJSON = "CREATE TABLE certctl_probe (document TEXT CHECK (json_valid(document)))"
        if (try? connection.makeStatement(sql: checksJSON)) == nil {
            try run("PRAGMA trusted_schema = ON", keepsPrepared: false)
        }
    }

    /// True outside a transaction, also after SQLite itself gave one up.
    var isAutocommit: Bool {
        guard let handle = connection.sqliteConnection else { return true }
        return sqlite3_get_autocommit(handle) != 0
    }

    /// Whether the open transaction breaks a foreign key that is checked only at its end.
    var hasDeferredViolation: Bool {
        guard let handle = connection.sqliteConnection else { return false }
        var current: CInt = 0
        var highest: CInt = 0
        sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current != 0
    }

    /// The statement with its values, and the names of its columns where they are known.
    private func prepare(
        _ rendered: RenderedStatement
    ) throws(Query.DatabaseError) -> (GRDB.Statement, Query.Row.Columns?) {
        let prepared: GRDB.Statement
        var columns: Query.Row.Columns?
        if let number = rendered.number, let known = statements?[number] {
            (prepared, columns) = (known.statement, known.columns)
        } else {
            do {
                prepared =
                    rendered.isReusable
                    ? try connection.cachedStatement(sql: rendered.text)
                    : try connection.makeStatement(sql: rendered.text)
            } catch {
                throw SQLiteFailure.error(from: error)
            }
            if let number = rendered.number { columns = statements?.keep(prepared, as: number).columns }
        }
        for (index, parameter) in rendered.parameters.enumerated() {
            let code = SQLiteValue.bind(parameter, to: prepared.sqliteStatement, at: CInt(index + 1))
            guard code == SQLITE_OK else { throw failure() }
        }
        return (prepared, columns)
    }

    /// Ends the statement and drops its values, so that secrets do not stay in a prepared statement.
    private func finish(_ prepared: GRDB.Statement) {
        sqlite3_reset(prepared.sqliteStatement)
        sqlite3_clear_bindings(prepared.sqliteStatement)
    }

    private func step(_ statement: OpaquePointer) throws(Query.DatabaseError) -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        default: throw failure()
        }
    }

    /// What the connection reports now.
    private func failure() -> Query.DatabaseError {
        guard let handle = connection.sqliteConnection else {
            return SQLiteFailure.error(code: SQLITE_MISUSE, message: "the database is closed")
        }
        let code = sqlite3_extended_errcode(handle)
        let message = sqlite3_errmsg(handle).map { String(cString: $0) } ?? ""
        guard code & 0xFF == SQLITE_CONSTRAINT else { return SQLiteFailure.error(code: code, message: message) }
        return SQLiteConstraint(code: code, message: message).error { columns, table in
            constraintName(of: columns, in: table)
        }
    }

    /// The name of the unique index over `columns`, so that callers see the same names as on PostgreSQL.
    private func constraintName(of columns: [String], in table: String) -> String? {
        let statement: Query.SQL = """
            SELECT il.name AS name, il.origin AS origin, ii.name AS member
            FROM pragma_index_list(\(table)) AS il JOIN pragma_index_info(il.name) AS ii
            WHERE il."unique" = 1 ORDER BY il.name, ii.seqno
            """
        guard let rows = try? rows(statement) else { return nil }
        var members: [String: (origin: String, columns: [String])] = [:]
        for row in rows {
            guard let name = try? row.text("name"), let origin = try? row.text("origin") else { continue }
            let member = (try? row.optionalText("member")) ?? nil
            members[name, default: (origin, [])].columns.append(member ?? "")
        }
        let matches = members.filter { $0.value.columns == columns }.sorted { $0.key < $1.key }
        if let named = matches.first(where: { $0.value.origin == "c" }) { return named.key }
        return matches.contains { $0.value.origin == "u" } ? "\(table)_\(columns.joined(separator: "_"))_key" : nil
    }
}
