import Crypto
import Foundation
import TestSupport
import Testing

@Suite("Ballot SC-067, ADR-0031: real agents confirm what the control plane saw", .tags(.slow, .security))
struct ACMEPerspectiveTests {
    private typealias Client = ACMETestClient

    /// A challenge of an order for one name.
    private struct Ordered {
        let order: String
        let authorization: String
        let challenge: String
        let keyAuthorization: String
        let token: String
        var digest: String { Client.base64url(Data(SHA256.hash(data: Data(keyAuthorization.utf8)))) }
    }

    private static func order(_ client: Client, _ name: String, _ type: String) async throws -> Ordered {
        let (order, created) = try await client.order([name])
        try #require(created.status == 201, "\(created.body)")
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)
        let shown = try await client.post(authorization, nil)
        let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
        let challenge = try #require(challenges.first { $0["type"] as? String == type }, "\(shown.body)")
        let token = try #require(challenge["token"] as? String)
        let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
        return Ordered(
            order: order, authorization: authorization, challenge: try #require(challenge["url"] as? String),
            keyAuthorization: "\(token).\(thumbprint)", token: token)
    }

    private static func settled(_ client: Client, _ ordered: Ordered) async throws -> CurlClient.Reply {
        var reply = try await client.post(ordered.challenge, nil)
        let isOver = try await eventually(within: .seconds(60), every: .milliseconds(200)) {
            reply = try await client.post(ordered.challenge, nil)
            return !["pending", "processing"].contains(reply.text("status") ?? "")
        }
        #expect(isOver, "\(reply.body)")
        return reply
    }

    /// Orders a name and has its page, or its TXT record, looked at; the challenge as it ends.
    private static func prove(
        _ client: Client, _ name: String, _ type: String = "http-01", _ web: WebRoot, _ names: [NameServer]
    ) async throws -> CurlClient.Reply {
        let ordered = try await order(client, name, type)
        if type == "http-01" {
            try ordered.keyAuthorization.write(
                toFile: "\(web.proofs)/\(ordered.token)", atomically: true, encoding: .utf8)
        } else {
            for server in names {
                try await server.update("update add _acme-challenge.\(name) 1 TXT \"\(ordered.digest)\"")
            }
        }
        #expect(try await client.post(ordered.challenge, [:]).status == 200)
        return try await settled(client, ordered)
    }

    /// An agent that sees what the control plane sees, unless the settings say otherwise.
    private static func agent(
        at vantage: String, _ stage: ChallengeStage, with server: ControlPlane? = nil,
        _ settings: [String: String] = [:]
    ) async throws -> AgentProcess {
        try await AgentProcess.enroll(
            named: "edge-\(vantage)", with: server ?? stage.server,
            settings: [
                "CERTCTL_AGENT_VANTAGE": vantage, "CERTCTL_AGENT_VANTAGE_RESOLVER": "127.0.0.1:\(stage.names.port)",
                "CERTCTL_AGENT_VANTAGE_HTTP01_PORT": "\(stage.webPort)",
                "CERTCTL_AGENT_VANTAGE_TLSALPN01_PORT": "\(stage.tlsPort)",
                "CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": "127.0.0.0/8",
            ].merging(settings) { $1 })
    }

    /// The details of what the agents answered, newest first.
    private static func answers(_ server: ControlPlane) async throws -> [[String: Any]] {
        let audit = try await server.client.get("/api/v1/audit?action=acme_perspective_answered&per_page=100")
        return try #require(audit.json["data"] as? [[String: Any]], "\(audit.body)").compactMap {
            $0["details"] as? [String: Any]
        }
    }

    private static let three = "eu=edge-eu,us=edge-us,ap=edge-ap"

    @Test(
        "three agents confirm pages, records and handshakes; one may dissent, and one that is away is missed",
        arguments: EngineUnderTest.available)
    func quorum(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_PERSPECTIVES": Self.three, "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "8s",
                "CERTCTL_ACME_SERVER_CAA_IDENTITIES": "ca.certctl.test",
            ])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let web = try await WebRoot.start(in: stage.acme.work, port: stage.webPort)
        let (eu, ap) = (try await Self.agent(at: "eu", stage), try await Self.agent(at: "ap", stage))
        // On the way to this one, somebody else answers for the web and for nobody on the TLS port.
        let hijacker = LoopbackPort.unused()
        let elsewhere = try TemporaryDirectory("elsewhere")
        let wrong = try await WebRoot.start(in: elsewhere, port: hijacker)
        let us = try await Self.agent(
            at: "us", stage,
            [
                "CERTCTL_AGENT_VANTAGE_HTTP01_PORT": "\(hijacker)",
                "CERTCTL_AGENT_VANTAGE_TLSALPN01_PORT": "\(LoopbackPort.unused())",
            ])

        let page = try await Self.prove(client, "page.certctl.test", "http-01", web, [])
        #expect(page.text("status") == "valid", "\(page.body) \(us.process.transcript)")
        let kid = try #require(client.kid)
        try await stage.names.update(
            "update add zone.certctl.test 1 CAA 0 issue \"ca.certctl.test; accounturi=\(kid)\"")
        let record = try await Self.prove(client, "zone.certctl.test", "dns-01", web, [stage.names])
        #expect(record.text("status") == "valid", "\(record.body)")
        let lego = try await runProgram(
            "/usr/bin/lego",
            [
                "--server", stage.acme.directory, "--path", stage.acme.work.path("lego"), "--email", "ops@certctl.test",
                "--accept-tos", "--domains", "tls.certctl.test", "--tls", "--tls.port", "127.0.0.1:\(stage.tlsPort)",
                "run",
            ],
            environment: ["HOME": stage.acme.work.url.path, "LEGO_CA_CERTIFICATES": stage.server.authority],
            logs: stage.acme.work.url, timeout: .seconds(120))
        #expect(lego.status == 0, "\(lego.output) \(lego.errors)")
        let areToldOf = try await eventually(within: .seconds(15)) { try await Self.answers(stage.server).count == 9 }
        let answers = try await Self.answers(stage.server)
        #expect(areToldOf, "\(answers)")
        let dissent = answers.filter { $0["verdict"] as? String == "refused" }
        #expect(dissent.count == 2 && dissent.allSatisfy { $0["perspective"] as? String == "us" }, "\(dissent)")
        #expect(Set(answers.compactMap { $0["agent_id"] as? String }) == [eu.id, us.id, ap.id])
        let metrics = try await stage.server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains(#"certctl_acme_perspective_quorum_total{result="met"} 3"#), "\(metrics)")

        // Now a second one is missing: what it would say is not known.
        await ap.stop()
        let missed = try await Self.prove(client, "missed.certctl.test", "http-01", web, [])
        #expect(missed.text("status") == "invalid", "\(missed.body)")
        #expect(missed.body.contains("the perspective ap gave no answer"), "\(missed.body)")
        #expect(missed.body.contains("seen from us"), "\(missed.body)")
        #expect(!missed.body.contains("edge-") && !missed.body.contains("127.0.0.1:\(hijacker)"), "\(missed.body)")
        try ap.startAgain()
        let again = try await Self.prove(client, "again.certctl.test", "http-01", web, [])
        #expect(again.text("status") == "valid", "\(again.body)")
        for agent in [eu, us, ap] { await agent.stop() }
        await wrong.process.stop()
        await web.process.stop()
        await stage.stop()
    }

    /// Where an agent says that it stands, and for what the settings appoint it.
    private static func operatorsSee(
        _ agent: AgentProcess, at vantage: String, appointed: [String], _ stage: ChallengeStage
    ) async throws {
        let shown = try await stage.server.client.get("/api/v1/agents/\(agent.id)")
        #expect(shown.text("vantage") == vantage, "\(shown.body)")
        #expect(shown.json["perspectives"] as? [String] == appointed, "\(shown.body)")
        let listed = try await stage.server.client.get("/api/v1/agents?per_page=100")
        let row = (listed.json["data"] as? [[String: Any]])?.first { $0["id"] as? String == agent.id }
        #expect(row?["vantage"] as? String == vantage, "\(listed.body)")
        let text = try await stage.server.cli(["agents", "get", agent.id])
        #expect(text.status == 0 && text.output.lowercased().contains("vantage:"), "\(text.output) \(text.errors)")
    }

    @Test(
        "a name that is hijacked where the control plane looks gets no certificate, unless the operator asks for less")
    func hijacked() async throws {
        let stage = try await ChallengeStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_PERSPECTIVES": "\(Self.three),sa=edge-sa",
                "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "1s",
            ])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let web = try await WebRoot.start(in: stage.acme.work, port: stage.webPort)
        // Elsewhere the name is at another address, at nobody's, or may not be connected to.
        let elsewhere = try await NameServer.start()
        try await elsewhere.update("update add victim.certctl.test 1 A 10.255.255.1")
        let eu = try await Self.agent(at: "eu", stage)
        let us = try await Self.agent(
            at: "us", stage,
            [
                "CERTCTL_AGENT_VANTAGE_RESOLVER": "127.0.0.1:\(elsewhere.port)",
                "CERTCTL_BLOCK_RFC1918_OUTBOUND": "true",
            ])
        let ap = try await Self.agent(
            at: "ap", stage, ["CERTCTL_AGENT_VANTAGE_HTTP01_PORT": "\(LoopbackPort.unused())"])
        let sa = try await Self.agent(at: "sa", stage, ["CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": ""])
        // Enrolled, willing, and not appointed: its votes are not asked for.
        let volunteer = try await Self.agent(at: "xx", stage)
        try await Self.operatorsSee(volunteer, at: "xx", appointed: [], stage)
        try await Self.operatorsSee(eu, at: "eu", appointed: ["eu"], stage)

        let refused = try await Self.prove(client, "victim.certctl.test", "http-01", web, [])
        #expect(refused.text("status") == "invalid", "\(refused.body)")
        #expect(refused.body.contains("acme:error:connection"), "\(refused.body)")
        // Two dissenting votes decide; whoever votes later is in the audit log.
        let seen = ["us", "ap", "sa"].filter { refused.body.contains("seen from \($0)") }
        #expect(seen.count >= 2 && !refused.body.contains("seen from eu"), "\(refused.body)")
        #expect(!refused.body.contains("10.255"), "\(refused.body)")
        let areToldOf = try await eventually(within: .seconds(15)) { try await Self.answers(stage.server).count == 4 }
        let answers = try await Self.answers(stage.server)
        #expect(areToldOf, "\(answers)")
        func detail(_ perspective: String) -> String {
            answers.first { $0["perspective"] as? String == perspective }?["detail"] as? String ?? ""
        }
        #expect(detail("us").contains("private"), "\(answers)")
        #expect(detail("sa").contains("not connected"), "\(answers)")
        #expect(!volunteer.process.transcript.contains("a proof of a name was looked at"))
        let isTold = await eventually(within: .seconds(10)) {
            volunteer.process.transcript.contains("does not ask this agent about proofs")
        }
        #expect(isTold, "\(volunteer.process.transcript)")

        await stage.server.stop()
        try await stage.server.startAgain(extra: ["CERTCTL_ACME_SERVER_PERSPECTIVE_QUORUM": "1"])
        let lenient = try await Self.prove(client, "lenient.certctl.test", "http-01", web, [])
        #expect(lenient.text("status") == "valid", "\(lenient.body)")
        for agent in [eu, us, ap, sa, volunteer] { await agent.stop() }
        await web.process.stop()
        await elsewhere.stop()
        await stage.stop()
    }

    @Test("killed while it waits for votes, a server asks again after its start", arguments: EngineUnderTest.available)
    func kills(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_PERSPECTIVES": "eu=edge-eu,us=edge-us",
                "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "5m",
                "CERTCTL_ACME_SERVER_PERSPECTIVE_QUORUM": "2",
            ])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let web = try await WebRoot.start(in: stage.acme.work, port: stage.webPort)
        let (eu, us) = (try await Self.agent(at: "eu", stage), try await Self.agent(at: "us", stage))
        await us.stop()
        let ordered = try await Self.order(client, "killed.certctl.test", "http-01")
        try ordered.keyAuthorization.write(
            toFile: "\(web.proofs)/\(ordered.token)", atomically: true, encoding: .utf8)
        #expect(try await client.post(ordered.challenge, [:]).status == 200)
        let hasVoted = try await eventually(within: .seconds(20)) { try await Self.answers(stage.server).count == 1 }
        #expect(hasVoted, "\(eu.process.transcript)")
        await stage.server.process.killAtOnce()
        try us.startAgain()
        try await stage.server.startAgain()
        let done = try await Self.settled(client, ordered)
        #expect(done.text("status") == "valid", "\(done.body) \(stage.server.process.transcript)")
        let answers = try await Self.answers(stage.server)
        let attempts = answers.compactMap { $0["attempt"] as? Int }
        #expect(attempts.max().map { $0 >= 2 } == true && answers.count >= 3, "\(answers)")
        for agent in [eu, us] { await agent.stop() }
        await web.process.stop()
        await stage.stop()
    }

    @Test(
        "agents that vote at one replica make a challenge valid that the other one looks at",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func replicas() async throws {
        let stage = try await ReplicaStage.make(["CERTCTL_ACME_SERVER_PERSPECTIVES": Self.three])
        let web = try await WebRoot.start(in: stage.acme.work, port: stage.challenges.webPort)
        let agents = [
            try await Self.agent(at: "eu", stage.challenges, with: stage.first),
            try await Self.agent(at: "us", stage.challenges, with: stage.second),
            try await Self.agent(at: "ap", stage.challenges, with: stage.second),
        ]
        let client = stage.client()
        #expect(try await client.register(bound: false).status == 201)
        for round in 0..<4 {
            let done = try await Self.prove(client, "replica\(round).certctl.test", "http-01", web, [])
            #expect(done.text("status") == "valid", "\(done.body)")
        }
        let areToldOf = try await eventually(within: .seconds(15)) { try await Self.answers(stage.first).count == 12 }
        #expect(areToldOf)
        for agent in agents { await agent.stop() }
        await web.process.stop()
        await stage.stop()
    }
}
