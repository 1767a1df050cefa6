import Domain
import Query
import Synchronization
import Threads

/// Commits together what waits at the same time.
///
/// Work is dealt to a few lanes by its subject. A lane runs on one connection of the pool while it has work, so bodies
/// of one subject follow each other and lanes never wait for each other's rows.
final class GroupCommit: Sendable {
    /// More lanes make smaller groups, and fewer leave processors idle while a commit is flushed.
    static let laneCounts = 2...8

    private let lanes: [CommitLane]
    private let pool: ConnectionPool

    init(
        pool: ConnectionPool,
        configuration: PostgresConfiguration,
        announce: @escaping @Sendable ([Signal]) -> Void
    ) {
        self.pool = pool
        let wanted = min(max(BlockingThread.processors, Self.laneCounts.lowerBound), Self.laneCounts.upperBound)
        lanes = (0..<max(1, min(wanted, configuration.maxConnections / 2))).map { _ in
            CommitLane(pool: pool, configuration: configuration, announce: announce)
        }
    }

    func submit(_ job: any GroupJob, about subject: String, _ durability: Durability) {
        let number = Int(UInt(bitPattern: subject.hashValue) % UInt(lanes.count))
        lanes[number].submit(job, about: subject, durability)
    }

    /// Takes a job out of its lane, or has the server stop it if it runs alone.
    func cancel(_ job: any GroupJob) {
        for lane in lanes where lane.cancel(job) { return }
        pool.cancel(job)
    }

    /// Refuses work from now on; what waits in a lane that runs is still done.
    func close() {
        for lane in lanes { lane.close() }
    }
}

/// One connection's worth of work for groups.
final class CommitLane: Sendable {
    struct Entry {
        let job: any GroupJob
        let subject: String
        let durability: Durability
    }

    /// Bodies of one commit at most; a power of two.
    static let largestBatch = 64
    /// Time after which a lane that has more work lets others have the connection, should any wait for one.
    static let turn = Duration.milliseconds(100)

    private struct State {
        var waiting: [Entry] = []
        var isRunning = false
        var isClosed = false
    }

    private let pool: ConnectionPool
    private let configuration: PostgresConfiguration
    private let announce: @Sendable ([Signal]) -> Void
    private let state = Mutex(State())

    init(
        pool: ConnectionPool,
        configuration: PostgresConfiguration,
        announce: @escaping @Sendable ([Signal]) -> Void
    ) {
        self.pool = pool
        self.configuration = configuration
        self.announce = announce
    }

    func submit(_ job: any GroupJob, about subject: String, _ durability: Durability) {
        enum Step { case refuse(DatabaseError), start, wait }
        let step: Step = state.withLock { state in
            guard !state.isClosed else { return .refuse(ConnectionPool.closed) }
            guard state.waiting.count < ConnectionPool.largestQueue else { return .refuse(pool.exhausted) }
            state.waiting.append(Entry(job: job, subject: subject, durability: durability))
            if state.isRunning { return .wait }
            state.isRunning = true
            return .start
        }
        switch step {
        case .refuse(let error): job.fail(error)
        case .start: takeTurn()
        case .wait: break
        }
    }

    /// False when the job belongs to another lane. One that runs in a group runs to its end, which is near.
    func cancel(_ job: any GroupJob) -> Bool {
        let wasWaiting = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.job === job }) else { return false }
            state.waiting.remove(at: index)
            return true
        }
        if wasWaiting {
            _ = job.cancellation.cancel()
            job.fail(CancellationError())
        }
        return wasWaiting
    }

    func close() { state.withLock { $0.isClosed = true } }

    private func takeTurn() { pool.submit(LaneRun(lane: self, deadline: .now + configuration.checkoutWait)) }

    fileprivate func drain(on worker: ConnectionWorker) {
        let end = ContinuousClock.now + Self.turn
        while let batch = nextBatch() {
            let group = TransactionGroup(batch, worker: worker)
            group.run()
            if group.committed > 0 { configuration.onCommitBatch?(group.committed) }
            if !group.signals.isEmpty { announce(group.signals) }
            group.answer()
            // Each by itself, where it waits for locks, is retried and fails without the others.
            for job in group.unsettled { pool.submit(job) }
            worker.discardStale()
            if pool.hasWaiting, ContinuousClock.now >= end { return takeTurn() }
        }
    }

    fileprivate func fail(_ error: any Error) {
        let waiting = state.withLock { state in
            defer {
                state.waiting = []
                state.isRunning = false
            }
            return state.waiting
        }
        for entry in waiting { entry.job.fail(error) }
    }

    private func nextBatch() -> [Entry]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isRunning = false
                return nil
            }
            let batch = Array(state.waiting.prefix(Self.largestBatch))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }
}

/// A lane's turn on a connection.
private final class LaneRun: PoolJob {
    let deadline: ContinuousClock.Instant
    let cancellation = Cancellation()
    private let lane: CommitLane

    init(lane: CommitLane, deadline: ContinuousClock.Instant) {
        self.lane = lane
        self.deadline = deadline
    }

    func run(on worker: ConnectionWorker) { lane.drain(on: worker) }
    func fail(_ error: any Error) { lane.fail(error) }
}
