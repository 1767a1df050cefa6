import CLibPQ
import Query

/// Statements that are sent without waiting for the answers of those before (pipeline mode of libpq).
///
/// The answers must fit into the buffers of the socket while the statements are still being sent, which holds for
/// changes and single rows.
struct StatementPipeline {
    private enum Sent {
        case statement
        /// What is prepared.
        case preparation(StatementKey)
        case deallocation
    }

    private let connection: OpaquePointer
    private var sent: [Sent] = []
    /// What ``finish()`` found not prepared, because it or something before it failed.
    private(set) var unprepared: [StatementKey] = []

    init(_ connection: OpaquePointer) { self.connection = connection }

    mutating func send(_ text: String, _ parameters: inout ParameterBuffer) throws(DatabaseError) {
        try begin()
        let isSent = parameters.withValues { values, buffer in
            PQsendQueryParams(
                connection,
                text,
                buffer.count,
                buffer.types,
                values,
                buffer.lengths,
                buffer.formats,
                1
            )
        }
        try note(.statement, isSent)
    }

    mutating func sendPrepared(_ name: String, _ parameters: inout ParameterBuffer) throws(DatabaseError) {
        try begin()
        let isSent = parameters.withValues { values, buffer in
            PQsendQueryPrepared(connection, name, buffer.count, values, buffer.lengths, buffer.formats, 1)
        }
        try note(.statement, isSent)
    }

    mutating func sendPreparation(
        of statement: RenderedStatement,
        as name: String,
        _ parameters: ParameterBuffer
    ) throws(DatabaseError) {
        try begin()
        try note(
            .preparation(statement.key),
            PQsendPrepare(connection, name, statement.text, parameters.count, parameters.types))
    }

    /// `name` is one of ours.
    mutating func sendDeallocation(of name: String) throws(DatabaseError) {
        try begin()
        try note(.deallocation, PQsendQueryParams(connection, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 0))
    }

    /// Reads all answers; the connection then takes single statements again.
    ///
    /// - Throws: What the server said of the first statement that failed.
    mutating func finish() throws(DatabaseError) -> [PostgresResult] {
        guard !sent.isEmpty else { return [] }
        var results: [PostgresResult] = []
        var failure: DatabaseError?
        guard PQpipelineSync(connection) == 1 else { throw PostgresFailure.lost(connection) }
        for sent in sent {
            guard let result = PQgetResult(connection) else { throw PostgresFailure.lost(connection) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                let answer = PostgresResult(result)
                if case .statement = sent { results.append(answer) }
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
                if case .preparation(let key) = sent { unprepared.append(key) }
            default:
                failure = failure ?? PostgresFailure.error(of: result, on: connection)
                PQclear(result)
                if case .preparation(let key) = sent { unprepared.append(key) }
            }
            // Null ends the answers to one statement.
            while let surplus = PQgetResult(connection) { PQclear(surplus) }
        }
        if let synchronised = PQgetResult(connection) { PQclear(synchronised) }
        sent = []
        guard PQexitPipelineMode(connection) == 1 else { throw failure ?? PostgresFailure.lost(connection) }
        if let failure { throw failure }
        return results
    }

    private func begin() throws(DatabaseError) {
        guard PQpipelineStatus(connection) == PQ_PIPELINE_OFF else { return }
        guard PQenterPipelineMode(connection) == 1 else { throw PostgresFailure.lost(connection) }
    }

    private mutating func note(_ kind: Sent, _ isSent: CInt) throws(DatabaseError) {
        guard isSent == 1 else { throw PostgresFailure.lost(connection) }
        sent.append(kind)
    }
}
