import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Protocol servers §2, §12.2: the server ends between and within the steps of unmodified clients", .tags(.slow))
struct ACMERestartTests {
    private typealias Client = ACMETestClient

    private static func commands(_ client: String, _ stage: ChallengeStage, _ directory: String) -> [[String]] {
        let work = stage.acme.work
        if client == "certbot" {
            let common =
                ["--server", directory, "--non-interactive"]
                + ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
            return [
                ["/usr/bin/certbot", "certonly", "--standalone", "--http-01-port", "\(stage.webPort)"]
                    + ["--http-01-address", "127.0.0.1", "-d", "steps.certctl.test", "--agree-tos", "-m"]
                    + ["ops@certctl.test", "--no-eff-email"] + common,
                ["/usr/bin/certbot", "revoke", "--cert-path", certificate(client, stage), "--no-delete-after-revoke"]
                    + common,
            ]
        }
        let common =
            ["/usr/bin/lego", "--server", directory, "--path", work.path("lego"), "--email", "ops@certctl.test"]
            + ["--accept-tos", "--domains", "steps.certctl.test", "--http", "--http.port"]
            + ["127.0.0.1:\(stage.webPort)"]
        return [common + ["run"], common + ["revoke", "--keep"]]
    }

    private static func certificate(_ client: String, _ stage: ChallengeStage) -> String {
        stage.acme.work.path(
            client == "certbot"
                ? "certbot-config/live/steps.certctl.test/cert.pem" : "lego/certificates/steps.certctl.test.crt")
    }

    /// What a request is about: a word of its path. No client does without the first nine.
    private static let kinds = [
        "directory", "new-nonce", "new-account", "new-order", "authz", "challenge", "finalize", "cert", "revoke-cert",
        "order", "account",
    ]

    private static func step(_ request: RequestGate.Request) throws -> Int {
        let words = request.path.split(separator: "/").map(String.init)
        return try #require(kinds.firstIndex { $0 == words.last || $0 == words.dropFirst().first }, "\(request.path)")
    }

    /// The end of the server is an orderly one on one engine and SIGKILL on the other. So the `time`-th request of each step
    /// of each client has seen both, however often it looks whether something is ready.
    private static func isKilled(_ step: Int, _ time: Int, _ client: String, _ engine: EngineUnderTest) -> Bool {
        (step + time + (client == "certbot" ? 0 : 1) + (engine == .sqlite ? 0 : 1)) % 2 == 0
    }

    @Test(
        "after each request of certbot and lego, before they have the answer, the server ends and starts again",
        arguments: ["certbot", "lego"], EngineUnderTest.available)
    func steps(client: String, engine: EngineUnderTest) async throws {
        let port = LoopbackPort.unused()
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_SERVER_PUBLIC_URL": "https://127.0.0.1:\(port)",
                "CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL": "1s",
            ].merging(ACMEStage.quickCheckpoints) { $1 })
        let work = stage.acme.work
        let gate = try await RequestGate.start(before: stage.server, port: port, in: work)
        var (last, requests) = (0, [String]())
        var ends: [Int: Int] = [:]
        for command in Self.commands(client, stage, gate.directory) {
            let ran = try await gate.run(
                command,
                environment: [
                    "HOME": work.url.path, "REQUESTS_CA_BUNDLE": gate.authority, "LEGO_CA_CERTIFICATES": gate.authority,
                ], logs: work.url, after: last
            ) { request in
                requests.append("\(request.method) \(request.path) \(request.status)")
                let step = try Self.step(request)
                // A client that looks again and again whether something is ready is at one step all the time.
                guard ends[step, default: 0] < 3 else { return }
                ends[step, default: 0] += 1
                if Self.isKilled(step, ends[step, default: 0], client, engine) {
                    await stage.server.process.killAtOnce()
                } else {
                    await stage.server.stop()
                }
                try await stage.server.startAgain()
            }
            try #require(ran.status == 0, "\(requests): \(ran.transcript)")
            last = ran.last
        }
        #expect(Set(0..<9).isSubset(of: ends.keys), "\(requests)")
        #expect(try await stage.acme.serial(Self.certificate(client, stage)).hasPrefix("serial="))
        try await Self.expectOneVersion(of: 1, stage.acme)
        for action in ["acme_account_created", "acme_challenge_completed", "acme_order_finalized"] {
            let audit = try await stage.server.client.get("/api/v1/audit?action=\(action)")
            #expect((audit.json["data"] as? [Any])?.count == 1, "\(action), \(requests): \(audit.body)")
        }
        let revocations = try await stage.server.client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == 1, "\(revocations.body)")
        await gate.process.stop()
        await stage.stop()
    }

    /// As many certificates as orders, each with one version, and an audit log that nothing is missing from.
    private static func expectOneVersion(of orders: Int, _ stage: ACMEStage) async throws {
        let client = stage.server.client
        let listed = try await client.get("/api/v1/admin/acme/orders")
        #expect(listed.json["total"] as? Int == orders, "\(listed.body)")
        let rows = try await client.get("/api/v1/certificates?source=ACME")
        let certificates = try #require(rows.json["data"] as? [[String: Any]], "\(rows.body)")
        #expect(certificates.count == orders, "\(rows.body)")
        for certificate in certificates {
            let id = try #require(certificate["id"] as? String)
            let versions = try await client.get("/api/v1/certificates/\(id)/versions")
            #expect((versions.json["data"] as? [Any])?.count == 1, "\(versions.body)")
        }
        try await stage.expectSoundAudit()
    }

    @Test(
        "killed while an order is processing, as it says, a server issues once: the CA answers nobody, the next, or late",
        arguments: EngineUnderTest.available)
    func processing(engine: EngineUnderTest) async throws {
        let signer = try await SignerProcess()
        let stage = try await ACMEStage.make(
            engine,
            [
                "CERTCTL_SIGNER_SOCKET": signer.socket, "CERTCTL_SIGNER_TIMEOUT": "5s",
                "CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL": "1s",
            ].merging(ACMEStage.quickCheckpoints) { $1 })
        let config: [String: Any] = ["key_driver": "exec", "key_ref": "signer:ca1"]
        try Inventory.expect(
            201,
            try await stage.server.client.post(
                "/api/v1/issuers", ["id": "iss-slow", "name": "Slow CA", "type": "local", "config": config]))
        try Inventory.expect(
            200,
            try await stage.server.client.put("/api/v1/profiles/\(ACMEStage.profile)", ["issuer_id": "iss-slow"]))
        let client = stage.client()
        #expect(try await client.register().status == 201)

        var done: [String] = []
        for (round, isAnsweredBefore) in [true, false].enumerated() {
            let name = "p\(round).certctl.test"
            let (order, created) = try await client.order([name])
            try #require(created.status == 201, "\(created.body)")
            let csr = try await client.csr([name])
            signer.process.send(SIGSTOP)
            async let sent = try? client.finalize(order, csr)
            let watcher = stage.client()
            (watcher.key, watcher.kid) = (client.key, client.kid)
            let isProcessing = try await eventually(within: .seconds(20), every: .milliseconds(100)) {
                try await watcher.post(order, nil).text("status") == "processing"
            }
            try #require(isProcessing, "\(stage.server.process.transcript)")
            await stage.server.process.killAtOnce()
            _ = await sent
            if isAnsweredBefore { signer.process.send(SIGCONT) }
            try await stage.server.startAgain()
            let state = try await client.post(order, nil)
            if !isAnsweredBefore {
                #expect(state.text("status") == "processing", "\(state.body)")
                await stage.server.process.killAtOnce()
                signer.process.send(SIGCONT)
                try await stage.server.startAgain()
            }
            // The same request again changes nothing, whoever works on it.
            let again = try await client.finalize(order, csr)
            #expect(again.status == 200, "\(again.body)")
            // On PostgreSQL the CA may still be answering another replica: a call is given up when that fell silent for 20 s.
            let ended = try await client.settled(order, within: .seconds(70))
            #expect(ended.text("status") == "valid", "\(ended.body)")
            let chain = try await client.post(try #require(ended.text("certificate"), "\(ended.body)"), nil)
            #expect(chain.status == 200 && chain.body.contains("BEGIN CERTIFICATE"), "\(chain.body)")
            done.append(order)
        }
        try await Self.expectOneVersion(of: done.count, stage)
        let audit = try await stage.server.client.get("/api/v1/audit?action=acme_order_finalized")
        #expect((audit.json["data"] as? [Any])?.count == done.count, "\(audit.body)")
        await stage.server.stop()
        await signer.stop()
    }
}
