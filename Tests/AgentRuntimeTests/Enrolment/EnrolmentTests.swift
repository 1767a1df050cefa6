import Domain
import Encoding
import HostEffects
import Outbound
import PKI
import Synchronization
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("targets §1.4: a token becomes an identity")
struct EnrolmentTests {
    let directory: TemporaryDirectory
    let state: StateDirectory
    let url: HTTPSURL
    let answers = Answers()

    /// What the control plane answers, and what it was asked.
    final class Answers: Sendable {
        private let state = Mutex((answer: EnrolmentTests.enrolled, calls: [ControlPlaneCall](), anchors: 0))
        var calls: [ControlPlaneCall] { state.withLock { $0.calls } }
        func set(_ answer: ControlPlaneAnswer) { state.withLock { $0.answer = answer } }
        func take(_ call: ControlPlaneCall) -> ControlPlaneAnswer {
            state.withLock { state in
                state.calls.append(call)
                return state.answer
            }
        }
    }

    static let enrolled = FakeControlPlane.json(
        [
            "id": "agent-7", "name": "edge", "hostname": "edge", "status": "Online",
            "registered_at": "2026-01-01T00:00:00Z",
            "api_key": "the-key",
        ],
        status: 201
    )

    init() throws {
        directory = try TemporaryDirectory("enrol")
        url = try HTTPSURL("https://plane.test:8443")
        state = StateDirectory(
            folder: DurableFolder(directory: directory.path("state"), fileSystem: .live, random: .system)
        )
    }

    private func enrolment(anchor: (any Error)? = nil) throws -> Enrolment {
        let pem = try TestCA.shared.get().certificatePEM
        return Enrolment(
            state: state,
            network: EnrolmentNetwork(
                anchor: { _, _ in
                    if let anchor { throw anchor }
                    return try X509Certificate(pem: pem)
                },
                exchange: { [answers] _, token, call in
                    #expect(token.matches(Secret("ce_token")))
                    return answers.take(call)
                }
            ),
            host: HostFacts(
                name: "edge.test", os: "linux", architecture: "amd64", address: nil, softwareVersion: "1",
                capabilities: ["NGINX"]
            ),
            time: .system
        )
    }

    private func request(
        token: String? = "ce_token", agent: String? = nil, isPinned: Bool = false, isForced: Bool = false,
        url: HTTPSURL? = nil
    ) throws -> Enrolment.Request {
        Enrolment.Request(
            url: url ?? self.url, token: token.map { Secret($0) }, name: "edge",
            agent: try agent.map { try AgentID($0) },
            pin: isPinned ? CertificatePin("sha256:" + String(repeating: "ab", count: 32)) : nil, trust: .system,
            isForced: isForced
        )
    }

    @Test("the identity and the pinned anchor are kept")
    func keeps() async throws {
        let (identity, isNew) = try await enrolment().run(request(isPinned: true))
        #expect(isNew)
        #expect(identity.agent.text == "agent-7")
        let stored = try #require(try state.identity.load())
        #expect(stored.apiKey.matches(Secret("the-key")))
        #expect(stored.server == "https://plane.test:8443")
        let anchor = try #require(try state.folder.read(StateDirectory.trustAnchorName))
        #expect(String(decoding: anchor, as: UTF8.self) == (try TestCA.shared.get().certificatePEM))
        let body = try #require(answers.calls.first?.body)
        #expect(body["name"] == "edge")
        #expect(body["hostname"] == "edge.test")
        #expect(try state.folder.names().sorted() == ["ca.pem", "claims", "identity.json", "spool"])
    }

    @Test("a second run spends no token; another control plane or identifier needs --force")
    func repeated() async throws {
        _ = try await enrolment().run(request())
        let (_, isNew) = try await enrolment().run(request(token: nil))
        #expect(!isNew)
        #expect(answers.calls.count == 1)
        for other in [try request(url: HTTPSURL("https://other.test")), try request(agent: "agent-8")] {
            let error = await #expect(throws: EnrolmentError.self) { try await enrolment().run(other) }
            #expect(error?.exitCode == 1)
            #expect(error?.description.contains("--force") == true)
        }
        _ = try await enrolment().run(request(isForced: true))
        #expect(answers.calls.count == 2)
    }

    @Test("a new enrolment ends a retirement")
    func afterRetirement() async throws {
        _ = try await enrolment().run(request())
        try state.retirement.set(reason: "gone", agent: FakeControlPlane.agent, at: Timestamp(secondsSinceEpoch: 1))
        let (_, isNew) = try await enrolment().run(request())
        #expect(isNew)
        #expect(try state.retirement.read() == nil)
    }

    @Test(
        "failures leave no identity, and say which kind they are",
        arguments: [
            (401, "invalid", 1, "unknown, used up or expired"), (403, "no", 1, "used up"), (409, "taken", 1, "--name"),
            (400, "name is wrong", 1, "name is wrong"), (503, "starting", 75, "cannot be reached"),
            (201, "no key in it", 1, "no credential"),
        ] as [(Int, String, Int32, String)]
    )
    func failures(status: Int, message: String, exitCode: Int32, words: String) async throws {
        answers.set(FakeControlPlane.json(["error": "x", "message": .string(message)], status: status))
        let error = await #expect(throws: EnrolmentError.self) { try await enrolment().run(request(isPinned: true)) }
        #expect(error?.exitCode == exitCode)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(try state.identity.load() == nil)
        #expect(try !state.folder.exists(StateDirectory.trustAnchorName))
    }

    @Test("an unreachable control plane stops before the token leaves the host")
    func unreachable() async throws {
        let silent = OutboundError(.unreachable, endpoint: "plane.test:8443", message: "connection refused")
        let unreachable = await #expect(throws: EnrolmentError.self) {
            try await enrolment(anchor: silent).run(request(isPinned: true))
        }
        #expect(unreachable?.exitCode == 75)
        #expect(answers.calls.isEmpty)
    }

    @Test("no token is a usage error", arguments: [nil, ""] as [String?])
    func noToken(token: String?) async throws {
        let error = await #expect(throws: EnrolmentError.self) { try await enrolment().run(request(token: token)) }
        #expect(error?.exitCode == 2)
    }
}
