import Domain

/// Which jobs this agent holds, and which of them may run next. Pure: no clock, no tasks.
///
/// A job is held from admission until it finished, once at a time; assignments that exclude each other run one after
/// the other; a finished attempt that the control plane offers again before it saw the report is not repeated.
struct JobBoard: Sendable {
    /// What became of an offered assignment.
    enum Admission: Hashable, Sendable, CaseIterable {
        case admitted
        /// The job is queued or running here already.
        case held
        /// This attempt, or a later one, is finished; its report is on the way.
        case settled
        /// The job waits out a pause after a failure that nobody reports.
        case resting
        /// No room; the lease expires and the control plane offers the job again.
        case full
    }

    /// As many as a control plane sends with one answer.
    static let queueLimit = 50
    private static let memoryLimit = 512
    private static let leftLimit = 32

    let maxParallel: Int
    private var queue: [Assignment] = []
    private var running: [JobID: Assignment] = [:]
    private var settled: [(job: JobID, attempt: Int)] = []
    private var resting: [(job: JobID, failures: Int, until: Timestamp)] = []
    private var left: [JobID] = []

    init(maxParallel: Int) { self.maxParallel = max(1, maxParallel) }

    /// The jobs that the heartbeat names, so that their leases are extended.
    var heldJobs: [JobID] { (running.keys + queue.map(\.job)).sorted() }

    /// The jobs that the control plane is not to give again at once: those held, and those that this agent left without a
    /// report, which come back when their leases end.
    var knownJobs: [JobID] { Array(Set(heldJobs + left)).sorted() }

    /// Whether asking for more work makes sense: a claimed job that cannot start only wears its lease down.
    var hasRoom: Bool { running.count + queue.count < maxParallel }

    var isIdle: Bool { running.isEmpty && queue.isEmpty }

    mutating func admit(_ offered: Assignment, at now: Timestamp) -> Admission {
        let job = offered.job
        if running[job] != nil || queue.contains(where: { $0.job == job }) { return .held }
        if isSettled(job, attempt: offered.attempt) { return .settled }
        if let rest = resting.first(where: { $0.job == job }), rest.until > now { return .resting }
        if queue.count >= Self.queueLimit { return .full }
        left.removeAll { $0 == job }
        queue.append(offered)
        return .admitted
    }

    /// Whether the attempt is in hand or finished.
    func knows(_ job: JobID, attempt: Int) -> Bool {
        running[job] != nil || queue.contains { $0.job == job } || isSettled(job, attempt: attempt)
    }

    private func isSettled(_ job: JobID, attempt: Int) -> Bool {
        settled.contains { $0.job == job && $0.attempt >= attempt }
    }

    /// The next assignment that may start; the caller runs it and calls ``finish(_:)``.
    mutating func takeNext() -> Assignment? {
        guard running.count < maxParallel else { return nil }
        let occupied = Set(running.values.map(\.exclusivity))
        guard let index = queue.firstIndex(where: { !occupied.contains($0.exclusivity) }) else { return nil }
        let next = queue.remove(at: index)
        running[next.job] = next
        return next
    }

    /// The attempt has its report: it is not done again.
    mutating func settle(_ job: JobID, attempt: Int) {
        finish(job)
        settled.removeAll { $0.job == job }
        resting.removeAll { $0.job == job }
        settled.append((job, attempt))
        if settled.count > Self.memoryLimit { settled.removeFirst() }
    }

    /// The attempt ended, and no report of it reaches the control plane: the job is left to its lease, because the same
    /// attempt is not done again.
    mutating func leave(_ job: JobID) {
        left.removeAll { $0 == job }
        left.append(job)
        if left.count > Self.leftLimit { left.removeFirst() }
    }

    /// The attempt ended without a report; the job may be offered again after a pause that grows with each failure.
    mutating func rest(_ job: JobID, at now: Timestamp, cadence: Cadence, random: RandomSource) {
        finish(job)
        let failures = 1 + (resting.first { $0.job == job }?.failures ?? 0)
        resting.removeAll { $0.job == job }
        resting.append((job, failures, now + cadence.delay(failures: failures, random: random)))
        if resting.count > Self.memoryLimit { resting.removeFirst() }
    }

    /// The job left this host without a report and without a pause.
    mutating func finish(_ job: JobID) { running[job] = nil }

    /// Gives up what has not started, at shutdown; the leases expire and the jobs are offered again.
    mutating func abandonQueue() -> [JobID] {
        defer { queue = [] }
        return queue.map(\.job)
    }
}
