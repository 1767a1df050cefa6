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
    private var isUsable = true
    /// Not behind a pooling proxy, which would have to keep the pipeline together.
    private let canPipeline: Bool

    init(_ target: ConnectionTarget) throws(DatabaseError) {
        connection = try ConnectionOpening.open(target)
        cancelHandle = PQgetCancel(connection)
        usesPrepared = !target.isPooled
        canPipeline = !target.isPooled
    }

    deinit {
        if let cancelHandle { PQfreeCancel(cancelHandle) }
        PQfinish(connection)
    }

    /// The handle for `PQcancel`, which any thread may use while this session lives; zero when there is none.
    var cancelToken: UInt { UInt(bitPattern: cancelHandle) }

    var isAlive: Bool { isUsable && PQstatus(connection) == CONNECTION_OK }
    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }
    var hasFailedTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }
    var socket: CInt { PQsocket(connection) }
    var backendID: CInt { PQbackendPID(connection) }
    var serverVersion: String { PQparameterStatus(connection, "server_version").map { String(cString: $0) } ?? "" }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        try run(try Dialect.render(sql, for: .postgres)).rows()
    }

    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        try run(try Dialect.render(sql, for: .postgres)).changes
    }

    /// Sends all statements before it reads the answer to the first: one round trip. After one that fails the rest is
    /// not run, and its error is thrown.
    func runTogether(_ batch: [RenderedStatement]) throws(DatabaseError) -> [PostgresResult] {
        guard canPipeline else {
            var results: [PostgresResult] = []
            for statement in batch { results.append(try run(statement)) }
            return results
        }
        defer { lastUse = .now }
        var pipeline = StatementPipeline(connection)
        do throws(DatabaseError) {
            for statement in batch { try send(statement, into: &pipeline) }
            return try pipeline.finish()
        } catch {
            for key in pipeline.unprepared { statements.forget(key) }
            // Answers that were not read would be taken for those of later statements.
            isUsable = PQpipelineStatus(connection) == PQ_PIPELINE_OFF
            throw reconsidered(error)
        }
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

    private func send(_ rendered: RenderedStatement, into pipeline: inout StatementPipeline) throws(DatabaseError) {
        parameters.load(rendered.parameters)
        defer { parameters.clear() }
        guard usesPrepared && rendered.isReusable else {
            return try pipeline.send(rendered.text, &parameters)
        }
        if let name = statements.name(of: rendered.key) { return try pipeline.sendPrepared(name, &parameters) }
        let name = statements.makeName()
        try pipeline.sendPreparation(of: rendered, as: name, parameters)
        if let evicted = statements.keep(name, for: rendered.key) { try pipeline.sendDeallocation(of: evicted) }
        try pipeline.sendPrepared(name, &parameters)
    }

    func run(_ rendered: RenderedStatement) throws(DatabaseError) -> PostgresResult {
        parameters.load(rendered.parameters)
        defer {
            parameters.clear()
            lastUse = .now
        }
        let isPrepared = usesPrepared && rendered.isReusable
        let result =
            isPrepared
            ? try executePrepared(rendered)
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
        if let result, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK { return PostgresResult(result) }
        defer { PQclear(result) }
        throw isPrepared ? reconsidered(failure(of: result)) : failure(of: result)
    }

    private func executePrepared(_ rendered: RenderedStatement) throws(DatabaseError) -> OpaquePointer? {
        let name: String
        if let known = statements.name(of: rendered.key) { name = known } else { name = try prepare(rendered) }
        return parameters.withValues { values, buffer in
            PQexecPrepared(connection, name, buffer.count, values, buffer.lengths, buffer.formats, 1)
        }
    }

    private func prepare(_ rendered: RenderedStatement) throws(DatabaseError) -> String {
        let name = statements.makeName()
        let result = PQprepare(connection, name, rendered.text, parameters.count, parameters.types)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure(of: result) }
        if let evicted = statements.keep(name, for: rendered.key) { try command("DEALLOCATE \(evicted)") }
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
