import CLibPQ
import Domain
import Query

/// One connection. It belongs to the thread that opened it and blocks that thread.
final class PostgresSession {
    let openedAt = ContinuousClock.now
    private(set) var lastUse = ContinuousClock.now

    private let connection: OpaquePointer
    private let cancelHandle: OpaquePointer?
    private var parameters = ParameterBuffer()
    private var statements = PreparedStatements()
    private var usesPrepared: Bool
    private var timesForgotten = 0

    init(_ target: ConnectionTarget) throws(DatabaseError) {
        connection = try ConnectionOpening.open(target)
        cancelHandle = PQgetCancel(connection)
        usesPrepared = !target.isPooled
    }

    deinit {
        if let cancelHandle { PQfreeCancel(cancelHandle) }
        PQfinish(connection)
    }

    /// The handle for `PQcancel`, which any thread may use while this session lives; zero when there is none.
    var cancelToken: UInt { UInt(bitPattern: cancelHandle) }

    var isAlive: Bool { PQstatus(connection) == CONNECTION_OK }
    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }
    var hasFailedTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }
    var socket: CInt { PQsocket(connection) }
    var backendID: CInt { PQbackendPID(connection) }
    var serverVersion: String { PQparameterStatus(connection, "server_version").map { String(cString: $0) } ?? "" }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        let result = try run(try Dialect.render(sql, for: .postgres))
        defer { PQclear(result) }
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

    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        let result = try run(try Dialect.render(sql, for: .postgres))
        defer { PQclear(result) }
        // Empty for statements that change nothing by their nature; a SELECT counts what it found.
        guard PQresultStatus(result) == PGRES_COMMAND_OK || isChange(result) else { return 0 }
        return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// Runs text of our own or of a migration through the simple protocol; the text of the first field.
    @discardableResult
    func command(_ text: String) throws(DatabaseError) -> String? {
        let result = PQexec(connection, text)
        defer { PQclear(result) }
        lastUse = .now
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return nil
        case PGRES_TUPLES_OK:
            guard PQntuples(result) > 0 else { return nil }
            return PQgetvalue(result, 0, 0).map { String(cString: $0) }
        default: throw failure(of: result)
        }
    }

    /// Commits; the answer `ROLLBACK` means that an earlier statement had failed.
    func commit() throws(DatabaseError) {
        let result = PQexec(connection, "COMMIT")
        defer { PQclear(result) }
        lastUse = .now
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure(of: result) }
        guard let tag = PQcmdStatus(result), String(cString: tag) == "COMMIT" else {
            throw DatabaseError(
                kind: .statement,
                sqlState: "25P02",
                message: "the transaction was rolled back because one of its statements had failed"
            )
        }
    }

    /// The next notification that has arrived, without waiting.
    func nextNotification() -> (channel: String, payload: String, sender: CInt)? {
        PQconsumeInput(connection)
        guard let notification = PQnotifies(connection) else { return nil }
        defer { PQfreemem(notification) }
        return (
            String(cString: notification.pointee.relname),
            String(cString: notification.pointee.extra),
            notification.pointee.be_pid
        )
    }

    // MARK: - Pieces

    private func isChange(_ result: OpaquePointer) -> Bool {
        guard let tag = PQcmdStatus(result) else { return false }
        return !String(cString: tag).hasPrefix("SELECT")
    }

    private func run(_ rendered: RenderedStatement) throws(DatabaseError) -> OpaquePointer {
        parameters.load(rendered.parameters)
        defer {
            parameters.clear()
            lastUse = .now
        }
        let isPrepared = usesPrepared && rendered.isReusable
        let result =
            isPrepared
            ? try executePrepared(rendered.text)
            : parameters.withValues { values, buffer in
                PQexecParams(
                    connection,
                    rendered.text,
                    buffer.count,
                    buffer.types,
                    values,
                    buffer.lengths,
                    buffer.formats,
                    1
                )
            }
        let status = PQresultStatus(result)
        if let result, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK { return result }
        defer { PQclear(result) }
        throw isPrepared ? reconsidered(failure(of: result)) : failure(of: result)
    }

    private func executePrepared(_ text: String) throws(DatabaseError) -> OpaquePointer? {
        let name: String
        if let known = statements.name(of: text) { name = known } else { name = try prepare(text) }
        return parameters.withValues { values, buffer in
            PQexecPrepared(connection, name, buffer.count, values, buffer.lengths, buffer.formats, 1)
        }
    }

    private func prepare(_ text: String) throws(DatabaseError) -> String {
        let name = statements.makeName()
        let result = PQprepare(connection, name, text, parameters.count, parameters.types)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure(of: result) }
        if let evicted = statements.keep(name, for: text) { try command("DEALLOCATE \(evicted)") }
        return name
    }

    /// A prepared statement that the server no longer has, or whose result changed with the schema, is prepared
    /// again by the next run of the transaction. One that keeps vanishing betrays a pooling proxy.
    private func reconsidered(_ error: DatabaseError) -> DatabaseError {
        guard error.sqlState == "26000" || error.sqlState == "0A000" else { return error }
        statements.forgetAll()
        timesForgotten += 1
        if error.sqlState == "26000", timesForgotten > 1 { usesPrepared = false }
        return DatabaseError(kind: .retryable, sqlState: error.sqlState, message: error.message)
    }

    private func failure(of result: OpaquePointer?) -> DatabaseError {
        PostgresFailure.error(of: result, on: connection)
    }
}
