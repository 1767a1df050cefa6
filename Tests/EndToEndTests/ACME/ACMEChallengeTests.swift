import Crypto
import Foundation
import TestSupport
import Testing

@Suite("RFC 8555 §7.5.1, §8: challenges through faults, kills and hostile places", .tags(.slow, .security))
struct ACMEChallengeTests {
    private typealias Client = ACMETestClient

    /// An authorization of an order for one name, and its challenge of one type.
    private struct Ordered {
        let order: String
        let authorization: String
        let challenge: String
        let keyAuthorization: String
        let token: String
    }

    private static func order(
        _ client: Client, _ name: String, _ type: String, kind: String = "dns"
    ) async throws -> Ordered {
        let (order, created) = try await client.order([name], type: kind)
        try #require(created.status == 201, "\(created.body)")
        #expect(created.text("status") == "pending", "\(created.body)")
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)
        let shown = try await client.post(authorization, nil)
        let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
        let challenge = try #require(challenges.first { $0["type"] as? String == type }, "\(shown.body)")
        let token = try #require(challenge["token"] as? String)
        let jwk = try Client.json(Client.jwk(client.key))
        let thumbprint = Client.base64url(Data(SHA256.hash(data: jwk)))
        return Ordered(
            order: order, authorization: authorization, challenge: try #require(challenge["url"] as? String),
            keyAuthorization: "\(token).\(thumbprint)", token: token)
    }

    private static func settled(_ client: Client, _ url: String) async throws -> CurlClient.Reply {
        var reply = try await client.post(url, nil)
        let isOver = try await eventually(within: .seconds(40), every: .milliseconds(200)) {
            reply = try await client.post(url, nil)
            return !["pending", "processing"].contains(reply.text("status") ?? "")
        }
        #expect(isOver, "\(reply.body)")
        return reply
    }

    /// The texts of a problem.
    private static func told(_ problem: [String: Any]) -> String {
        let parts = problem["subproblems"] as? [[String: Any]] ?? []
        return ([problem] + parts).compactMap { $0["detail"] as? String }.joined(separator: "; ")
    }

    private static func digest(_ text: String) -> String { Client.base64url(Data(SHA256.hash(data: Data(text.utf8)))) }

    @Test(
        "an answer is taken at once, shown as processing, and its failure as a problem of RFC 8555",
        arguments: EngineUnderTest.available)
    func answers(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine, ["CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "4s"])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        // Nobody is there.
        let closed = try await Self.order(client, "closed.certctl.test", "http-01")
        let answered = try await client.post(closed.challenge, [:])
        #expect(answered.status == 200 && answered.text("status") == "processing", "\(answered.body)")
        #expect(answered.body.hasPrefix(#"{"status":"processing""#), "\(answered.body)")
        #expect(Client.field("retry-after", answered) == "2")
        #expect(answered.headers.contains("<\(closed.authorization)>;rel=\"up\""), "\(answered.headers)")
        #expect(try await client.post(closed.challenge, [:]).status == 200, "an answer may be repeated")
        let failed = try await Self.settled(client, closed.challenge)
        #expect(failed.text("status") == "invalid")
        let error = try #require(failed.json["error"] as? [String: Any])
        #expect(error["type"] as? String == "urn:ietf:params:acme:error:connection", "\(failed.body)")
        #expect((error["subproblems"] as? [Any])?.count == 2, "\(failed.body)")
        #expect(!Self.told(error).contains("127.0.0.1"), "\(failed.body)")
        #expect(try await client.post(closed.authorization, nil).text("status") == "invalid")
        let order = try await client.post(closed.order, nil)
        #expect(order.text("status") == "invalid" && order.json["error"] != nil, "\(order.body)")
        let finalized = try await client.finalize(closed.order, try await client.csr(["closed.certctl.test"]))
        #expect(Client.problem(finalized) == "orderNotReady", "\(finalized.body)")

        // The DNS has nothing, and then something else.
        let missing = try await Self.order(client, "missing.certctl.test", "dns-01")
        #expect(try await client.post(missing.challenge, [:]).status == 200)
        let nothing = try await Self.settled(client, missing.challenge)
        #expect(nothing.body.contains("acme:error:unauthorized"), "\(nothing.body)")
        let other = try await Self.order(client, "other.certctl.test", "dns-01")
        try await stage.names.update("update add _acme-challenge.other.certctl.test 1 TXT \"nonsense\"")
        #expect(try await client.post(other.challenge, [:]).status == 200)
        let mismatch = try await Self.settled(client, other.challenge)
        #expect(mismatch.body.contains("acme:error:incorrectResponse"), "\(mismatch.body)")

        // Behind an alias, among so many records that they come by TCP.
        let many = try await Self.order(client, "many.certctl.test", "dns-01")
        try await stage.names.update("update add _acme-challenge.many.certctl.test 1 CNAME proofs.certctl.test.")
        for number in 0..<30 {
            try await stage.names.update(
                "update add proofs.certctl.test 1 TXT \"\(number)-\(String(repeating: "x", count: 60))\"")
        }
        try await stage.names.update("update add proofs.certctl.test 1 TXT \"\(Self.digest(many.keyAuthorization))\"")
        #expect(try await client.post(many.challenge, [:]).status == 200)
        #expect(try await Self.settled(client, many.authorization).text("status") == "valid")
        #expect(try await client.post(many.order, nil).text("status") == "ready")
        let csr = try await client.csr(["many.certctl.test"])
        #expect(try await client.finalize(many.order, csr).status == 200)
        #expect(try await client.settled(many.order).text("status") == "valid")

        // Somebody else's challenge is nobody's.
        let stranger = stage.acme.client()
        #expect(try await stranger.register(bound: false).status == 201)
        #expect(try await stranger.post(other.challenge, [:]).status == 403)
        let audit = try await stage.server.client.get("/api/v1/audit?action=acme_challenge_completed")
        #expect((audit.json["data"] as? [Any])?.count == 4, "\(audit.body)")
        await stage.stop()
    }

    @Test("inner addresses are not connected to, and not told of, whoever names them")
    func innerAddresses() async throws {
        let stage = try await ChallengeStage.make(
            .sqlite,
            [
                "CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": "", "CERTCTL_BLOCK_RFC1918_OUTBOUND": "true",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_CHALLENGE_RESPONDS_PER_HOUR": "2",
            ])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        for type in ["http-01", "tls-alpn-01"] {
            let ordered = try await Self.order(client, "inner.certctl.test", type)
            #expect(try await client.post(ordered.challenge, [:]).status == 200)
            let failed = try await Self.settled(client, ordered.challenge)
            #expect(failed.body.contains("acme:error:connection"), "\(failed.body)")
            let told = Self.told(try #require(failed.json["error"] as? [String: Any]))
            #expect(told.contains("inner.certctl.test"), "\(failed.body)")
            #expect(!told.contains("10.255") && !told.contains("127.0.0"), "\(failed.body)")
            _ = try await client.post(ordered.challenge, [:])
            let limited = try await client.post(ordered.challenge, [:])
            #expect(limited.status == 429 && Client.problem(limited) == "rateLimited", "\(limited.body)")
            #expect(try await client.post(ordered.challenge, nil).status == 200, "reading is not answering")
        }
        await stage.stop()
    }

    @Test("killed while it validates, a server goes on with it after its start", arguments: EngineUnderTest.available)
    func kills(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine, ["CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "5m"])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        // Somebody takes connections and keeps silent: the attempt is under way when the server dies.
        var silent: SilentListener? = try SilentListener(port: stage.webPort)
        let name = "killed.certctl.test"
        let ordered = try await Self.order(client, name, "http-01")
        #expect(try await client.post(ordered.challenge, [:]).status == 200)
        try await Task.sleep(for: .milliseconds(500))
        await stage.server.process.killAtOnce()
        _ = silent?.port
        silent = nil
        let root = stage.acme.work.url.appending(path: "web/.well-known/acme-challenge")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try ordered.keyAuthorization.write(
            to: root.appending(path: ordered.token), atomically: true, encoding: .utf8)
        let web = try ChildProgram(
            "/usr/bin/python3",
            ["-m", "http.server", "\(stage.webPort)", "--bind", "127.0.0.1", "-d", stage.acme.work.path("web")],
            logs: stage.acme.work.url)
        try await stage.server.startAgain()
        let done = try await Self.settled(client, ordered.authorization)
        #expect(done.text("status") == "valid", "\(done.body) \(stage.server.process.transcript)")
        #expect(try await client.post(ordered.order, nil).text("status") == "ready")

        // A server that is stopped gives its work back, and has it again at once.
        let again = try await Self.order(client, "stopped.certctl.test", "tls-alpn-01")
        var deaf: SilentListener? = try SilentListener(port: stage.tlsPort)
        #expect(try await client.post(again.challenge, [:]).status == 200)
        try await Task.sleep(for: .milliseconds(500))
        await stage.server.stop()
        _ = deaf?.port
        deaf = nil
        try await stage.server.startAgain()
        let failing = try await eventually(within: .seconds(10)) {
            try await client.post(again.challenge, nil).body.contains("acme:error:connection")
        }
        #expect(failing, "\(stage.server.process.transcript)")
        await web.stop()
        await stage.stop()
    }

    @Test("no more is validated at a time than the settings say, for each type by itself")
    func places() async throws {
        // Whoever is asked keeps silent: name server, web server, TLS server.
        let (names, web, tls) = (try SilentListener(), try SilentListener(), try SilentListener())
        let acme = try await ACMEStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_HTTP01_CONCURRENCY": "1", "CERTCTL_ACME_SERVER_DNS01_CONCURRENCY": "1",
                "CERTCTL_ACME_SERVER_TLSALPN01_CONCURRENCY": "1", "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "4s",
                "CERTCTL_ACME_SERVER_DNS01_RESOLVER": "127.0.0.1:\(names.port)",
                "CERTCTL_ACME_SERVER_HTTP01_PORT": "\(web.port)", "CERTCTL_ACME_SERVER_TLSALPN01_PORT": "\(tls.port)",
                "CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": "127.0.0.1",
            ])
        let mode = ["acme_auth_mode": "challenge"]
        try Inventory.expect(200, try await acme.server.client.put("/api/v1/profiles/\(ACMEStage.profile)", mode))
        let client = acme.client()
        #expect(try await client.register(bound: false).status == 201)
        for (type, name, kind) in [
            ("http-01", "127.0.0.1", "ip"), ("tls-alpn-01", "127.0.0.1", "ip"), ("dns-01", "slow.certctl.test", "dns"),
        ] {
            var challenges: [String] = []
            for _ in 0..<2 {
                let ordered = try await Self.order(client, name, type, kind: kind)
                #expect(try await client.post(ordered.challenge, [:]).status == 200)
                challenges.append(ordered.challenge)
            }
            var first: ContinuousClock.Instant?
            var second: ContinuousClock.Instant?
            let areTried = try await eventually(within: .seconds(40), every: .milliseconds(100)) {
                var tried = 0
                for challenge in challenges where try await client.post(challenge, nil).json["error"] != nil {
                    tried += 1
                }
                if tried >= 1 { first = first ?? .now }
                if tried == 2 { second = second ?? .now }
                return tried == 2
            }
            #expect(areTried, "\(type)")
            let gap = try #require(second) - (try #require(first))
            #expect(gap > .seconds(1), "\(type): \(gap)")
        }
        await acme.server.stop()
    }
}
