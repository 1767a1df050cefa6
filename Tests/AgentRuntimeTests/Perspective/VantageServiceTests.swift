import APIContract
import Domain
import Encoding
import Synchronization
import TestSupport
import Testing

@testable import AgentRuntime
@testable import ChallengeValidation

@Suite("an agent that looks at proofs of names", .timeLimit(.minutes(1)))
struct VantageServiceTests {
    private static let polls = "acme-checks?vantage=eu"

    private static func check(_ id: String, _ name: String) -> JSONValue {
        [
            "id": .string(id), "type": "http-01", "identifier_type": "dns", "identifier": .string(name), "token": "tok",
            "thumbprint": "thumb", "patience_ms": 600_000,
        ]
    }

    private static func offer(_ checks: [JSONValue], appointed: Bool = true) -> ControlPlaneAnswer {
        FakeControlPlane.json(["appointed": .bool(appointed), "checks": .array(checks)])
    }

    /// Sees every proof but those of names that begin with `bad`; what it was asked is noted.
    private final class Eyes: Sendable {
        private let seen = Mutex<[(name: String, patience: Duration)]>([])
        var all: [(name: String, patience: Duration)] { seen.withLock { $0 } }

        var lookout: Lookout {
            Lookout { check, patience throws(ChallengeFailure) in
                self.seen.withLock { $0.append((check.identifier, patience)) }
                guard check.identifier.hasPrefix("bad") else { return }
                throw ChallengeFailure(.dns, "told to clients", reason: "told to operators")
            }
        }
    }

    private func run(
        _ plane: FakeControlPlane, _ lookout: Lookout, until isOver: @escaping @Sendable () -> Bool
    ) async throws {
        let directory = try TemporaryDirectory("vantage")
        let agent = AgentUnderTest(
            directory: directory, plane: plane, target: FakeTarget(), time: ServiceTests.Sleeps().time)
        try await agent.start()
        let service = VantageService(session: agent.session, vantage: "eu", lookout: lookout)
        let running = Task { try await service.run() }
        let ended = await eventually(within: .seconds(20)) { isOver() }
        #expect(ended, "\(plane.current.calls.prefix(20))")
        running.cancel()
        try? await running.value
    }

    @Test("votes on what it is asked, and sends a vote again that did not arrive")
    func votes() async throws {
        let plane = try FakeControlPlane()
        plane.change {
            $0.scripted = [
                (Self.polls, Self.offer([Self.check("c1", "good.test"), Self.check("c2", "bad.test")])),
                ("acme-checks/c1", FakeControlPlane.error(503, nil, "busy")),
                ("acme-checks/c1", FakeControlPlane.json(["status": "recorded"])),
                ("acme-checks/c2", FakeControlPlane.error(409, "invalid_state", "too late")),
            ]
        }
        let eyes = Eyes()
        try await run(plane, eyes.lookout) {
            plane.current.calls.filter { $0.contains("acme-checks/") }.count >= 3
        }
        let votes = plane.current.calls.filter { $0.contains("acme-checks/") }
        #expect(votes.filter { $0.hasSuffix("c1") }.count == 2 && votes.filter { $0.hasSuffix("c2") }.count == 1)
        #expect(Set(eyes.all.map(\.name)) == ["good.test", "bad.test"])
        // However long the control plane would wait.
        #expect(eyes.all.allSatisfy { $0.patience <= Lookout.mostPatience })
    }

    @Test("what a vote says: verdict, problem, and what was looked for")
    func words() async throws {
        var check = PerspectiveCheckBody()
        (check.identifier, check.token, check.thumbprint) = ("bad.test", "tok", "thumb")
        let refused = try #require(await Eyes().lookout.vote(on: check))
        #expect(refused.verdict == .refused && refused.problem == .dns && refused.detail == "told to operators")
        check.identifier = "good.test"
        let confirmed = try #require(await Eyes().lookout.vote(on: check))
        #expect(confirmed.verdict == .confirmed && confirmed.problem == nil && confirmed.digest == refused.digest)
        check.token = "another"
        #expect(await Eyes().lookout.vote(on: check)?.digest != confirmed.digest)
        let interrupted = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await Eyes().lookout.vote(on: check)
        }
        #expect(await interrupted.value == nil, "an interrupted look means nothing")
    }

    @Test("nonsense and failures of the control plane end nothing; retirement does")
    func failures() async throws {
        let plane = try FakeControlPlane()
        plane.change {
            $0.scripted = [
                (Self.polls, FakeControlPlane.json(["checks": "none"])),
                (Self.polls, FakeControlPlane.error(500, nil, "broken")),
                (Self.polls, Self.offer([], appointed: false)),
                (Self.polls, Self.offer([Self.check("c1", "good.test")])),
                ("acme-checks/c1", FakeControlPlane.json(["status": "recorded"])),
                (Self.polls, FakeControlPlane.error(410, "agent_retired", "retired by ops")),
            ]
        }
        let eyes = Eyes()
        try await run(plane, eyes.lookout) { plane.current.scripted.isEmpty }
        #expect(eyes.all.map(\.name) == ["good.test"])
        #expect(plane.current.calls.filter { $0.contains(Self.polls) }.count == 5, "\(plane.current.calls)")
    }
}
