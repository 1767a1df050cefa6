import Domain
import Query
import Synchronization

/// One thread of a pool and the connection that it opens when first needed.
///
/// The connection is a local of the thread: nothing here hands it to another.
final class ConnectionWorker {
    /// Idle time after which a connection is tried before it is used.
    static let idleBeforeCheck = Duration.seconds(30)

    private let target: ConnectionTarget
    private let maxLifetime: Duration
    private let random: RandomSource
    private var current: PostgresSession?
    private var lifetime: Duration = .zero

    init(target: ConnectionTarget, maxLifetime: Duration, random: RandomSource) {
        self.target = target
        self.maxLifetime = maxLifetime
        self.random = random
    }

    /// A connection that answered lately, opening one if need be.
    func session() throws(DatabaseError) -> PostgresSession {
        if let current, current.isAlive, isFresh(current) { return current }
        current = nil
        let opened = try PostgresSession(target)
        // A tenth either way, so that connections opened together do not expire together.
        lifetime = maxLifetime * (0.9 + 0.2 * random.unitInterval())
        current = opened
        return opened
    }

    /// Opens a transaction and asks for its time in one round trip.
    ///
    /// - `opening`: Asks for the time as `now`, and sets what holds for this transaction alone.
    func begin(
        _ mode: TransactionMode,
        opening: SQL? = nil,
        in session: PostgresSession
    ) throws(DatabaseError) -> Timestamp {
        if target.isPooled {
            let now = try beginPooled(mode, in: session)
            if let opening { _ = try session.run(try Dialect.render(opening, for: .postgres)) }
            return now
        }
        let results = try session.runTogether([
            try Dialect.render(SQL(stringLiteral: mode.begin), for: .postgres),
            try Dialect.render(opening ?? Self.time, for: .postgres),
        ])
        guard let row = try results.last?.rows().first else { throw Self.timeless }
        return try row.time("now")
    }

    /// Opens a transaction with its first statement, in one round trip.
    func begin(
        _ mode: TransactionMode,
        followedBy first: RenderedStatement,
        in session: PostgresSession
    ) throws(DatabaseError) -> (now: Timestamp, result: PostgresResult) {
        if target.isPooled {
            let now = try beginPooled(mode, in: session)
            return (now, try session.run(first))
        }
        let results = try session.runTogether([
            try Dialect.render(SQL(stringLiteral: mode.begin), for: .postgres),
            try Dialect.render(Self.time, for: .postgres), first,
        ])
        guard results.count == 3, let row = try results[1].rows().first else { throw Self.timeless }
        return (try row.time("now"), results[2])
    }

    /// The same where nothing may be prepared and no setting outlives a transaction.
    private func beginPooled(
        _ mode: TransactionMode, in session: PostgresSession
    ) throws(DatabaseError) -> Timestamp {
        let microseconds = try session.command(
            "\(mode.begin); \(target.localSettings)"
                + "SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint"
        )
        guard let microseconds = microseconds.flatMap({ Int64($0) }) else { throw Self.timeless }
        return Timestamp(microsecondsSinceEpoch: microseconds)
    }

    private static let time: SQL = "SELECT transaction_timestamp() AS now"

    private static let timeless = DatabaseError(
        kind: .statement,
        sqlState: "certctl",
        message: "PostgreSQL gave no transaction time"
    )

    /// 10, 20, 40 ms …, each with up to as much again at random, so that rivals do not meet twice.
    func backOff(run: Int) -> Duration {
        .milliseconds(10) * (1 << min(run - 1, 6)) * (1 + random.unitInterval())
    }

    /// Closes a connection that is too old or broken; called between jobs.
    func discardStale() {
        guard let session = current else { return }
        if !session.isAlive || session.isInTransaction || ContinuousClock.now - session.openedAt > lifetime {
            current = nil
        }
    }

    private func isFresh(_ session: PostgresSession) -> Bool {
        let now = ContinuousClock.now
        guard now - session.openedAt <= lifetime else { return false }
        guard now - session.lastUse > Self.idleBeforeCheck else { return true }
        return (try? session.command("SELECT 1")) == "1"
    }
}
