import APIContract
import Domain
import Encoding
import Settings

/// Follows jobs until they end, with every change of state on standard error.
///
/// The server's event stream wakes it up; the state itself always comes from the job, so that a missed or
/// unsupported event costs time and never the truth.
struct JobWatcher {
    /// How long one long poll of the event stream may take, in seconds.
    static let pollSeconds = 10
    /// Pauses between looks when there is no event stream: doubled up to the second number.
    static let pauses = (first: Duration.milliseconds(500), longest: Duration.seconds(5))

    let session: Session
    /// The most that is waited for all jobs together.
    let limit: Duration

    /// Waits until every job has ended.
    ///
    /// - Returns: the jobs as they ended.
    /// - Throws: ``CLIFailure/waitTimedOut(_:)`` and ``CLIFailure/jobFailed(_:)``.
    @discardableResult
    func wait(for ids: [String]) async throws(CLIFailure) -> [JSONValue] {
        let deadline = session.environment.time.now + limit
        var wakeUp = EventWakeUp(session: session)
        await wakeUp.start()
        var seen: [String: String] = [:]
        var ended: [String: JSONValue] = [:]
        while true {
            for id in ids where ended[id] == nil {
                let job = try await session.client.call("GET", APIPath(["jobs", id])).json()
                let status = job["status"]?.stringValue ?? ""
                if seen.updateValue(status, forKey: id) != status { announce(id, status, job) }
                if Self.hasEnded(job) { ended[id] = job }
            }
            if ended.count == Set(ids).count { break }
            guard session.environment.time.now < deadline else {
                let open = ids.filter { ended[$0] == nil }.joined(separator: ", ")
                throw .waitTimedOut("not finished after \(DurationText.text(limit)): \(open)")
            }
            await wakeUp.next(before: deadline)
        }
        let jobs = ids.compactMap { ended[$0] }
        let failures = jobs.filter { $0["status"]?.stringValue != JobStatus.completed.rawValue }
        guard failures.isEmpty else { throw .jobFailed(failures.map(Self.failure).joined(separator: "\n")) }
        return jobs
    }

    /// Failed jobs with attempts left are tried again by the server: only the last failure ends them.
    private static func hasEnded(_ job: JSONValue) -> Bool {
        switch job["status"]?.stringValue.flatMap(JobStatus.init(rawValue:)) {
        case .completed, .cancelled: true
        case .failed:
            job["attempts"]?.integerValue ?? 0 >= job["max_attempts"]?.integerValue ?? 0
                || job["error_class"]?.stringValue == JobErrorClass.permanent.rawValue
        case .pending, .awaitingCSR, .awaitingApproval, .running, nil: false
        }
    }

    private func announce(_ id: String, _ status: String, _ job: JSONValue) {
        let type = job["type"]?.stringValue ?? "Job"
        let attempt = job["attempts"]?.integerValue.map { $0 > 1 ? " (attempt \($0))" : "" } ?? ""
        let error = job["last_error"]?.stringValue.map { status == "Failed" ? ": \($0)" : "" } ?? ""
        session.progress("\(type) \(id): \(status)\(attempt)\(error)")
    }

    private static func failure(_ job: JSONValue) -> String {
        let error = job["last_error"]?.stringValue.map { ": \($0)" } ?? ""
        return "job \(job["id"]?.stringValue ?? "") ended \(job["status"]?.stringValue ?? "")\(error)"
    }
}

/// Wakes a waiting command when a job may have changed.
struct EventWakeUp {
    let session: Session
    private var position: String?
    private var hasEvents = true
    private var pause = JobWatcher.pauses.first

    init(session: Session) { self.session = session }

    /// Takes the present position in the stream, so that nothing after it is missed.
    mutating func start() async { await poll(seconds: 0) }

    /// Returns at the next event of a job, or after a while.
    mutating func next(before deadline: Timestamp) async {
        let left = deadline - session.environment.time.now
        if hasEvents {
            await poll(seconds: max(1, min(JobWatcher.pollSeconds, Int(left.inSeconds))))
            if hasEvents { return }
        }
        try? await session.environment.time.sleep(min(pause, max(left, .milliseconds(10))))
        pause = min(pause * 2, JobWatcher.pauses.longest)
    }

    private mutating func poll(seconds: Int) async {
        var query = [(name: "types", value: "job.*"), (name: "wait", value: String(seconds))]
        if let position { query.append((name: "since", value: position)) }
        do {
            let answer = try await session.client.call(
                "GET",
                APIPath(["events"], query: query),
                timeout: .seconds(seconds) + .seconds(15)
            )
            guard let page = EventPage(wire: try answer.json()) else {
                hasEvents = false
                return
            }
            position = page.lastEventID
        } catch {
            // Events are a convenience: an old server or a missing permission only makes the waiting coarser.
            hasEvents = false
        }
    }
}
