import Domain
import HostEffects
import Logging
import Synchronization
import Telemetry

/// What the services of one running agent share.
struct AgentSession: Sendable {
    let controlPlane: ControlPlane
    let state: StateDirectory
    let jobs: JobQueue
    let timing: LiveTiming
    let targetDefaults: LiveTargetDefaults
    let vitals: AgentVitals
    let retirement: Retirement
    /// Raised when a report was stored.
    let reportStored = Wakeup()
    /// Raised when the control plane answers again after failures.
    let reconnected = Wakeup()
    let time: TimeSource
    let random: RandomSource
    let log: Logger
}

/// The jobs in hand, and the signals that move them.
final class JobQueue: Sendable {
    private let board: Mutex<JobBoard>
    /// Raised when a job may be ready to start.
    let runnable = Wakeup()
    /// Raised when a job ended, so that there may be room and follow-up work.
    let freed = Wakeup()

    private let lastTurn = Mutex<Int64>(0)

    init(maxParallel: Int) { board = Mutex(JobBoard(maxParallel: maxParallel)) }

    /// The number of the next question for work: the time in microseconds, so that a restarted agent goes on above those
    /// of the process before it.
    func nextTurn(at now: Timestamp) -> Int64 {
        lastTurn.withLock { last in
            last = max(last + 1, now.microsecondsSinceEpoch)
            return last
        }
    }

    var heldJobs: [JobID] { board.withLock { $0.heldJobs } }
    var knownJobs: [JobID] { board.withLock { $0.knownJobs } }
    var hasRoom: Bool { board.withLock { $0.hasRoom } }

    func admit(_ assignment: Assignment, at now: Timestamp) -> JobBoard.Admission {
        let admission = board.withLock { $0.admit(assignment, at: now) }
        if admission == .admitted { runnable.raise() }
        return admission
    }

    func takeNext() -> Assignment? { board.withLock { $0.takeNext() } }

    func abandonQueue() -> [JobID] { board.withLock { $0.abandonQueue() } }

    /// Marks an attempt as done that was never admitted.
    ///
    /// - Returns: False when the attempt is known already.
    func settleUnlessKnown(_ job: JobID, attempt: Int) -> Bool {
        board.withLock { board in
            if board.knows(job, attempt: attempt) { return false }
            board.settle(job, attempt: attempt)
            return true
        }
    }

    /// Applies the end of a job, then lets the next one start and more work be asked for.
    func end(_ change: (inout JobBoard) -> Void) {
        board.withLock { change(&$0) }
        runnable.raise()
        freed.raise()
    }
}

/// Intervals in force: the agent's own settings until a heartbeat answer changes them.
final class LiveTiming: Sendable {
    struct Intervals: Hashable, Sendable {
        var heartbeat: Duration
        var poll: Duration
        /// How long the control plane may hold a question for work; zero asks without waiting.
        var pollWait: Duration
    }

    /// What a control plane may set an interval to.
    static let bounds = Duration.seconds(1)...Duration.hours(1)

    private let intervals: Mutex<Intervals>

    init(_ intervals: Intervals) { self.intervals = Mutex(intervals) }

    var current: Intervals { intervals.withLock { $0 } }

    /// Takes what a heartbeat answer prescribes; what is absent or out of bounds changes nothing.
    ///
    /// - Returns: Whether anything changed.
    func apply(heartbeat: Duration?, poll: Duration?) -> Bool {
        intervals.withLock { intervals in
            let before = intervals
            if let heartbeat, Self.bounds.contains(heartbeat) { intervals.heartbeat = heartbeat }
            if let poll, Self.bounds.contains(poll) { intervals.poll = poll }
            return intervals != before
        }
    }
}

/// The status record in memory, written to the state directory when it changes.
final class AgentVitals: Sendable {
    private let record: Mutex<AgentStatusRecord>
    private let file: StatusFile
    private let log: Logger

    init(_ record: AgentStatusRecord, file: StatusFile, log: Logger) {
        self.record = Mutex(record)
        self.file = file
        self.log = log
    }

    var current: AgentStatusRecord { record.withLock { $0 } }

    func update(_ change: (inout AgentStatusRecord) -> Void) async {
        let changed = record.withLock { record in
            change(&record)
            return record
        }
        do {
            try await BlockingWork.run { [file] in try file.write(changed) }
        } catch {
            log.warn("cannot write the status file", .error(error))
        }
    }
}

/// The end of this agent's life, once the control plane announced it.
final class Retirement: Sendable {
    /// Raised by the first announcement.
    let announced = Wakeup()
    private let reason = Mutex<String?>(nil)
    private let marker: RetirementMarker
    private let agent: AgentID
    private let time: TimeSource
    private let log: Logger

    init(marker: RetirementMarker, agent: AgentID, time: TimeSource, log: Logger) {
        self.marker = marker
        self.agent = agent
        self.time = time
        self.log = log
    }

    var isAnnounced: Bool { reason.withLock { $0 != nil } }

    /// Records the announcement, in the log and in the state directory, the first time it comes.
    func announce(_ error: ControlPlaneError, on exchange: String) async {
        let isFirst = reason.withLock { reason -> Bool in
            guard reason == nil else { return false }
            reason = error.message
            return true
        }
        guard isFirst else { return }
        log.error(
            "the control plane retired this agent; it stops and stays stopped until it is enrolled again",
            .agent(agent), LogField("exchange", "\(exchange)"), LogField("reason", "\(error.message)")
        )
        do {
            let now = time.now
            try await BlockingWork.run { [marker, agent] in
                try marker.set(reason: error.message, agent: agent, at: now)
            }
        } catch {
            log.error("cannot write the retirement marker", .error(error))
        }
        announced.raise()
    }
}
