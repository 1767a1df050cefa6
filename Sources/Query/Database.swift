package import Domain

/// The engines that certctl runs on.
package enum Engine: String, Sendable, CaseIterable {
    case sqlite
    case postgres
}

/// One transaction. Synchronous on purpose: a network call inside a transaction does not compile.
///
/// A transaction body may run more than once when the engine reports a serialisation failure or a
/// deadlock, so it must have no effect outside the transaction.
package protocol Transaction: AnyObject {
    var engine: Engine { get }

    /// The time of this transaction: the database's clock on PostgreSQL, the injected one on SQLite.
    var now: Timestamp { get }

    /// All rows of a query.
    func rows(_ sql: SQL) throws(DatabaseError) -> [Row]

    /// Runs a statement; the number of rows that it changed.
    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int

    /// Makes a change before the next statement of this body that is not deferred too, or at the latest before the
    /// commit. Changes of one body keep their order.
    ///
    /// Throws what the change means to its caller; when it was put off, that is thrown by the transaction instead.
    func submit(_ statement: DeferredStatement) throws

    /// Wakes whoever waits for `channel`, on every replica, once the transaction has committed.
    func notify(_ channel: SignalChannel, payload: String) throws(DatabaseError)
}

extension Transaction {
    /// The first row of a query, if any.
    package func row(_ sql: SQL) throws(DatabaseError) -> Row? { try rows(sql).first }

    package func submit(_ statement: DeferredStatement) throws { try statement.execute(in: self) }
}

/// When that which a transaction changed is on disk.
package enum Durability: Sendable {
    /// Before its caller goes on.
    case immediate
    /// At the latest together with whatever is written after it. Everybody sees it before its caller goes on, and only the
    /// machine's loss of power, or a crash of the PostgreSQL server, can take it back: with all that came later, never alone.
    case withTheNext
}

/// A database: a pool of readers and writers over one engine.
package protocol Database: Sendable {
    var engine: Engine { get }

    /// Runs a body that only reads, from a consistent snapshot.
    func read<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result

    /// Runs a body that may write. When this returns, its effects survive a power failure.
    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result

    /// Runs a short body that changes only rows of its `subject`, or rows that no other subject's body reads or
    /// changes. It may share its transaction with bodies of other subjects that wait at the same time: all are durable
    /// when any of them is answered that wants it, and what fails one has no effect on the others.
    @discardableResult
    func writeTogether<Result: Sendable>(
        about subject: String,
        durability: Durability,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result

    /// Payloads sent through ``Transaction/notify(_:payload:)`` from any replica, until the caller stops
    /// iterating. A signal is a hint and may be lost: a waiter also looks by itself from time to time.
    func signals(on channel: SignalChannel) -> AsyncStream<String>

    /// Answers when the database does (readiness).
    func ping() async throws

    /// Finishes what runs and closes every connection.
    func close() async
}

extension Database {
    /// On disk before the caller goes on.
    @discardableResult
    package func writeTogether<Result: Sendable>(
        about subject: String,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await writeTogether(about: subject, durability: .immediate, body)
    }

    /// By itself, unless the engine knows better.
    @discardableResult
    package func writeTogether<Result: Sendable>(
        about subject: String,
        durability: Durability,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        try await write(body)
    }
}

/// The wake-up channels between replicas, and between tasks of one process.
package enum SignalChannel: String, Sendable, CaseIterable {
    /// Payload: the id of the agent that has work, or empty for work of any server.
    case jobs = "certctl_jobs"
    /// Payload: the id of a row in `events`.
    case events = "certctl_events"
    /// Payload: the id of a changed issuer.
    case issuers = "certctl_issuers"
    /// Credentials, grants or roles changed: what was remembered about principals is void. Payload: what changed, for
    /// people; empty when signals may have been missed.
    case access = "certctl_access"
    /// Another key seals from now on. Payload: its id.
    case sealing = "certctl_sealing"
    /// A client answered a challenge. Payload: its id; empty when a server gave several back.
    case challenges = "certctl_challenges"
    /// Agents are asked about a proof, or one answered. Payload: the challenge.
    case perspectives = "certctl_perspectives"
}

/// What went wrong in a database, in terms that both engines share.
package struct DatabaseError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case uniqueViolation(constraint: String)
        case foreignKeyViolation(constraint: String)
        case checkViolation(constraint: String)
        case notNullViolation(column: String)
        /// Serialisation failure, deadlock, lock timeout: the transaction may be run again.
        case retryable
        /// The connection could not be made or was lost.
        case unavailable
        case authenticationFailed
        case permissionDenied
        case readOnly
        case diskFull
        case corrupt
        /// A mistake of ours: syntax, type, missing table.
        case statement
    }

    package let kind: Kind
    /// The five characters of PostgreSQL, or `SQLITE_<code>`.
    package let sqlState: String
    /// What the engine said, without values of the statement.
    package let message: String

    package init(kind: Kind, sqlState: String, message: String) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
    }

    package var description: String { "\(sqlState): \(message)" }
}
