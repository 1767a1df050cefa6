package import Domain
package import Logging
package import Query
import Store

/// Runs the loop table: each loop in its own task, never two runs of one loop at a time in this process.
///
/// Due times are stored, so a restart neither fires everything at once nor puts off what was nearly due. The runner
/// owns no timer besides `TimeSource.sleep`; cancelling ``run()`` ends every wait at once and cancels a running tick.
package struct LoopRunner: Sendable {
    /// The longest sleep between two looks at the clock. Bounds how late a loop is after the wall clock stepped forward.
    private static let slice = Duration.seconds(10)
    /// How often a loop of the leader looks whether this process leads, which costs nothing. Bounds how long a new leader
    /// waits before it takes up the loops.
    private static let candidateInterval = Duration.milliseconds(500)
    /// How often a loop asks whether work came up before its due time.
    private static let nextWorkInterval = Duration.seconds(30)
    /// The wait after a failure to read or write the stored state.
    private static let storeFailureDelay = Duration.seconds(5)

    let loops: [Loop]
    let leadership: Leadership
    let database: any Database
    let time: TimeSource
    let random: RandomSource
    let log: Logger
    let observe: @Sendable (LoopRun) -> Void

    /// - `observe`: Called after every run, for metrics.
    package init(
        loops: [Loop],
        leadership: Leadership,
        database: any Database,
        time: TimeSource,
        random: RandomSource,
        log: Logger,
        observe: @escaping @Sendable (LoopRun) -> Void = { _ in }
    ) {
        precondition(Set(loops.map(\.name)).count == loops.count, "two loops share a name")
        self.loops = loops
        self.leadership = leadership
        self.database = database
        self.time = time
        self.random = random
        self.log = log
        self.observe = observe
    }

    /// Runs every loop until the task is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            for loop in loops {
                group.addTask { await self.run(loop) }
            }
            await group.waitForAll()
        }
    }

    /// One loop for ever: wait until due, run, store the next due time.
    private func run(_ loop: Loop) async {
        var due: Timestamp?
        var askedAt: Timestamp?
        while !Task.isCancelled {
            do {
                guard mayRun(loop) else {
                    due = nil
                    try await time.sleep(Self.candidateInterval)
                    continue
                }
                var next = try await resolved(due, of: loop)
                if let nextWork = loop.nextWork, isTimeToAsk(askedAt) {
                    askedAt = time.now
                    if let wakeAt = try await nextWork() { next = min(next, wakeAt) }
                }
                due = next
                let now = time.now
                guard now >= next else {
                    try await time.sleep(min(next - now, Self.slice))
                    continue
                }
                due = try await runOnce(loop)
            } catch is CancellationError {
                return
            } catch {
                log.warning(
                    "loop state is unavailable", metadata: ["loop": "\(loop.name.rawValue)", "error": "\(error)"])
                do { try await time.sleep(Self.storeFailureDelay) } catch { return }
            }
        }
    }

    private func mayRun(_ loop: Loop) -> Bool {
        switch loop.placement {
        case .everyReplica: true
        case .leader: leadership.currentEpoch != nil
        }
    }

    private func isTimeToAsk(_ askedAt: Timestamp?) -> Bool {
        guard let askedAt else { return true }
        let sinceThen = time.now - askedAt
        return sinceThen < .zero || sinceThen >= Self.nextWorkInterval
    }

    private func resolved(_ due: Timestamp?, of loop: Loop) async throws -> Timestamp {
        if let due { return DueTime.corrected(due, now: time.now, interval: loop.interval) }
        let name = loop.name.rawValue
        let stored = try await database.read { try LoopStateStore().state(of: name, in: $0)?.nextDueAt }
        let due = DueTime.atStart(
            stored: stored,
            now: time.now,
            interval: loop.interval,
            isDueAtFirstStart: loop.isDueAtFirstStart
        )
        if let stored, due < stored {
            // Kept, or every restart and every new leader would begin that wait anew.
            try await database.write { tx in try LoopStateStore().advance(name, to: due, in: tx) }
        }
        return due
    }
}

extension LoopRunner {
    /// One run within its budget, and its entry in the stored state; the next due time.
    func runOnce(_ loop: Loop) async throws -> Timestamp {
        let startedAt = time.now
        let epoch = leadership.currentEpoch ?? 0
        let (result, wakeAt) = try await outcome(of: loop, startedAt: startedAt)
        let finishedAt = time.now
        let due = DueTime.after(
            runEndingAt: finishedAt,
            interval: loop.interval,
            wakeAt: wakeAt,
            unit: random.unitInterval()
        )
        let run = LoopRun(loop: loop.name, startedAt: startedAt, finishedAt: finishedAt, result: result)
        report(run)
        try await database.write { tx in
            try LoopStateStore().record(
                loop.name.rawValue,
                startedAt: startedAt,
                finishedAt: finishedAt,
                result: run.result.stored,
                error: run.result.reason,
                nextDueAt: due,
                epoch: epoch,
                in: tx
            )
        }
        return due
    }

    private func outcome(of loop: Loop, startedAt: Timestamp) async throws -> (LoopRun.Result, Timestamp?) {
        do {
            let outcome = try await withThrowingTaskGroup(of: LoopOutcome?.self) { group in
                group.addTask { try await loop.tick(startedAt) }
                group.addTask {
                    try await self.time.sleep(loop.budget)
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let outcome else { return (.outOfTime, time.now) }
            return (.succeeded(rows: outcome.rows), outcome.wakeAt)
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch is LostLeadership {
            return (.lostLeadership, nil)
        } catch StoreError.leadershipLost {
            return (.lostLeadership, nil)
        } catch {
            return (.failed(reason: "\(error)"), nil)
        }
    }

    private func report(_ run: LoopRun) {
        observe(run)
        switch run.result {
        case .failed(let reason):
            log.error("a loop failed", metadata: ["loop": "\(run.loop.rawValue)", "error": "\(reason)"])
        case .outOfTime:
            log.warning("a loop used up its time; the rest follows", metadata: ["loop": "\(run.loop.rawValue)"])
        case .succeeded, .lostLeadership:
            log.debug("a loop ran", metadata: ["loop": "\(run.loop.rawValue)", "result": "\(run.result)"])
        }
    }
}

extension LoopRun.Result {
    var stored: LoopResult {
        switch self {
        case .succeeded: .success
        case .failed: .failure
        case .outOfTime, .lostLeadership: .cancelled
        }
    }

    var reason: String? {
        switch self {
        case .succeeded: nil
        case .failed(let reason): reason
        case .outOfTime: "the time limit of one run was reached"
        case .lostLeadership: "another server leads"
        }
    }
}
