import Domain
import Query
import Synchronization
import Threads

/// Threads that each own a connection, and the transactions that wait for one.
final class ConnectionPool: Sendable {
    /// Transactions that may wait at the same time; more are refused at once.
    static let largestQueue = 10_000
    /// Idle time after which a connection above the floor is closed.
    static let linger = Duration.seconds(30)

    /// A thread that waits for work.
    private struct Parked {
        let id: Int
        let wake: WakePipe
    }

    private struct State {
        var queue = JobQueue()
        var parked: [Parked] = []
        var workers = 0
        var nextID = 0
        var isClosed = false
        var closeWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private enum Step {
        case run(any PoolJob)
        case park
        case leave
    }

    private let target: ConnectionTarget
    private let configuration: PostgresConfiguration
    private let random: RandomSource
    private let keeper: PoolKeeper
    private let state = Mutex(State())

    init(target: ConnectionTarget, configuration: PostgresConfiguration, random: RandomSource) throws {
        self.target = target
        self.configuration = configuration
        self.random = random
        keeper = try PoolKeeper()
    }

    /// Whether work waits because every connection is busy.
    var hasWaiting: Bool { state.withLock { $0.queue.count > 0 } }

    /// Hands the job to a thread, starting one if all are busy and the ceiling allows.
    func submit(_ job: any PoolJob) {
        enum Action { case refuse(DatabaseError), wake(WakePipe), start(Int), wait }
        let action: Action = state.withLock { state in
            guard !state.isClosed else { return .refuse(Self.closed) }
            guard state.queue.count < Self.largestQueue else { return .refuse(Self.exhausted(Self.largestQueue)) }
            state.queue.append(job)
            if let parked = state.parked.popLast() { return .wake(parked.wake) }
            guard state.workers < max(1, configuration.maxConnections) else { return .wait }
            state.workers += 1
            state.nextID += 1
            return .start(state.nextID)
        }
        switch action {
        case .refuse(let error): job.fail(error)
        case .wake(let pipe): pipe.wake()
        case .start(let id): start(id)
        case .wait: keeper.watch { [weak self] in self?.expireWaiting() ?? false }
        }
    }

    /// Takes a job out of the queue, or has the server stop it if it runs.
    func cancel(_ job: any PoolJob) {
        if job.cancellation.cancel() { keeper.interrupt(job.cancellation) }
        let removed = state.withLock { $0.queue.remove(job) }
        if removed { job.fail(CancellationError()) }
    }

    /// Lets what runs finish, refuses what waits, and returns when every connection is closed.
    func close() async {
        let (waiting, parked) = state.withLock { state in
            state.isClosed = true
            defer { state.parked = [] }
            return (state.queue.removeAll(), state.parked)
        }
        for job in waiting { job.fail(Self.closed) }
        for thread in parked { thread.wake.wake() }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.workers > 0 { state.closeWaiters.append(continuation) }
                return state.workers == 0
            }
            if isDone { continuation.resume() }
        }
        keeper.close()
    }

    // MARK: - Threads

    private func start(_ id: Int) {
        guard let pipe = try? WakePipe(),
            BlockingThread.start(stackSize: PostgresThread.stackSize, { [self] in work(id, wake: pipe) })
        else {
            leave()
            failWaitingIfAlone()
            return
        }
    }

    private func work(_ id: Int, wake: WakePipe) {
        let worker = ConnectionWorker(target: target, maxLifetime: configuration.maxLifetime, random: random)
        var isExpired = false
        loop: while true {
            switch next(id, wake: wake, isExpired: isExpired) {
            case .run(let job):
                isExpired = false
                job.run(on: worker)
                worker.discardStale()
            case .park:
                wake.wait(timeout: Self.linger)
                isExpired = true
            case .leave: break loop
            }
        }
        leave()
    }

    private func next(_ id: Int, wake: WakePipe, isExpired: Bool) -> Step {
        state.withLock { state in
            let now = ContinuousClock.now
            if let job = state.queue.popFirst() {
                state.parked.removeAll { $0.id == id }
                if let wait = job.waited(until: now, allowed: configuration.checkoutWait) {
                    configuration.onPoolWait?(wait)
                }
                return .run(job)
            }
            if state.isClosed { return .leave }
            let isParked = state.parked.contains { $0.id == id }
            if isExpired, isParked, state.parked.count > max(1, configuration.maxConnections / 5) {
                state.parked.removeAll { $0.id == id }
                return .leave
            }
            if !isParked { state.parked.append(Parked(id: id, wake: wake)) }
            return .park
        }
    }

    private func leave() {
        let waiters = state.withLock { state in
            state.workers -= 1
            guard state.workers == 0, state.isClosed else { return [CheckedContinuation<Void, Never>]() }
            defer { state.closeWaiters = [] }
            return state.closeWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// No thread could be started and none is left to serve the queue.
    private func failWaitingIfAlone() {
        let waiting = state.withLock { $0.workers == 0 ? $0.queue.removeAll() : [] }
        for job in waiting {
            job.fail(
                DatabaseError(
                    kind: .unavailable,
                    sqlState: "53000",
                    message: "the system gives this process no further thread or file descriptor"
                )
            )
        }
    }

    /// Refuses jobs that have waited too long; whether others still wait.
    private func expireWaiting() -> Bool {
        let (expired, isWaiting) = state.withLock { state in
            (state.queue.removeExpired(at: .now), state.queue.count > 0)
        }
        for job in expired { job.fail(Self.exhausted(configuration.maxConnections)) }
        return isWaiting
    }

    /// As a queue that is full says it.
    var exhausted: DatabaseError { Self.exhausted(configuration.maxConnections) }

    static let closed = DatabaseError(
        kind: .unavailable,
        sqlState: "08003",
        message: "the database is closed"
    )

    private static func exhausted(_ limit: Int) -> DatabaseError {
        DatabaseError(
            kind: .unavailable,
            sqlState: "53300",
            message: "no database connection became free in time; all \(limit) are busy "
                + "(CERTCTL_DATABASE_MAX_CONNS)"
        )
    }
}

extension PoolJob {
    /// How long the job waited, when it was for longer than a new thread takes to start.
    fileprivate func waited(until now: ContinuousClock.Instant, allowed: Duration) -> Duration? {
        let wait = now - (deadline - allowed)
        return wait > .milliseconds(5) ? wait : nil
    }
}

/// First in, first out, with removal from the middle.
struct JobQueue {
    private var jobs: [any PoolJob] = []
    private var head = 0

    var count: Int { jobs.count - head }

    mutating func append(_ job: any PoolJob) { jobs.append(job) }

    mutating func popFirst() -> (any PoolJob)? {
        guard head < jobs.count else { return nil }
        let job = jobs[head]
        head += 1
        if head == jobs.count || head > 256 {
            jobs.removeFirst(head)
            head = 0
        }
        return job
    }

    mutating func remove(_ job: any PoolJob) -> Bool {
        guard let index = jobs[head...].firstIndex(where: { $0 === job }) else { return false }
        jobs.remove(at: index)
        return true
    }

    mutating func removeExpired(at now: ContinuousClock.Instant) -> [any PoolJob] {
        let waiting = jobs[head...]
        let expired = waiting.filter { $0.deadline <= now }
        guard !expired.isEmpty else { return [] }
        jobs = waiting.filter { $0.deadline > now }
        head = 0
        return expired
    }

    mutating func removeAll() -> [any PoolJob] {
        defer {
            jobs = []
            head = 0
        }
        return Array(jobs[head...])
    }
}
