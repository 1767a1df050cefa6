import Foundation
import TestSupport
import Testing

@Suite("A certificate and its key that were on the host before the agent", .tags(.slow))
struct KeyAdoptionTests {
    private struct Stage {
        let server: ControlPlane
        let nginx: NginxProcess
        let agent: AgentProcess
        let work: TemporaryDirectory

        func openssl(_ arguments: [String]) async throws -> String {
            let outcome = try await runProgram("/usr/bin/openssl", arguments, logs: work.url)
            try #require(outcome.status == 0, "\(outcome.errors)")
            return outcome.output
        }

        func fingerprint(_ file: String) async throws -> String {
            try await openssl(["x509", "-in", work.path(file), "-noout", "-fingerprint", "-sha256"])
                .split(separator: "=").last.map { $0.filter(\.isHexDigit).lowercased() } ?? ""
        }

        /// A certificate that another CA made, with its key, as PEM and as PKCS#12.
        func make(_ stem: String) async throws {
            for (file, subject) in [("ca", "/CN=Old CA"), (stem, "/CN=site.certctl.test")] {
                let key = ["-keyout", work.path("\(file).key"), "-subj", subject, "-nodes", "-newkey", "rsa:2048"]
                if file == "ca" {
                    guard !FileManager.default.fileExists(atPath: work.path("ca.pem")) else { continue }
                    _ = try await openssl(["req", "-x509", "-days", "900", "-out", work.path("ca.pem")] + key)
                    continue
                }
                _ = try await openssl(["req", "-new", "-out", work.path("\(file).csr")] + key)
                try "subjectAltName=DNS:site.certctl.test\nextendedKeyUsage=serverAuth\n".write(
                    toFile: work.path("ext"), atomically: true, encoding: .utf8)
                _ = try await openssl([
                    "x509", "-req", "-in", work.path("\(file).csr"), "-CA", work.path("ca.pem"), "-CAkey",
                    work.path("ca.key"), "-days", "80", "-extfile", work.path("ext"), "-out", work.path("\(file).pem"),
                ])
            }
            try "secret words\n".write(toFile: work.path("words"), atomically: true, encoding: .utf8)
            _ = try await openssl([
                "pkcs12", "-export", "-in", work.path("\(stem).pem"), "-inkey", work.path("\(stem).key"), "-certfile",
                work.path("ca.pem"), "-passout", "file:\(work.path("words"))", "-out", work.path("\(stem).p12"),
            ])
        }

        func adopt(_ arguments: [String]) async throws -> ProgramOutcome {
            try await agent.command(["adopt", "--certificate", "mc-site"] + arguments)
        }

        /// What the control plane says in answer to the first heartbeat changes how the agent asks for work.
        func startAgain() async throws {
            try agent.startAgain()
            let isUp = await eventually(within: .seconds(30)) {
                agent.process.transcript.contains("first heartbeat acknowledged")
            }
            try #require(isUp, "\(agent.process.transcript)")
        }

        func isServed(_ fingerprint: String) async throws -> Bool {
            try await eventually(within: .seconds(90), every: .milliseconds(250)) {
                try await nginx.servedFingerprint(serverName: "site.certctl.test") == fingerprint
            }
        }
    }

    private func start(_ engine: EngineUnderTest) async throws -> Stage {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let agent = try await AgentProcess.enroll(
            named: "edge-1", with: server, settings: ["CERTCTL_AGENT_POLL_WAIT": "1s"])
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/targets",
                [
                    "id": "tgt-nginx", "name": "edge nginx", "type": "NGINX", "agent_id": agent.id,
                    "config": nginx.targetConfiguration(serverName: "site.certctl.test"),
                ]))
        let stage = Stage(server: server, nginx: nginx, agent: agent, work: try TemporaryDirectory("adoption"))
        try await stage.make("one")
        return stage
    }

    private func stop(_ stage: Stage) async {
        await stage.agent.stop()
        await stage.nginx.stop()
        await stage.server.stop()
    }

    @Test(
        "imported by an operator, adopted on its host: it is deployed, renewed, and its past is kept",
        arguments: EngineUnderTest.available)
    func imported(engine: EngineUnderTest) async throws {
        let stage = try await start(engine)
        let imported = try await stage.server.client.post(
            "/api/v1/certificates/import",
            [
                "id": "mc-site", "owner_id": Inventory.owner, "team_id": Inventory.team, "issuer_id": Inventory.issuer,
                "renewal_policy_id": Inventory.policy, "certificate_profile_id": Inventory.profile,
                "target_ids": ["tgt-nginx"],
                "pem": try String(contentsOfFile: stage.work.path("one.pem"), encoding: .utf8),
            ])
        try Inventory.expect(201, imported)
        let version = try #require(imported.text("version_id"))
        let busy = try await stage.adopt(["--cert", stage.work.path("one.pem"), "--key", stage.work.path("one.key")])
        #expect(busy.status == 69, "\(busy.errors)")
        await stage.agent.stop()
        let other = try await stage.adopt(["--cert", stage.work.path("one.pem"), "--key", stage.work.path("ca.key")])
        #expect(other.status == 78 && other.errors.contains("belongs to the certificate"), "\(other.errors)")
        let missing = try await stage.adopt(["--cert", stage.work.path("nothing.pem")])
        #expect(missing.status == 78 && missing.errors.contains("does not exist"), "\(missing.errors)")
        for _ in 0..<2 {
            let adopted = try await stage.adopt([
                "--cert", stage.work.path("one.p12"), "--passphrase-file", stage.work.path("words"),
            ])
            #expect(adopted.status == 0 && adopted.output.contains(version), "\(adopted.errors)")
        }
        try await stage.startAgain()
        let deployed = try await stage.server.cli(["certs", "deploy", "mc-site"])
        #expect(deployed.status == 0, "\(deployed.errors)")
        let isServed = try await stage.isServed(stage.fingerprint("one.pem"))
        let jobs = isServed ? "" : try await stage.server.client.get("/api/v1/jobs").body
        #expect(isServed, "\(jobs) \(stage.agent.process.transcript)")
        try Inventory.expect(202, try await stage.server.client.post("/api/v1/certificates/mc-site/renew"))
        let isRenewed = try await eventually(within: .seconds(40), every: .milliseconds(250)) {
            let recorded = try await stage.server.client.get("/api/v1/certificates/mc-site")
            let print = recorded.text("fingerprint_sha256")
            let served = try await stage.nginx.servedFingerprint(serverName: "site.certctl.test")
            return try await print != stage.fingerprint("one.pem") && served == print
        }
        #expect(isRenewed, "\(stage.agent.process.transcript)")
        let versions = try await stage.server.client.get("/api/v1/certificates/mc-site/versions")
        let rows = try #require(versions.json["data"] as? [[String: Any]])
        #expect(rows.count == 2 && rows.allSatisfy { $0["key_origin"] as? String == "agent" }, "\(versions.body)")
        let audit = try await stage.server.client.get("/api/v1/audit?action=certificate_key_adopted&per_page=50")
        let events = audit.json["data"] as? [[String: Any]] ?? []
        #expect(events.count == 1 && events[0]["resource_id"] as? String == "mc-site", "\(audit.body)")
        #expect(!stage.server.process.transcript.contains("PRIVATE KEY"))
        await stop(stage)
    }

    @Test("known to nobody before: it becomes a version of what was recorded; one with another name does not")
    func unknown() async throws {
        let stage = try await start(.sqlite)
        await stage.agent.stop()
        let files = ["--cert", stage.work.path("one.pem"), "--key", stage.work.path("one.key")]
        let nowhere = try await stage.adopt(files)
        #expect(nowhere.status == 1 && nowhere.errors.contains("mc-site"), "\(nowhere.errors)")
        try Inventory.expect(
            201,
            try await stage.server.client.post(
                "/api/v1/certificates",
                Inventory.certificate("mc-site", name: "site.certctl.test", targets: ["tgt-nginx"])))
        let adopted = try await stage.adopt(files)
        #expect(adopted.status == 0, "\(adopted.errors)")
        let again = try await stage.adopt(files)
        #expect(again.status == 0 && again.output == adopted.output, "\(again.errors)")
        let record = try await stage.server.client.get("/api/v1/certificates/mc-site")
        #expect(record.text("status") == "Active", "\(record.body)")
        #expect(record.text("fingerprint_sha256") == (try await stage.fingerprint("one.pem")))
        var elsewhere = Inventory.certificate("mc-other", name: "other.certctl.test", targets: ["tgt-nginx"])
        elsewhere["name"] = "other"
        try Inventory.expect(201, try await stage.server.client.post("/api/v1/certificates", elsewhere))
        let named = try await stage.agent.command(["adopt", "--certificate", "mc-other"] + files)
        #expect(named.status == 1 && named.errors.contains("site.certctl.test"), "\(named.errors)")
        await stop(stage)
    }
}
