package import Domain
package import Logging
import Query
import Store
import Synchronization

/// Validates answered challenges on every replica, as many at a time as the settings allow for each type
/// (protocol-servers §2.8, ADR-0023).
///
/// A challenge is a row with a lease: whoever holds it makes one attempt and writes the outcome, and a server that dies
/// loses it when the lease ends. It is no loop of the table, since runs of a loop end before the next begins, and an answer
/// must not wait for the slowest of others.
package struct ACMEValidationPool: Sendable {
    /// The longest that one attempt may take.
    static let longestAttempt = Duration.seconds(15)
    /// The shortest that one is given, however late it is.
    static let shortestAttempt = Duration.seconds(5)
    /// The longest that a look at CAA records may take after it.
    package static let longestCAACheck = Duration.seconds(8)
    /// How long a server that died keeps others from its challenges.
    static let lease = Duration.seconds(25)
    /// A challenge over which so many servers died is given up.
    static let mostAttempts = 10
    /// How often to look for work that nobody told of.
    private static let interval = Duration.seconds(5)
    private static let failureDelay = Duration.seconds(2)

    private let context: LifecycleContext
    private let instance: String
    private let flow: ACMEChallengeFlow
    private let plan: @Sendable () -> ACMEPlan
    private let validate: ACMEValidator
    private let checkCAA: ACMECAACheck
    private let perspectives: ACMEPerspectiveFlow
    private let observeVotes: @Sendable (ACMEPerspectiveTally) -> Void
    private let observe: @Sendable (ACMEChallengeType, ACMEValidationResult, Duration) -> Void
    private let log: Logger
    private let challenges = ACMEChallengeStore()

    /// - `instance`: A name of this process that no other one ever had.
    package init(
        _ context: LifecycleContext, instance: String, plan: @escaping @Sendable () -> ACMEPlan,
        validate: @escaping ACMEValidator, checkCAA: @escaping ACMECAACheck, perspectives: ACMEPerspectiveFlow,
        observeVotes: @escaping @Sendable (ACMEPerspectiveTally) -> Void,
        observe: @escaping @Sendable (ACMEChallengeType, ACMEValidationResult, Duration) -> Void, log: Logger
    ) {
        self.context = context
        self.instance = instance
        flow = ACMEChallengeFlow(context)
        self.plan = plan
        self.validate = validate
        self.checkCAA = checkCAA
        self.perspectives = perspectives
        self.observeVotes = observeVotes
        self.observe = observe
        self.log = log
    }

    /// Works until the task is cancelled; attempts under way end with it, and nothing is written of them.
    package func run() async {
        let alarm = Alarm()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in context.database.signals(on: .challenges) { alarm.ring() }
            }
            group.addTask { await dispatch(alarm) }
            // The signals end with the database; until the task is cancelled there is work all the same.
            await group.waitForAll()
        }
    }

    /// Lets others take up what ``run()`` was at when it was cancelled.
    package func giveBack() async throws {
        try await context.write { tx in _ = try challenges.giveBack(by: instance, in: tx) }
    }

    private func dispatch(_ alarm: Alarm) async {
        let atWork = AtWork()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                do {
                    let (claimed, pause) = try await takeUp(atWork)
                    for job in claimed {
                        group.addTask {
                            await work(on: job)
                            atWork.leave(job.challenge.type)
                            alarm.ring()
                        }
                    }
                    if claimed.isEmpty { await alarm.wait(atMost: pause, by: context.time) }
                } catch is CancellationError {
                    return
                } catch {
                    log.warning("challenges can't be taken up now", metadata: ["error": "\(error)"])
                    await alarm.wait(atMost: Self.failureDelay, by: context.time)
                }
            }
        }
    }

    /// What is due and finds a place; without any, how long until something may be.
    private func takeUp(_ atWork: AtWork) async throws -> ([ACMEValidationJob], pause: Duration) {
        let plan = plan()
        let (due, now) = try await context.read { tx in (try challenges.due(in: tx), tx.now) }
        var claimed: [ACMEValidationJob] = []
        var pause = Self.interval
        for (type, time) in due {
            let free = (plan.validations[type] ?? 0) - atWork.count(type)
            guard free > 0 else { continue }
            guard time <= now else {
                pause = min(pause, time - now)
                continue
            }
            let jobs = try await claim(type, limit: free)
            atWork.enter(type, jobs.count)
            claimed += jobs
        }
        return (claimed, max(pause, .milliseconds(20)))
    }

    func claim(_ type: ACMEChallengeType, limit: Int) async throws -> [ACMEValidationJob] {
        try await context.write { tx in
            try challenges.claim(type, by: instance, for: Self.lease, limit: limit, in: tx)
        }
    }

    /// One attempt and its outcome.
    func work(on job: ACMEValidationJob) async {
        let start = context.time.now
        do {
            guard let (outcome, tally) = try await outcome(of: job) else { return }
            // What a cancelled attempt found means nothing.
            try Task.checkCancellation()
            guard try await flow.settle(job, outcome, tally: tally, by: instance) else { return }
            if let tally { observeVotes(tally) }
            observe(job.challenge.type, outcome.result, context.time.now - start)
        } catch is CancellationError {
            return
        } catch {
            log.error(
                "the outcome of a validation could not be stored; it is repeated",
                metadata: ["challenge": "\(job.challenge.id.text)", "error": "\(error)"])
        }
    }

    /// `nil` when another server has taken the challenge up meanwhile.
    private func outcome(
        of job: ACMEValidationJob
    ) async throws -> (ACMEChallengeFlow.Outcome, ACMEPerspectiveTally?)? {
        guard job.isWanted, job.challenge.attempts <= Self.mostAttempts else {
            let fault = ACMEFault(.serverInternal, "the validation could not be completed", isTransient: false)
            return (.invalid(fault), nil)
        }
        let plan = plan()
        var fault = await ownFault(job, under: plan)
        var tally: ACMEPerspectiveTally?
        // Agents are asked about what this server saw, and about nothing else.
        if fault == nil {
            let witnesses = try await witnesses(of: job, under: plan)
            if !witnesses.perspectives.isEmpty {
                try Task.checkCancellation()
                guard let said = try await perspectives.ask(job, by: instance, of: witnesses) else { return nil }
                tally = said
            }
            fault = tally?.fault
        }
        guard let fault else { return (.valid, tally) }
        let next = ACMERetrySchedule.next(
            after: job.challenge.attempts, answeredAt: job.answeredAt, now: context.time.now,
            within: plan.validationTimeout)
        guard fault.isTransient, let next else { return (.invalid(fault), tally) }
        return (.again(at: next, fault), tally)
    }

    /// Who has to confirm a proof: as the profile of the order says, or that of the account where there is no order.
    private func witnesses(of job: ACMEValidationJob, under plan: ACMEPlan) async throws -> ACMEWitnesses {
        let fields = try await context.read { tx in try ProfileStore().get(job.profileID, in: tx).fields }
        return plan.witnesses(under: fields)
    }

    /// What keeps this server from seeing the proof, or CAA records from allowing the certificate.
    private func ownFault(_ job: ACMEValidationJob, under plan: ACMEPlan) async -> ACMEFault? {
        let rest = job.answeredAt + plan.validationTimeout - context.time.now
        do throws(ACMEFault) {
            try await validate(ACMEAttempt(job), min(max(rest, Self.shortestAttempt), Self.longestAttempt))
            guard plan.checksCAA(under: .challenge) else { return nil }
            try await checkCAA(
                ACMECAAQuestion(
                    name: job.identifier, isWildcard: job.isWildcard, method: job.challenge.type,
                    accountID: job.accountID, profileID: job.accountProfileID))
            return nil
        } catch {
            return error
        }
    }
}

extension ACMEChallengeFlow.Outcome {
    var result: ACMEValidationResult {
        switch self {
        case .valid: .valid
        case .invalid: .invalid
        case .again: .retried
        }
    }
}

/// How many validations of each type a server is at.
private final class AtWork: Sendable {
    private let counts = Mutex<[ACMEChallengeType: Int]>([:])

    func count(_ type: ACMEChallengeType) -> Int { counts.withLock { $0[type] ?? 0 } }
    func enter(_ type: ACMEChallengeType, _ count: Int) { counts.withLock { $0[type, default: 0] += count } }
    func leave(_ type: ACMEChallengeType) { counts.withLock { $0[type, default: 0] -= 1 } }
}
