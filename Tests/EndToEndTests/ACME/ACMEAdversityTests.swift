import Foundation
import TestSupport
import Testing

@Suite("RFC 8555 §6.5, §7.1.6: unmodified clients, when nonces are refused and authorizations end", .tags(.slow))
struct ACMEAdversityTests {
    private typealias Client = ACMETestClient

    /// A client by its name, and how it orders one name that is proved by http-01.
    private static func command(_ client: String, _ stage: ChallengeStage, _ directory: String) -> [String] {
        let work = stage.acme.work
        switch client {
        case "certbot":
            return ["/usr/bin/certbot", "certonly", "--standalone", "--http-01-port", "\(stage.webPort)"]
                + ["--http-01-address", "127.0.0.1", "-d", "certbot.certctl.test", "--agree-tos", "-m"]
                + ["ops@certctl.test", "--no-eff-email", "--server", directory, "--non-interactive"]
                + ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
        default:
            return ["/usr/bin/lego", "--server", directory, "--path", work.path("lego"), "--email"]
                + ["ops@certctl.test", "--accept-tos", "--domains", "lego.certctl.test", "--http", "--http.port"]
                + ["127.0.0.1:\(stage.webPort)", "run"]
        }
    }

    private static func run(
        _ command: [String], trusting authority: String, _ stage: ChallengeStage
    ) async throws -> ProgramOutcome {
        let work = stage.acme.work
        return try await runProgram(
            command[0], Array(command.dropFirst()),
            environment: [
                "HOME": work.url.path, "REQUESTS_CA_BUNDLE": authority, "LEGO_CA_CERTIFICATES": authority,
            ], logs: work.url, timeout: .seconds(120))
    }

    @Test("§6.5: no nonce that an answer brings is taken; clients come again with another")
    func badNonces() async throws {
        let port = LoopbackPort.unused()
        let stage = try await ChallengeStage.make(
            .sqlite, ["CERTCTL_SERVER_PUBLIC_URL": "https://127.0.0.1:\(port)"])
        let proxy = try await LoadBalancer.start(
            [stage.server], port: port, taking: .requests, spoilsNonces: true, in: stage.acme.work)
        var refused = 0
        for client in ["certbot", "lego"] {
            let command = Self.command(client, stage, "https://127.0.0.1:\(port)/acme/directory")
            let ran = try await Self.run(command, trusting: proxy.authority, stage)
            #expect(ran.status == 0, "\(client): \(ran.output) \(ran.errors)")
            let now = stage.server.acmeRequests(status: 400)
            // Order, authorization, challenge, finalization, certificate: each came twice.
            #expect(now - refused >= 5, "\(client): \(now - refused)")
            refused = now
        }
        let audit = try await stage.server.client.get("/api/v1/audit?action=acme_order_finalized")
        #expect((audit.json["data"] as? [Any])?.count == 2, "\(audit.body)")
        await proxy.process.stop()
        await stage.stop()
    }

    @Test("§7.1.6: a proof serves as long as its authorization lasts, and is asked for again after that")
    func endedAuthorizations() async throws {
        let lifetime = 40
        let stage = try await ChallengeStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_AUTHZ_REUSE": "1h", "CERTCTL_ACME_SERVER_AUTHZ_TTL": "\(lifetime)s",
                "CERTCTL_ACME_SERVER_GC_INTERVAL": "0s",
            ])
        func proofs() async throws -> Int {
            let audit = try await stage.server.client.get("/api/v1/audit?action=acme_challenge_completed")
            return (audit.json["data"] as? [Any])?.count ?? 0
        }
        func order(_ client: String) async throws {
            var command = Self.command(client, stage, stage.acme.directory)
            if client == "certbot" { command.append("--force-renewal") }
            let ran = try await Self.run(command, trusting: stage.server.authority, stage)
            #expect(ran.status == 0, "\(client): \(ran.output) \(ran.errors)")
        }
        let clients = ["certbot", "lego"]
        for client in clients { try await order(client) }
        let proved = ContinuousClock.now
        for client in clients { try await order(client) }
        #expect(try await proofs() == 2, "what was proved was proved anew")
        try await Task.sleep(until: proved + .seconds(lifetime))
        for client in clients { try await order(client) }
        #expect(try await proofs() == 4, "a proof outlived its authorization")
        await stage.stop()
    }

    @Test("§7.1.6: an authorization that ended before its proof ends its order; the client orders anew")
    func lateProofs() async throws {
        let stage = try await ChallengeStage.make(
            .sqlite, ["CERTCTL_ACME_SERVER_AUTHZ_TTL": "10s", "CERTCTL_ACME_SERVER_GC_INTERVAL": "0s"])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let (order, created) = try await client.order(["late.certctl.test"])
        let authorization = try #require((created.json["authorizations"] as? [String])?.first, "\(created.body)")
        let challenges = try await client.post(authorization, nil).json["challenges"] as? [[String: Any]]
        let challenge = try #require(challenges?.first?["url"] as? String)

        // certbot publishes its proof when nobody waits for it any more.
        let slow = stage.acme.work.path("slow-hook")
        let hook = try stage.names.certbotHook("add")
        try "#!/bin/sh\nsleep 11\nexec \(hook)\n".write(toFile: slow, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: slow)
        func certbot(_ hook: String) async throws -> ProgramOutcome {
            let command =
                [
                    "/usr/bin/certbot", "certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook",
                    hook,
                ]
                + ["--manual-cleanup-hook", try stage.names.certbotHook("delete"), "-d", "slow.certctl.test"]
                + ["--agree-tos", "-m", "ops@certctl.test", "--no-eff-email", "--server", stage.acme.directory]
                + ["config", "work", "logs"].flatMap { ["--\($0)-dir", stage.acme.work.path("certbot-\($0)")] }
                + ["--non-interactive"]
            return try await Self.run(command, trusting: stage.server.authority, stage)
        }
        let late = try await certbot(slow)
        #expect(late.status != 0 && !late.transcript.contains("Traceback"), "\(late.transcript)")

        #expect(try await client.post(authorization, nil).text("status") == "expired")
        let answered = try await client.post(challenge, [:])
        #expect(answered.text("status") != "processing", "\(answered.body)")
        #expect(try await client.post(order, nil).text("status") == "invalid")
        let finalized = try await client.finalize(order, try await client.csr(["late.certctl.test"]))
        #expect(Client.problem(finalized) == "orderNotReady", "\(finalized.body)")

        let anew = try await certbot(hook)
        #expect(anew.status == 0, "\(anew.transcript)")
        await stage.stop()
    }
}

extension ProgramOutcome {
    fileprivate var transcript: String { output + errors }
}
