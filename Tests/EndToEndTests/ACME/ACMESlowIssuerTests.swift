import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("RFC 8555 §7.4: a CA that takes its time, beside certbot and lego", .tags(.slow))
struct ACMESlowIssuerTests {
    private typealias Client = ACMETestClient

    /// A directory whose CA has its key in a signing process, which can be frozen.
    private struct Stage {
        let acme: ACMEStage
        let signer: SignerProcess
        var server: ControlPlane { acme.server }

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let signer = try await SignerProcess()
            let acme = try await ACMEStage.make(
                engine, ["CERTCTL_SIGNER_SOCKET": signer.socket, "CERTCTL_SIGNER_TIMEOUT": "50s"])
            try Inventory.expect(
                201,
                try await acme.server.client.post(
                    "/api/v1/issuers",
                    [
                        "id": "iss-slow", "name": "Slow CA", "type": "local",
                        "config": SignerAuthorityStage.config("slow"),
                    ]))
            try Inventory.expect(
                200,
                try await acme.server.client.put("/api/v1/profiles/\(ACMEStage.profile)", ["issuer_id": "iss-slow"]))
            return Stage(acme: acme, signer: signer)
        }

        func freeze() { signer.process.send(SIGSTOP) }
        func thaw() { signer.process.send(SIGCONT) }

        func stop() async {
            thaw()
            await server.stop()
            await signer.stop()
        }

        func count(_ action: String) async throws -> Int {
            let audit = try await server.client.get("/api/v1/audit?action=\(action)&per_page=100")
            return (audit.json["data"] as? [Any])?.count ?? -1
        }

        /// The access lines of a route.
        func lines(_ route: String) throws -> [[String: Any]] {
            server.process.output.split(separator: "\n").compactMap { line in
                let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                guard fields?["msg"] as? String == "request completed", fields?["route"] as? String == route else {
                    return nil
                }
                return fields
            }
        }

        func order(_ client: String) throws -> (program: String, arguments: [String]) {
            let binding = (acme.keyID, acme.hmacKey)
            guard client == "certbot" else {
                return (
                    "/usr/bin/lego",
                    [
                        "--server", acme.directory, "--path", acme.work.path("lego"), "--email", "ops@certctl.test",
                        "--accept-tos", "--eab", "--kid", binding.0, "--hmac", binding.1, "--domains",
                        "lego.certctl.test", "--http", "--http.port", "127.0.0.1:\(LoopbackPort.unused())", "run",
                    ]
                )
            }
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", acme.work.path("certbot-\($0)")] }
            return (
                "/usr/bin/certbot",
                [
                    "certonly", "--standalone", "--agree-tos", "-m", "ops@certctl.test", "--no-eff-email", "--eab-kid",
                    binding.0, "--eab-hmac-key", binding.1, "-d", "certbot.certctl.test", "--server", acme.directory,
                    "--non-interactive",
                ] + folders
            )
        }
    }

    @Test("certbot and lego poll, and get what was issued meanwhile", arguments: ["certbot", "lego"])
    func clients(client: String) async throws {
        let stage = try await Stage.start(.sqlite)
        let (program, arguments) = try stage.order(client)
        stage.freeze()
        let thawing = Task {
            try await Task.sleep(for: .seconds(22))
            stage.thaw()
        }
        let ran = try await runProgram(
            program, arguments,
            environment: [
                "HOME": stage.acme.work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority,
                "LEGO_CA_CERTIFICATES": stage.server.authority,
            ], logs: stage.acme.work.url, timeout: .seconds(120))
        try await thawing.value
        #expect(ran.status == 0, "\(ran.output) \(ran.errors)")
        let finalized = try #require(try stage.lines("/acme/order/{order_id}/finalize").first)
        let took = (finalized["duration_ms"] as? Double) ?? 0
        #expect(took >= 9900 && took < 20000, "\(took)")
        #expect(finalized["status"] as? Int == 200)
        #expect(try stage.lines("/acme/order/{order_id}").count >= 2)
        #expect(try await stage.count("acme_order_finalized") == 1)
        await stage.stop()
    }

    @Test("access lines say who asked, under which profile, and for which order")
    func accessLines() async throws {
        let stage = try await Stage.start(.sqlite)
        let client = stage.acme.client()
        #expect(try await client.register().status == 201)
        let (order, chain, _) = try await client.obtain(["a.certctl.test"])
        let id = try #require(order.split(separator: "/").last.map(String.init))
        let account = try #require(client.kid?.split(separator: "/").last.map(String.init))
        for route in ["/acme/new-order", "/acme/order/{order_id}", "/acme/order/{order_id}/finalize"] {
            let line = try #require(try stage.lines(route).last, "\(route)")
            #expect(line["order_id"] as? String == id, "\(line)")
            #expect(line["actor_id"] as? String == "acme:\(account)", "\(line)")
            #expect(line["actor_type"] as? String == "Protocol", "\(line)")
            #expect(line["profile_id"] as? String == ACMEStage.profile, "\(line)")
        }
        let last = try #require(try stage.lines("/acme/order/{order_id}/finalize").last)
        #expect((last["certificate_id"] as? String)?.hasPrefix("mc-acme-") == true, "\(last)")
        let directory = try #require(try stage.lines("/acme/cert/{cert_id}").last)
        #expect(directory["actor_id"] as? String == "acme:\(account)", "\(directory)")
        let revoked = try await client.post(
            "\(client.base)/revoke-cert", ["certificate": ACMETestClient.base64url(try ACMETestClient.der(chain))])
        #expect(revoked.status == 200, "\(revoked.body)")
        let revocation = try #require(try stage.lines("/acme/revoke-cert").last)
        let serial = try #require(revocation["serial"] as? String, "\(revocation)")
        #expect(serial.wholeMatch(of: /[1-9a-f][0-9a-f]{10,39}/) != nil && directory["serial"] as? String == serial)
        #expect(revocation["certificate_id"] as? String == last["certificate_id"] as? String, "\(revocation)")

        // Whoever only says that it is the account is not called by its name.
        let thief = stage.acme.client()
        thief.kid = client.kid
        #expect(try await thief.post(order, nil).status == 401)
        let forged = try #require(try stage.lines("/acme/order/{order_id}").last)
        #expect(forged["status"] as? Int == 401 && forged["actor_id"] == nil, "\(forged)")
        #expect(forged["order_id"] as? String == id && forged["profile_id"] as? String == ACMEStage.profile)
        await stage.stop()
    }

    @Test(
        "a server that is killed while the CA is asked issues once after it is back",
        arguments: EngineUnderTest.available)
    func killed(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let client = stage.acme.client()
        #expect(try await client.register().status == 201)
        let (order, created) = try await client.order(["a.certctl.test"])
        try #require(created.status == 201, "\(created.body)")
        let csr = try await client.csr(["a.certctl.test"])
        stage.freeze()
        let began = ContinuousClock.now
        let answered = try await client.finalize(order, csr)
        #expect(answered.status == 200 && answered.text("status") == "processing", "\(answered.body)")
        let took = ContinuousClock.now - began
        #expect(took >= .seconds(10) && took < .seconds(20), "\(took)")
        #expect(Client.field("retry-after", answered) == "2", "\(answered.headers)")
        #expect(Client.field("location", answered) == order)
        let again = try await client.finalize(order, csr)
        #expect(again.status == 200 && again.text("status") == "processing", "\(again.body)")

        await stage.server.process.killAtOnce()
        stage.thaw()
        try await stage.server.startAgain()
        let done = try await client.settled(order, within: .seconds(120))
        #expect(done.text("status") == "valid", "\(done.body)")
        let url = try #require(done.text("certificate"))
        #expect(try await client.post(url, nil).status == 200)
        #expect(try await stage.count("acme_order_finalized") == 1)
        #expect(try await stage.count("issuance_order_abandoned") == 1)
        await stage.stop()
    }
}
