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

@Suite("RFC 8659 §4, ballot SC-067: perspectives look at CAA records again, eight hours after a proof")
struct CAAPerspectiveTests {
    private static let perspectives = ["eu", "us", "ap"].map { ACMEPerspective(name: $0, agents: ["agent-\($0)"]) }

    private static func plan(_ plan: inout ACMEPlan) {
        plan.perspectives = perspectives
        plan.caaIdentities = ["ca.test"]
    }

    /// A server that asks perspectives at finalization; the proofs themselves need nobody else.
    private static func with(
        _ engine: Engine, patience: Duration = ValidationStage.patience, _ body: (FinalizeStage) async throws -> Void
    ) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            for perspective in perspectives { _ = try await stage.world.agent("agent-\(perspective.name)") }
            try await FinalizeStage.with(stage, patience: patience, change: plan, body)
        }
    }

    /// Moves every proof into the past.
    private static func age(_ server: FinalizeStage, by age: Duration) async throws {
        _ = try await server.stage.world.database.write { tx in
            try tx.execute("UPDATE acme_challenges SET validated_at = \(tx.now - age) WHERE status = 'valid'")
        }
    }

    private final class Log: Sendable {
        private let entries = Mutex<[ACMEPerspectiveCheck]>([])
        var all: [ACMEPerspectiveCheck] { entries.withLock { $0 } }
        func note(_ check: ACMEPerspectiveCheck) { entries.withLock { $0.append(check) } }
    }

    /// Agents that say the same of every name; those that are not among `words` keep silent.
    private static func answering(
        _ words: [String: ACMEPerspectiveFault?], _ server: FinalizeStage, _ body: () async throws -> Void
    ) async throws -> [ACMEPerspectiveCheck] {
        let flow = server.stage.perspectives(plan)
        let log = Log()
        let agents = words.map { name, fault in
            Task {
                let id = AgentID(stored: "agent-\(name)")
                while !Task.isCancelled {
                    guard let offer = try? await flow.claim(for: id, at: name, wait: .seconds(30)) else { return }
                    for question in offer.questions {
                        log.note(question.check)
                        let asked = "\(question.check.token).\(question.check.thumbprint)"
                        _ = try? await flow.answer(
                            question.check.id, of: id,
                            ACMEPerspectiveAnswer(
                                verdict: fault == nil ? .confirmed : .refused, fault: fault, detail: "secret",
                                digest: Base64URL.encode(Array(SHA256.hash(data: Data(asked.utf8))))),
                            by: Authorship(actor: Actor(id: id.text, type: .agent), origin: nil, clearance: .system))
                    }
                }
            }
        }
        defer { for agent in agents { agent.cancel() } }
        try await body()
        return log.all
    }

    private static func details(_ action: String, _ server: FinalizeStage) async throws -> String {
        try await server.stage.world.database.read { tx in
            try tx.rows(
                "SELECT details FROM audit_events WHERE action = \(action) ORDER BY timestamp DESC LIMIT 1"
            ).first?.text("details") ?? ""
        }
    }

    private static func refusal(
        _ server: FinalizeStage, _ view: ACMEOrderView
    ) async throws -> ACMEProblem? {
        do {
            try await server.finalize(view)
            return nil
        } catch let problem as ACMEProblem {
            return problem
        }
    }

    @Test("a quorum lets the order be issued, and what each said is in the audit log", arguments: Engine.available)
    func met(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test", "*.a.test"])
            try await Self.age(server, by: .hours(8))
            let asked = try await Self.answering(["eu": nil, "us": .caa, "ap": nil], server) { () async throws in
                try await server.finalize(view)
            }
            #expect(try await server.status(view) == .valid)
            #expect(asked.allSatisfy { $0.purpose == .caa } && asked.count >= 4, "\(asked)")
            #expect(Set(asked.map(\.isWildcard)) == [true, false])
            // The server looked itself, at each name.
            #expect(server.stage.script.caaQuestions.count == 2)
            let details = try await Self.details("acme_order_processing", server)
            #expect(details.contains("caa_perspectives") && details.contains("*.a.test"), "\(details)")
            #expect(details.contains("confirmed"), "\(details)")
            let answered = try await Self.details("acme_perspective_answered", server)
            #expect(answered.contains("caa"), "\(answered)")
        }
    }

    @Test("nobody is asked about what was proved less than eight hours ago", arguments: Engine.available)
    func fresh(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            try await Self.age(server, by: .hours(7))
            try await server.finalize(view)
            #expect(try await server.status(view) == .valid)
            #expect(server.stage.script.caaQuestions.isEmpty)
            #expect(try await server.count("SELECT COUNT(*) AS n FROM acme_perspective_checks") == 0)
        }
    }

    @Test("records that too many saw forbid end the order", arguments: Engine.available)
    func forbidden(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test", "b.test"])
            try await Self.age(server, by: .hours(9))
            var problem: ACMEProblem?
            _ = try await Self.answering(["eu": .caa, "us": .caa, "ap": nil], server) { () async throws in
                problem = try await Self.refusal(server, view)
            }
            let told = try #require(problem)
            #expect(told.kind == .caa && told.status == 403 && told.parts.count == 2)
            #expect(told.parts.allSatisfy { $0.detail.contains("seen from eu: CAA records forbid") })
            #expect(!told.json().text.contains("secret"))
            #expect(try await server.status(view) == .invalid)
            #expect(try await server.problem(view) == "caa")
            #expect(server.authority.calls == 0)
            let details = try await Self.details("acme_order_failed", server)
            #expect(details.contains("refused: caa"), "\(details)")
        }
    }

    @Test("agents that keep silent, or can't tell, let nothing be issued; the order stays ready for them to come back")
    func silent() async throws {
        // Long enough for those who answer, on a busy machine too.
        let patience = Duration.seconds(4)
        try await Self.with(.sqlite, patience: patience) { server async throws in
            let view = try await server.ready(["a.test"])
            try await Self.age(server, by: .hours(9))
            let start = ContinuousClock.now
            let nobody = try await Self.refusal(server, view)
            #expect(ContinuousClock.now - start >= patience, "they were not waited for")
            #expect(nobody?.kind == .serverInternal && nobody?.status == 503 && nobody?.retryAfter != nil)
            #expect(nobody?.detail.contains("only 0 of 3") == true, "\(nobody?.detail ?? "")")
            #expect(nobody?.detail.contains("the perspective ap gave no answer") == true)
            #expect(try await server.status(view) == .ready)

            // One that forbids and two that do not tell: nobody knows what two of three would say.
            let cases: [([String: ACMEPerspectiveFault?], ACMEProblem.Kind)] = [
                (["eu": .caa], .serverInternal), (["eu": .caa, "us": .dns, "ap": .dns], .serverInternal),
                (["eu": .dns, "us": .dns, "ap": .dns], .dns),
            ]
            for (words, kind) in cases {
                var problem: ACMEProblem?
                _ = try await Self.answering(words, server) { () async throws in
                    problem = try await Self.refusal(server, view)
                }
                #expect(problem?.kind == kind, "\(words): \(problem?.detail ?? "")")
                #expect(try await server.status(view) == .ready)
            }
            #expect(server.authority.calls == 0)

            // Each look is a round of its own: earlier votes count for nothing.
            _ = try await Self.answering(["eu": nil, "us": nil], server) { () async throws in
                try await server.finalize(view)
            }
            #expect(try await server.status(view) == .valid)
        }
    }

    @Test("what this server sees forbidden itself nobody is asked about", arguments: Engine.available)
    func ownFirst(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            try await Self.age(server, by: .hours(9))
            server.stage.script.setCAA("a.test", ACMEFault(.caa, "forbidden", isTransient: false))
            #expect(try await Self.refusal(server, view)?.kind == .caa)
            #expect(try await server.status(view) == .invalid)
            #expect(try await server.count("SELECT COUNT(*) AS n FROM acme_perspective_checks") == 0)
        }
    }

    @Test("the quorum is the profile's, and an internal profile asks nobody", arguments: Engine.available)
    func profiles(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            func set(_ change: @escaping @Sendable (inout ProfileFields) -> Void) async throws {
                try await server.stage.world.database.write { tx in
                    var fields = try ProfileStore().get(ValidationStage.profile, in: tx).fields
                    change(&fields)
                    _ = try ProfileStore().update(ValidationStage.profile, fields, expecting: nil, in: tx)
                }
            }
            let view = try await server.ready(["a.test"])
            try await Self.age(server, by: .hours(9))
            try await set { $0.acmePerspectiveQuorum = 3 }
            _ = try await Self.answering(["eu": nil, "us": nil, "ap": .dns], server) { () async throws in
                #expect(try await Self.refusal(server, view)?.kind == .dns)
            }
            try await set { $0.acmePerspectives = [ACMEPerspective.nobody] }
            let before = try await server.count("SELECT COUNT(*) AS n FROM acme_perspective_checks")
            try await server.finalize(view)
            #expect(try await server.status(view) == .valid)
            #expect(try await server.count("SELECT COUNT(*) AS n FROM acme_perspective_checks") == before)
        }
    }

    @Test("two that finalize at once ask in rounds of their own, and issue once", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let view = try await server.ready(["a.test"])
            try await Self.age(server, by: .hours(9))
            _ = try await Self.answering(["eu": nil, "us": nil, "ap": nil], server) { () async throws in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 { group.addTask { try await server.finalize(view) } }
                    try await group.waitForAll()
                }
            }
            let isValid = try await eventually(within: .seconds(60)) { try await server.status(view) == .valid }
            #expect(isValid)
            #expect(server.authority.calls == 1)
        }
    }
}
