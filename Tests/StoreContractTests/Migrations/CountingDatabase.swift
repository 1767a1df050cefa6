import Domain
import Query
import Synchronization

/// A database that counts the effects of migrations and stops at one of them as a crash would.
final class CountingDatabase: MigratableDatabase {
    let engine: Engine
    private let base: any MigratableDatabase
    private let failAt: Int?
    private let calls = Atomic(0)

    init(_ base: any MigratableDatabase, failAt: Int?) {
        self.base = base
        self.failAt = failAt
        engine = base.engine
    }

    /// How often a migration connection was asked for.
    var migrations: Int { calls.load(ordering: .relaxed) }

    func migrate<Result: Sendable>(
        _ body: @escaping @Sendable (any MigrationConnection) throws -> Result
    ) async throws -> Result {
        calls.add(1, ordering: .relaxed)
        return try await base.migrate { [failAt] connection in
            try body(CountingConnection(connection, failAt: failAt))
        }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result {
        try await base.read(body)
    }

    @discardableResult
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await base.write(body)
    }

    func signals(on channel: SignalChannel) -> AsyncStream<String> { base.signals(on: channel) }
    func ping() async throws { try await base.ping() }
    func close() async { await base.close() }
}

/// Refuses every effect from a given one on, so that nothing can be tidied up after the "crash".
private final class CountingConnection: MigrationConnection {
    private let base: any MigrationConnection
    private let failAt: Int?
    private var effects = 0

    init(_ base: any MigrationConnection, failAt: Int?) {
        self.base = base
        self.failAt = failAt
    }

    private func effect() throws(DatabaseError) {
        defer { effects += 1 }
        guard let failAt, effects >= failAt else { return }
        throw DatabaseError(kind: .unavailable, sqlState: "crash", message: "the process ended here")
    }

    var engine: Engine { base.engine }
    var engineVersion: String { base.engineVersion }
    func currentTime() throws(DatabaseError) -> Timestamp { try base.currentTime() }
    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] { try base.rows(sql) }

    func run(_ statement: String) throws(DatabaseError) {
        try effect()
        try base.run(statement)
    }

    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        try effect()
        return try base.execute(sql)
    }

    func begin() throws(DatabaseError) {
        try effect()
        try base.begin()
    }

    func commit() throws(DatabaseError) {
        try effect()
        try base.commit()
    }

    /// The engine does this itself when a process ends.
    func rollback() { base.rollback() }
    func tryLock() throws(DatabaseError) -> MigrationLock { try base.tryLock() }
    func unlock() { base.unlock() }
    func pause(_ duration: Duration) { base.pause(duration) }
}
