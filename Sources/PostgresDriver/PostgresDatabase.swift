package import Domain
package import Query
import Threads

/// A PostgreSQL database, reached through a pool of connections.
package final class PostgresDatabase: MigratableDatabase {
    package let engine = Engine.postgres

    private let target: ConnectionTarget
    private let configuration: PostgresConfiguration
    private let pool: ConnectionPool
    private let relay: SignalRelay
    private let groups: GroupCommit

    /// Checks the configuration; connects only when work arrives.
    ///
    /// Throws ``Query/DatabaseError`` for a URL that libpq cannot read and for a transport that is not safe.
    package init(_ configuration: PostgresConfiguration, random: RandomSource = .system) throws {
        self.configuration = configuration
        target = try ConnectionTarget(configuration)
        pool = try ConnectionPool(target: target, configuration: configuration, random: random)
        let relay = try SignalRelay(target: target)
        self.relay = relay
        groups = GroupCommit(pool: pool, configuration: configuration, announce: { relay.announce($0) })
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await run(.read, body)
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await run(.write, body)
    }

    @discardableResult
    package func writeTogether<Result: Sendable>(
        about subject: String,
        durability: Durability,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let job = makeJob(.write, body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                job.wait(with: continuation)
                groups.submit(job, about: subject, durability)
            }
        } onCancel: {
            groups.cancel(job)
        }
    }

    package func signals(on channel: SignalChannel) -> AsyncStream<String> { relay.stream(on: channel) }

    package func ping() async throws {
        _ = try await read { try $0.rows("SELECT 1 AS one") }
    }

    package func migrate<Result: Sendable>(
        _ body: @escaping @Sendable (any MigrationConnection) throws -> Result
    ) async throws -> Result {
        let target = target.variant(
            applicationName: target.applicationName + "/migrate",
            options: "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
        )
        return try await withCheckedThrowingContinuation { continuation in
            let isStarted = BlockingThread.start(stackSize: PostgresThread.stackSize) {
                continuation.resume(
                    with: Swift.Result { try body(PostgresMigrationConnection(PostgresSession(target))) }
                )
            }
            if !isStarted {
                continuation.resume(
                    throwing: DatabaseError(kind: .unavailable, sqlState: "53000", message: "no thread is left")
                )
            }
        }
    }

    package func close() async {
        relay.close()
        groups.close()
        await pool.close()
    }

    private func run<Result: Sendable>(
        _ mode: TransactionMode,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        let job = makeJob(mode, body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                job.wait(with: continuation)
                pool.submit(job)
            }
        } onCancel: {
            pool.cancel(job)
        }
    }

    private func makeJob<Result: Sendable>(
        _ mode: TransactionMode,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) -> TransactionJob<Result> {
        TransactionJob(
            mode: mode,
            deadline: .now + configuration.checkoutWait,
            announce: { [relay] in relay.announce($0) },
            body: body
        )
    }
}
