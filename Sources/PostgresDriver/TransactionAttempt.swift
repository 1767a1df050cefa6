import Domain
import Query
import Threads

/// What a transaction may do.
enum TransactionMode {
    case read
    case write

    /// The statement that opens it.
    var begin: StaticString {
        switch self {
        case .read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        case .write: "BEGIN ISOLATION LEVEL READ COMMITTED"
        }
    }
}

/// Runs a body in a transaction, again when the engine asks for it (operations §7.1).
struct TransactionAttempt {
    /// Runs of one body at most.
    static let limit = 4

    let mode: TransactionMode
    let worker: ConnectionWorker
    let cancellation: Cancellation

    private var runs = 0
    private var hasReconnected = false

    init(mode: TransactionMode, worker: ConnectionWorker, cancellation: Cancellation) {
        self.mode = mode
        self.worker = worker
        self.cancellation = cancellation
    }

    /// The result of the body and its signals, once they are committed.
    mutating func run<Result>(
        _ body: (any Transaction) throws -> Result
    ) throws -> (result: Result, signals: [Signal]) {
        while true {
            let session = try worker.session()
            cancellation.attach(session.cancelToken)
            defer { cancellation.attach(0) }
            // Who cancels from here on sees that a connection is attached.
            guard !cancellation.isCancelled else { throw CancellationError() }
            do {
                return try once(body, in: session)
            } catch let failure as AttemptFailure {
                runs += 1
                guard mayRunAgain(after: failure, session: session) else { throw failure.reported }
            }
            BlockingThread.pause(worker.backOff(run: runs))
        }
    }

    private mutating func mayRunAgain(after failure: AttemptFailure, session: PostgresSession) -> Bool {
        guard !failure.outcomeIsUnknown, !cancellation.isCancelled, runs < Self.limit else { return false }
        if !session.isAlive {
            // One new connection: a server that is gone for longer is the caller's to wait for.
            guard !hasReconnected else { return false }
            hasReconnected = true
            return true
        }
        return failure.engineError?.kind == .retryable
    }

    private func once<Result>(
        _ body: (any Transaction) throws -> Result,
        in session: PostgresSession
    ) throws -> (result: Result, signals: [Signal]) {
        let transaction = PostgresTransaction(mode, worker: worker, session: session)
        let result: Result
        do {
            result = try body(transaction)
        } catch {
            rollBack(session)
            throw AttemptFailure(engineError: transaction.failure ?? error as? DatabaseError, reported: error)
        }
        if let failure = transaction.failure {
            rollBack(session)
            throw AttemptFailure(engineError: failure, reported: failure)
        }
        guard transaction.isBegun else { return (result, transaction.signals) }
        do throws(DatabaseError) {
            try session.commit()
        } catch {
            rollBack(session)
            throw commitFailure(error, in: session)
        }
        return (result, transaction.signals)
    }

    /// A connection that broke during COMMIT may have committed: nobody may run the body again.
    private func commitFailure(_ error: DatabaseError, in session: PostgresSession) -> AttemptFailure {
        guard !session.isAlive, mode == .write else { return AttemptFailure(engineError: error, reported: error) }
        return AttemptFailure(engineError: error, reported: Self.unknownOutcome, outcomeIsUnknown: true)
    }

    static let unknownOutcome = DatabaseError(
        kind: .unavailable,
        sqlState: "08007",
        message: "the connection was lost during COMMIT, so the change may or may not have been made; "
            + "look before trying again"
    )

    private func rollBack(_ session: PostgresSession) {
        guard session.isAlive, session.isInTransaction else { return }
        // If it fails the connection is broken, and the worker opens another.
        _ = try? session.command("ROLLBACK")
    }
}

/// Why one run of a body did not commit.
struct AttemptFailure: Error {
    /// What the engine said, also when the body turned it into another error.
    let engineError: DatabaseError?
    /// What the caller gets.
    let reported: any Error
    var outcomeIsUnknown = false
}
