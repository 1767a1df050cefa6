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
    private let profiles = KnownProfiles()

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
                            let isPutOff = await work(on: job)
                            if atWork.leave(job.challenge.type) || isPutOff { alarm.ring() }
                        }
                    }
                    await alarm.wait(atMost: pause, by: context.time)
                } catch is CancellationError {
                    return
                } catch {
                    log.warning("challenges can't be taken up now", metadata: ["error": "\(error)"])
                    await alarm.wait(atMost: Self.failureDelay, by: context.time)
                }
            }
        }
    }

    /// What is due and finds a place, and how long until anything else may be.
    private func takeUp(_ atWork: AtWork) async throws -> ([ACMEValidationJob], pause: Duration) {
        let limits = plan().validations
        var (due, now) = try await context.read { tx in (try challenges.due(in: tx), tx.now) }
        var claimed: [ACMEValidationJob] = []
        var places: [ACMEChallengeType: Int] = [:]
        for (type, time) in due where time <= now {
            let free = (limits[type] ?? 0) - atWork.count(type)
            if free > 0 { places[type] = free }
        }
        if !places.isEmpty {
            (claimed, due, now) = try await claim(places)
            for job in claimed { atWork.enter(job.challenge.type) }
        }
        var pause = Self.interval
        for (type, time) in due {
            guard let limit = limits[type], time > now || !atWork.awaitPlace(type, of: limit) else { continue }
            pause = min(pause, time - now)
        }
        return (claimed, max(pause, .milliseconds(20)))
    }

    /// Takes up what is due, as much of each type as there are places.
    ///
    /// - Returns: It, and when each type is due from then on, by the clock of the database.
    func claim(
        _ places: [ACMEChallengeType: Int]
    ) async throws -> (jobs: [ACMEValidationJob], due: [ACMEChallengeType: Timestamp], now: Timestamp) {
        try await context.write { tx in
            let jobs = try places.flatMap { type, limit in
                try challenges.claim(type, by: instance, for: Self.lease, limit: limit, in: tx)
            }
            return (jobs, try challenges.due(in: tx), tx.now)
        }
    }

    /// One attempt and its outcome. True when there is to be another attempt.
    @discardableResult
    func work(on job: ACMEValidationJob) async -> Bool {
        let start = context.time.now
        do {
            guard let (outcome, tally) = try await outcome(of: job) else { return false }
            // What a cancelled attempt found means nothing.
            try Task.checkCancellation()
            guard try await flow.settle(job, outcome, tally: tally, by: instance) else { return false }
            if let tally { observeVotes(tally) }
            observe(job.challenge.type, outcome.result, context.time.now - start)
            return outcome.result == .retried
        } catch is CancellationError {
            return false
        } catch {
            log.error(
                "the outcome of a validation could not be stored; it is repeated",
                metadata: ["challenge": "\(job.challenge.id.text)", "error": "\(error)"])
            return false
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
        if let known = profiles.profile(job.profileID, in: job.profileMark) {
            return plan.witnesses(under: known.fields)
        }
        let profile = try await context.read { tx in try profiles.profile(job.profileID, in: job.profileMark, or: tx) }
        guard let profile else { throw StoreError.notFound(.profile, id: job.profileID.text) }
        return plan.witnesses(under: profile.fields)
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
    private struct State {
        var counts: [ACMEChallengeType: Int] = [:]
        /// Of which more is due than there are places.
        var crowded: Set<ACMEChallengeType> = []
    }

    private let state = Mutex(State())

    func count(_ type: ACMEChallengeType) -> Int { state.withLock { $0.counts[type] ?? 0 } }
    func enter(_ type: ACMEChallengeType) { state.withLock { $0.counts[type, default: 0] += 1 } }

    /// True when somebody waits for the place.
    func leave(_ type: ACMEChallengeType) -> Bool {
        state.withLock { state in
            state.counts[type, default: 0] -= 1
            return state.crowded.remove(type) != nil
        }
    }

    /// Has the next one who leaves told that somebody waits; false when there is a place already.
    func awaitPlace(_ type: ACMEChallengeType, of limit: Int) -> Bool {
        state.withLock { state in
            guard state.counts[type] ?? 0 >= limit else { return false }
            state.crowded.insert(type)
            return true
        }
    }
}
