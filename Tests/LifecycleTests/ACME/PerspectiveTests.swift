import Crypto
import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

@Suite("Ballot SC-067, ADR-0031: other perspectives confirm what the control plane saw")
struct PerspectiveTests {
    private typealias Question = ACMEPerspectiveOffer.Question

    /// Three perspectives, one of them with two agents.
    private static let perspectives = [
        ACMEPerspective(name: "eu", agents: ["agent-eu", "agent-eu2"]),
        ACMEPerspective(name: "us", agents: ["agent-us"]), ACMEPerspective(name: "ap", agents: ["agent-ap"]),
    ]

    private static func plan(_ plan: inout ACMEPlan) { plan.perspectives = perspectives }

    private static func digest(_ question: Question) -> String {
        let text = "\(question.check.token).\(question.check.thumbprint)"
        return Base64URL.encode(Array(SHA256.hash(data: Data(text.utf8))))
    }

    private static func answer(
        _ question: Question, _ fault: ACMEPerspectiveFault?, detail: String = "", digest: String? = nil
    ) -> ACMEPerspectiveAnswer {
        ACMEPerspectiveAnswer(
            verdict: fault == nil ? .confirmed : .refused, fault: fault, detail: detail,
            digest: digest ?? Self.digest(question))
    }

    private static func author(_ agent: String) -> Authorship {
        Authorship(actor: Actor(id: agent, type: .agent), origin: nil, clearance: .system)
    }

    /// An agent that answers whatever it is asked, until the task is cancelled.
    private static func agent(
        _ id: String, at perspective: String, _ stage: ValidationStage, _ fault: ACMEPerspectiveFault?
    ) -> Task<Int, any Error> {
        let flow = stage.perspectives(plan)
        return Task {
            var answered = 0
            while !Task.isCancelled {
                guard
                    let offer = try? await flow.claim(
                        for: AgentID(stored: id), at: perspective, wait: .seconds(30))
                else { break }
                for question in offer.questions {
                    try await flow.answer(
                        question.check.id, of: AgentID(stored: id),
                        answer(question, fault, detail: "secret \(id) words\u{7}"), by: author(id))
                    answered += 1
                }
            }
            return answered
        }
    }

    private static func stop(_ agents: [Task<Int, any Error>]) async throws -> [Int] {
        for agent in agents { agent.cancel() }
        var counts: [Int] = []
        for agent in agents { counts.append(try await agent.value) }
        return counts
    }

    private static func with(_ engine: Engine, _ body: (ValidationStage) async throws -> Void) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            for agent in ["agent-eu", "agent-eu2", "agent-us", "agent-ap", "agent-other"] {
                _ = try await stage.world.agent(agent)
            }
            try await body(stage)
        }
    }

    private static func completion(_ stage: ValidationStage) async throws -> String {
        try await stage.world.database.read { tx in
            try tx.rows(
                "SELECT details FROM audit_events WHERE action = 'acme_challenge_completed' ORDER BY timestamp DESC LIMIT 1"
            ).first?.text("details") ?? ""
        }
    }

    @Test(
        "a quorum makes a challenge valid, whoever dissents, and each answer is in the audit log",
        arguments: Engine.available)
    func met(engine: Engine) async throws {
        try await Self.with(engine) { stage async throws in
            let agents = [
                Self.agent("agent-eu", at: "eu", stage, nil),
                Self.agent("agent-us", at: "us", stage, .incorrectResponse),
                Self.agent("agent-ap", at: "ap", stage, nil),
            ]
            let view = try await stage.answered("a.test")
            #expect(try await stage.workOff(stage.pool(change: Self.plan)) == 1)
            #expect(try await stage.stored(view).status == .ready)
            let isToldOf = try await eventually(within: .seconds(60)) {
                try await stage.audited("acme_perspective_answered") == 3
            }
            #expect(isToldOf)
            _ = try await Self.stop(agents)
            let details = try await Self.completion(stage)
            #expect(details.contains("perspectives") && details.contains("confirmed"), "\(details)")
        }
    }

    @Test(
        "a quorum that is missed is asked for again, and ends the order with the perspectives by name",
        arguments: Engine.available)
    func missed(engine: Engine) async throws {
        try await Self.with(engine) { stage async throws in
            let agents = [
                Self.agent("agent-eu", at: "eu", stage, nil), Self.agent("agent-us", at: "us", stage, .connection),
                Self.agent("agent-ap", at: "ap", stage, .incorrectResponse),
            ]
            let view = try await stage.answered("a.test")
            let pool = stage.pool(change: {
                Self.plan(&$0)
                // By the clock of the database: on PostgreSQL the first attempt has to end within.
                $0.validationTimeout = engine == .sqlite ? .seconds(3) : .seconds(8)
            })
            #expect(try await stage.workOff(pool) == 1)
            #expect(try await stage.stored(view).status == .pending)
            #expect(try await stage.challenge(view.authorizations[0]).status == .processing)
            let isOver = try await eventually(within: .seconds(60)) {
                if engine == .sqlite { stage.world.clock.advance(by: .seconds(1)) }
                try await stage.workOff(pool)
                return try await stage.stored(view).status == .invalid
            }
            #expect(isOver)
            _ = try await Self.stop(agents)
            let error = try #require(try await stage.challenge(view.authorizations[0]).error)
            let told = error.text
            #expect(
                told.contains("acme:error:compound")
                    && told.contains("of 3 other perspectives confirmed it; 2 have to"),
                "\(told)")
            // It was decided without the third.
            #expect(!told.contains("no answer"), "\(told)")
            #expect(told.contains("seen from us: there is no connection") && told.contains("seen from ap"), "\(told)")
            #expect(!told.contains("secret") && !told.contains("agent-"), "\(told)")
            let details = try await Self.completion(stage)
            #expect(details.contains("refused: connection"), "\(details)")
            // The server looked in each attempt itself.
            #expect(stage.script.attempts.count >= 2)
        }
    }

    @Test("who keeps silent does not confirm; agents that are away are waited for, and then it is the server's fault")
    func silent() async throws {
        try await Self.with(.sqlite) { stage async throws in
            let view = try await stage.answered("a.test")
            let pool = stage.pool(patience: ValidationStage.shortPatience) {
                Self.plan(&$0)
                $0.validationTimeout = .seconds(1)
            }
            let start = ContinuousClock.now
            try await stage.workOff(pool)
            #expect(ContinuousClock.now - start >= ValidationStage.shortPatience)
            #expect(try await stage.stored(view).status == .invalid)
            let told = try await stage.challenge(view.authorizations[0]).error?.text ?? ""
            #expect(told.contains("serverInternal") && told.contains("the perspective eu gave no answer"), "\(told)")

            // One is enough to stand in for a silent one.
            let agents = [Self.agent("agent-eu", at: "eu", stage, nil), Self.agent("agent-us", at: "us", stage, nil)]
            let second = try await stage.answered("b.test")
            try await stage.workOff(stage.pool(change: Self.plan))
            #expect(try await stage.stored(second).status == .ready)
            _ = try await Self.stop(agents)
        }
    }

    @Test("agents are asked about nothing that the server did not see, and their votes make nothing valid alone")
    func serverFirst() async throws {
        try await Self.with(.sqlite) { stage async throws in
            stage.script.set("a.test", [ACMEFault(.connection, "nobody there", isTransient: false)])
            stage.script.setCAA("b.test", ACMEFault(.caa, "forbidden", isTransient: false))
            for name in ["a.test", "b.test"] {
                let view = try await stage.answered(name)
                try await stage.workOff(
                    stage.pool(change: {
                        Self.plan(&$0)
                        $0.caaIdentities = ["ca.test"]
                    }))
                #expect(try await stage.stored(view).status == .invalid)
            }
            let asked = try await stage.world.database.read { tx in
                try tx.row("SELECT COUNT(*) AS n FROM acme_perspective_checks")?.int("n")
            }
            #expect(asked == 0)
        }
    }

    @Test("an agent votes once, on what it was asked, in time and where it was appointed", arguments: Engine.available)
    func votes(engine: Engine) async throws {
        try await Self.with(engine) { stage async throws in
            let flow = stage.perspectives(Self.plan)
            let (eu, us, other) = (
                AgentID(stored: "agent-eu"), AgentID(stored: "agent-us"), AgentID(stored: "agent-other")
            )
            // Nobody else answers in time: the attempt lasts as long as the server waits.
            let view = try await stage.answered("a.test")
            let pool = stage.pool(patience: .seconds(8), change: Self.plan)
            let attempt = Task { try await stage.workOff(pool) }
            let offer = try await flow.claim(for: eu, at: "eu", wait: .seconds(30))
            let question = try #require(offer.questions.first)
            #expect(offer.isAppointed && offer.questions.count == 1)
            #expect(question.check.type == .http01 && question.check.name.value == "a.test" && question.accounts == nil)
            #expect(question.check.thumbprint == "thumb-a" && question.patience <= .seconds(10))
            // Taken up is taken up, by whichever agent of the perspective.
            #expect(try await flow.claim(for: AgentID(stored: "agent-eu2"), at: "eu", wait: .zero).questions.isEmpty)
            // Neither where another one stands, nor where none was appointed.
            for (agent, place) in [(eu, "us"), (other, "eu"), (us, "nowhere")] {
                let none = try await flow.claim(for: agent, at: place, wait: .seconds(30))
                #expect(!none.isAppointed && none.questions.isEmpty)
            }
            func vote(_ agent: AgentID, _ answer: ACMEPerspectiveAnswer) async -> ErrorCode? {
                do {
                    try await flow.answer(question.check.id, of: agent, answer, by: Self.author(agent.text))
                    return nil
                } catch {
                    return (error as? ServiceError)?.code
                }
            }
            #expect(await vote(us, Self.answer(question, nil)) == .notFound)
            #expect(await vote(eu, Self.answer(question, nil, digest: "another")) == .invalidState)
            #expect(await vote(eu, Self.answer(question, .tls)) == nil)
            #expect(await vote(eu, Self.answer(question, .tls)) == nil, "the same again")
            #expect(await vote(eu, Self.answer(question, nil)) == .invalidState, "another vote")
            #expect(try await stage.audited("acme_perspective_answered") == 1)
            // The time of the others' questions passes.
            let late = try #require(try await flow.claim(for: us, at: "us", wait: .seconds(30)).questions.first)
            try await stage.world.database.write { tx in
                _ = try tx.execute("UPDATE acme_perspective_checks SET expires_at = \(tx.now - .seconds(1))")
            }
            let refused = await #expect(throws: ServiceError.self) {
                try await flow.answer(late.check.id, of: us, Self.answer(late, nil), by: Self.author("agent-us"))
            }
            #expect(refused?.code == .invalidState)
            _ = try await attempt.value
            #expect(try await stage.stored(view).status == .pending)
        }
    }

    @Test("an agent that is named for two perspectives votes in one of them", arguments: Engine.available)
    func oneVote(engine: Engine) async throws {
        try await Self.with(engine) { stage async throws in
            let change: @Sendable (inout ACMEPlan) -> Void = { plan in
                plan.perspectives = [
                    ACMEPerspective(name: "eu", agents: ["agent-eu"]),
                    ACMEPerspective(name: "us", agents: ["agent-eu"]),
                ]
                plan.perspectiveQuorum = 2
                plan.validationTimeout = .seconds(1)
            }
            let view = try await stage.answered("a.test")
            let attempt = Task { try await stage.workOff(stage.pool(patience: .seconds(5), change: change)) }
            let flow = stage.perspectives(change)
            let eu = AgentID(stored: "agent-eu")
            let question = try #require(try await flow.claim(for: eu, at: "eu", wait: .seconds(30)).questions.first)
            #expect(try await flow.claim(for: eu, at: "us", wait: .zero).questions.isEmpty)
            try await flow.answer(question.check.id, of: eu, Self.answer(question, nil), by: Self.author("agent-eu"))
            _ = try await attempt.value
            #expect(try await stage.stored(view).status == .invalid)
        }
    }

    @Test("votes of an attempt whose server died count for no other one", arguments: Engine.available)
    func death(engine: Engine) async throws {
        try await Self.with(engine) { stage async throws in
            let view = try await stage.answered("a.test")
            let one = stage.pool("one", change: Self.plan)
            let two = stage.pool("two", patience: ValidationStage.shortPatience, change: Self.plan)
            let lost = try #require(try await one.claim(.http01, limit: 1).first)
            let dying = Task { await one.work(on: lost) }
            let flow = stage.perspectives(Self.plan)
            for (agent, place) in [("agent-eu", "eu"), ("agent-us", "us")] {
                let id = AgentID(stored: agent)
                let question = try #require(
                    try await flow.claim(for: id, at: place, wait: .seconds(30)).questions.first)
                if place == "eu" {
                    try await flow.answer(question.check.id, of: id, Self.answer(question, nil), by: Self.author(agent))
                } else {
                    dying.cancel()
                    _ = await dying.value
                    try await flow.answer(question.check.id, of: id, Self.answer(question, nil), by: Self.author(agent))
                }
            }
            #expect(try await stage.stored(view).status == .pending)
            try await one.giveBack()
            let taken = try #require(try await two.claim(.http01, limit: 1).first)
            #expect(taken.challenge.attempts == 2)
            await two.work(on: taken)
            #expect(try await stage.stored(view).status == .pending, "nobody voted in this attempt")
            // What was asked is forgotten, and so is what goes with the account.
            let questions = try await stage.world.database.read { tx in
                try tx.row("SELECT COUNT(*) AS n FROM acme_perspective_checks")?.int("n")
            }
            #expect(questions == 6)
            let end = stage.world.time.now + .hours(1)
            let purged = try await stage.world.database.write { tx in
                try ACMEPerspectiveStore().purge(endedBefore: end, limit: 100, in: tx)
            }
            #expect(purged == 6)
        }
    }
}
