import Domain
import Query
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A database whose migrating process dies before one effect, with no chance to tidy up.
final class CrashingDatabase: MigratableDatabase {
    let engine: Engine
    private let base: any MigratableDatabase
    private let point: Int
    private let effects = Effects()

    init(_ base: any MigratableDatabase, at point: Int) {
        self.base = base
        self.point = point
        engine = base.engine
    }

    func migrate<Result: Sendable>(
        _ body: @escaping @Sendable (any MigrationConnection) throws -> Result
    ) async throws -> Result {
        try await base.migrate { [point] in try body(CrashingConnection($0, at: point)) }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result {
        try await base.read(body)
    }

    @discardableResult
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        effects.reach(point)
        let result = try await base.write { [effects, point] tx in
            let result = try body(tx)
            effects.reach(point)
            return result
        }
        effects.reach(point)
        return result
    }

    func signals(on channel: SignalChannel) -> AsyncStream<String> { base.signals(on: channel) }
    func ping() async throws { try await base.ping() }
    func close() async { await base.close() }
}

/// Counts the effects of transactions: before them, before their commit, after it.
private final class Effects: Sendable {
    private let count = Atomic(0)

    func reach(_ point: Int) {
        if count.add(1, ordering: .relaxed).oldValue == point { kill(getpid(), SIGKILL) }
    }
}

/// Counts what changes the database: statements, ledger rows, begin and commit.
private final class CrashingConnection: MigrationConnection {
    private let base: any MigrationConnection
    private let point: Int
    private var effects = 0

    init(_ base: any MigrationConnection, at point: Int) {
        self.base = base
        self.point = point
    }

    private func effect() {
        if effects == point { kill(getpid(), SIGKILL) }
        effects += 1
    }

    var engine: Engine { base.engine }
    var engineVersion: String { base.engineVersion }
    func currentTime() throws(DatabaseError) -> Timestamp { try base.currentTime() }
    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] { try base.rows(sql) }

    func run(_ statement: String) throws(DatabaseError) {
        effect()
        try base.run(statement)
    }

    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        effect()
        return try base.execute(sql)
    }

    func begin() throws(DatabaseError) {
        effect()
        try base.begin()
    }

    func commit() throws(DatabaseError) {
        effect()
        try base.commit()
    }

    func rollback() { base.rollback() }
    func tryLock() throws(DatabaseError) -> MigrationLock { try base.tryLock() }
    func unlock() { base.unlock() }
    func pause(_ duration: Duration) { base.pause(duration) }
}
