import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Work that was given to an agent and did not arrive")
struct JobHandoverTests {
    private let jobs = JobStore()

    /// One question of an agent, as the flow answers it.
    private func ask(
        _ agent: AgentID, turn: Int64, held: [JobID] = [], mostOutstanding: Int = 10, in tx: any Transaction
    ) throws -> (back: [Job], given: [Job]) {
        let question = WorkQuestion(turn: turn, held: held)
        let back = try jobs.takeBack(from: agent, knowing: question, in: tx)
        let given = try jobs.claimForAgent(
            agent, limit: 50, mostOutstanding: mostOutstanding, lease: .minutes(5), turn: turn, in: tx)
        return (back, given.map(\.job))
    }

    private func open(_ count: Int, for seed: Seed, type: JobType = .deployment, in tx: any Transaction) throws -> [Job]
    {
        let certificate = try seed.certificate(in: tx).id
        let new = (0..<count).map { _ in seed.job(type, of: certificate, agent: seed.agent, target: seed.target) }
        return try jobs.open(new, in: tx).opened.map { try jobs.get($0, in: tx) }
    }

    @Test(
        "what is not named is given again at the next question, with the same attempt; what is named stays",
        arguments: Engine.available)
    func givenAgain(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx in
                let opened = try open(2, for: seed, in: tx) + open(1, for: seed, type: .validation, in: tx)
                let first = try ask(seed.agent, turn: 10, in: tx)
                #expect(first.back.isEmpty && Set(first.given.map(\.id)) == Set(opened.map(\.id)))
                let kept = first.given[0].id
                #expect(try !jobs.hasWork(for: seed.agent, in: tx), "an agent that does not count waits for the leases")
                let all = WorkQuestion(turn: 11, held: opened.map(\.id))
                #expect(try !jobs.hasWork(for: seed.agent, knowing: all, in: tx))
                #expect(try jobs.hasWork(for: seed.agent, knowing: WorkQuestion(turn: 11, held: [kept]), in: tx))

                let second = try ask(seed.agent, turn: 12, held: [kept], in: tx)
                #expect(Set(second.back.map(\.id)) == Set(opened.map(\.id)).subtracting([kept]))
                #expect(second.back.allSatisfy { $0.status == .pending && $0.attempts == 0 && $0.leaseOwner == nil })
                #expect(Set(second.given.map(\.id)) == Set(second.back.map(\.id)))
                #expect(second.given.allSatisfy { $0.attempts == 1 && $0.leaseOwner == seed.agent.text })
                #expect(try jobs.get(kept, in: tx).rowVersion == first.given[0].rowVersion)
            }
        }
    }

    @Test(
        "a question that was under way for long takes nothing back that a later one brought",
        arguments: Engine.available)
    func overtaken(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx in
                _ = try open(1, for: seed, in: tx)
                let later = try ask(seed.agent, turn: 21, in: tx)
                #expect(later.given.count == 1)
                for turn in [20, 21] as [Int64] {
                    let early = try ask(seed.agent, turn: turn, in: tx)
                    #expect(early.back.isEmpty && early.given.isEmpty)
                }
                #expect(try jobs.complete(later.given[0].id, holder: seed.agent.text, in: tx) != nil)
                #expect(try ask(seed.agent, turn: 22, in: tx).back.isEmpty, "what ended is over")
            }
        }
    }

    @Test("issuances, and the work of other agents, are nobody's to take back", arguments: Engine.available)
    func othersStay(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let stranger = try await database.seed()
            try await database.write { tx in
                let certificate = try seed.certificate(in: tx).id
                let csr = seed.job(.renewal, of: certificate, status: .awaitingCSR, agent: seed.agent)
                try jobs.open([csr], in: tx)
                _ = try jobs.acceptCSR(csr.id, from: seed.agent, owner: seed.agent.text, lease: .minutes(5), in: tx)
                _ = try open(1, for: seed, in: tx)
                #expect(try ask(seed.agent, turn: 1, in: tx).given.count == 1)
                #expect(try ask(stranger.agent, turn: 9, in: tx).back.isEmpty)
                #expect(try ask(seed.agent, turn: 9, in: tx).back.count == 1)
                #expect(try jobs.get(csr.id, in: tx).status == .running)
            }
        }
    }

    @Test("what comes back makes room, so that the allowance is never spent on the lost", arguments: Engine.available)
    func room(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx in
                _ = try open(3, for: seed, in: tx)
                for turn in 1...4 as ClosedRange<Int64> {
                    let given = try ask(seed.agent, turn: turn, mostOutstanding: 2, in: tx).given
                    #expect(given.count == 2 && given.allSatisfy { $0.attempts == 1 })
                }
            }
        }
    }

    @Test(
        "questions at the same time at several servers: nothing runs twice, nothing is lost, no attempt is spent",
        arguments: Engine.available)
    func concurrentQuestions(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let opened = try await database.write { tx in try open(12, for: seed, in: tx) }
            for round in 0..<4 as Range<Int64> {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<6 as Range<Int64> {
                        group.addTask {
                            _ = try await database.write { tx in
                                try ask(seed.agent, turn: round * 10 + number + 1, mostOutstanding: 5, in: tx)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let running = try await database.read { tx in
                    try opened.map { try jobs.get($0.id, in: tx) }.filter { $0.status == .running }
                }
                #expect(running.count == 5 && running.allSatisfy { $0.attempts == 1 }, "round \(round)")
            }
            let last = try await database.write { tx in try ask(seed.agent, turn: 100, mostOutstanding: 20, in: tx) }
            #expect(last.back.count == 5 && last.given.count == 12 && last.given.allSatisfy { $0.attempts == 1 })
        }
    }
}
