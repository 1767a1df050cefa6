import Foundation
import TestSupport
import Testing

@Suite(
    "ADR-0037: a CA is renewed with a new key, and trusted before it signs; agent, nginx and openssl judge",
    .tags(.slow))
struct SuccessionEndToEndTests {
    private struct Stage {
        let pki: PKIStage
        let root: String
        let issuing: String

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let pki = try await PKIStage.start(engine)
            let tree = [
                "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
                "tree",
            ]
            _ = try await cli(pki, tree)
            let create = ["intermediates", "create", "iss-tree"]
            let root =
                try await cli(
                    pki, create + ["--name", "Root", "--common-name", "E2E Root"])["id"] as? String
            let issuing =
                try await cli(
                    pki,
                    create + ["--name", "Issuing", "--parent", try #require(root), "--common-name", "E2E Issuing"])[
                    "id"]
                as? String
            return Stage(pki: pki, root: try #require(root), issuing: try #require(issuing))
        }

        static func cli(_ pki: PKIStage, _ arguments: [String]) async throws -> [String: Any] {
            let outcome = try await pki.server.cli(arguments + ["--json"])
            try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        }

        func cli(_ arguments: [String]) async throws -> [String: Any] { try await Self.cli(pki, arguments) }

        func succeed(_ id: String) async throws -> String {
            let made = try await cli(["intermediates", "succeed", id])
            #expect(made["state"] as? String == "staged" && made["succeeds_ca_id"] as? String == id, "\(made)")
            return try #require(made["id"] as? String)
        }

        /// A certificate of the tree with its key and the chains that came with it.
        func issue(_ id: String) async throws -> (leaf: String, key: String, chains: [String], by: String) {
            let client = pki.server.client
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = "iss-tree"
            record["certificate_profile_id"] = nil
            try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
            let (leaf, key, csr) = (pki.work.path("\(id).pem"), pki.work.path("\(id).key"), pki.work.path("\(id).csr"))
            let made = try await pki.openssl([
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=\(id).certctl.test", "-addext", "subjectAltName=DNS:\(id).certctl.test", "-keyout", key, "-out",
                csr,
            ])
            try #require(made.status == 0, "\(made.errors)")
            let request = try String(contentsOfFile: csr, encoding: .utf8)
            let issued = try Inventory.expect(
                201, try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": request]))
            let end = "-----END CERTIFICATE-----\n"
            var chains: [String] = []
            for number in 0..<2 {
                let chain = try await client.get("/api/v1/certificates/\(id)/export/pem?chain=\(number)&download=true")
                guard chain.status == 200 else { break }
                chains.append(pki.work.path("\(id)-\(number).pem"))
                try chain.body.write(toFile: chains[number], atomically: true, encoding: .utf8)
            }
            let blocks = try #require(issued.text("pem_chain")).components(separatedBy: end)
            try (blocks[0] + end).write(toFile: leaf, atomically: true, encoding: .utf8)
            return (leaf, key, chains, try #require(issued.text("issuing_ca_id")))
        }

        func trust(_ name: String, _ id: String = "iss-tree") async throws -> String {
            let file = pki.work.path(name)
            _ = try await pki.curl(["--fail", "--output", file, "\(pki.url)/.well-known/pki/ca/\(id).pem"])
            return file
        }

        /// The last certificate of a bundle is a root.
        func root(_ id: String, _ name: String) async throws -> String {
            let (der, pem) = (pki.work.path("root.der"), pki.work.path(name))
            _ = try await pki.curl(["--fail", "--output", der, "\(pki.url)/.well-known/pki/ca/\(id).cer"])
            let read = try await pki.openssl(["x509", "-inform", "DER", "-in", der, "-out", pem])
            try #require(read.status == 0, "\(read.errors)")
            return pem
        }

        func isValid(_ leaf: String, by trusted: String, _ more: [String] = []) async throws -> Bool {
            try await pki.openssl(
                ["verify", "-no-CApath", "-no-CAstore", "-CAfile", trusted] + more + [leaf]
            ).status == 0
        }
    }

    private func count(_ file: String) -> Int {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "BEGIN CERTIFICATE").count - 1
    }

    @Test(
        "an agent that lacks it keeps the place; when nginx trusts it, one of two replicas gives it",
        arguments: EngineUnderTest.available)
    func issuing(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let (pki, server) = (stage.pki, stage.pki.server)
        let nginx = try await NginxProcess(asksClients: true)
        let agent = try await AgentProcess.enroll(named: "edge-1", with: server)
        var target = nginx.targetConfiguration(serverName: "site.certctl.test")
        target["trust_path"] = nginx.trustPath
        try await server.createTarget("tgt-edge", agent: agent.id, target)
        var site = Inventory.certificate("mc-site", name: "site.certctl.test", targets: ["tgt-edge"], issue: true)
        site["issuer_id"] = "iss-tree"
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates", site))
        #expect(try await server.deployment(to: "tgt-edge").isCompleted)
        #expect(count(nginx.trustPath) == 2)
        let old = try await stage.trust("old.pem")
        #expect(
            try String(contentsOfFile: old, encoding: .utf8) == String(contentsOfFile: nginx.trustPath, encoding: .utf8)
        )

        await agent.process.killAtOnce()
        let next = try await stage.succeed(stage.issuing)
        await server.process.killAtOnce()
        try await server.startAgain()
        let lacking = try await stage.cli(["intermediates", "consumers", next, "--lacking"])
        #expect(lacking["lacking"] as? Int == 1 && "\(lacking)".contains("tgt-edge"), "\(lacking)")
        let refused = try await server.cli(["intermediates", "activate", next, "--yes"])
        #expect(refused.status != 0 && refused.errors.contains("tgt-edge"), "\(refused.errors)")
        let early = try await stage.issue("mc-early")
        #expect(early.by == stage.issuing)

        try agent.startAgain()
        let isTrusted = try await eventually(within: .seconds(60), every: .milliseconds(250)) {
            try await stage.cli(["intermediates", "consumers", next])["lacking"] as? Int == 0
        }
        try #require(isTrusted, "\(agent.process.transcript)\n\(server.process.transcript)")
        #expect(count(nginx.trustPath) == 3)
        await server.process.killAtOnce()
        try await server.startAgain()
        try await activate(next, stage, engine)
        let before = try await server.client.get("/api/v1/intermediates/\(stage.issuing)")
        #expect(before.text("state") == "retiring")

        try Inventory.expect(202, try await server.client.post("/api/v1/certificates/mc-site/renew"))
        let isRenewed = try await eventually(within: .seconds(40), every: .milliseconds(250)) {
            let page = try await server.client.get("/api/v1/certificates/mc-site/versions")
            let by = (page.json["data"] as? [[String: Any]])?.first?["issuing_ca_id"] as? String
            let recorded = try await server.recordedFingerprint("mc-site")
            let served = try await nginx.servedFingerprint(serverName: "site.certctl.test")
            return by == next && served == recorded
        }
        #expect(isRenewed, "\(agent.process.transcript)")

        // Whoever trusts the root alone takes both with what servers send; whoever knows issuing CAs needs the new trust.
        let late = try await stage.issue("mc-late")
        #expect(late.by == next)
        let (new, root) = (try await stage.trust("new.pem"), try await stage.root(stage.root, "root.pem"))
        for issued in [early, late] {
            let chain = try #require(issued.chains.first)
            #expect(try await stage.isValid(issued.leaf, by: root, ["-x509_strict", "-untrusted", chain]))
            #expect(try await stage.isValid(issued.leaf, by: new))
        }
        #expect(try await stage.isValid(early.leaf, by: old))
        #expect(try await !stage.isValid(late.leaf, by: old))
        for issued in [early, late] {
            let said = try await pki.curl([
                "--insecure", "--cert", issued.leaf, "--key", issued.key, "https://127.0.0.1:\(nginx.port)/",
            ])
            #expect(said == "SUCCESS", "\(said)")
        }
        await agent.stop()
        await nginx.stop()
        await server.stop()
    }

    /// On a shared database two replicas are asked at once.
    private func activate(_ id: String, _ stage: Stage, _ engine: EngineUnderTest) async throws {
        let (path, client) = ("/api/v1/intermediates/\(id)/activate", stage.pki.server.client)
        guard engine == .postgres else {
            let done = try await stage.pki.server.cli(["intermediates", "activate", id, "--yes"])
            #expect(done.status == 0 && done.output.contains("active"), "\(done.errors)")
            let again = try await client.post(path)
            #expect(again.status == 409, "\(again.body)")
            return
        }
        let other = try await ControlPlane.start(databaseURL: stage.pki.database, environment: engine.environment)
        other.takeAdministrator(of: stage.pki.server)
        async let one = client.post(path)
        async let two = other.client.post(path)
        let replies = try await [one, two]
        #expect(replies.map(\.status).sorted() == [200, 409], "\(replies.map(\.body))")
        await other.stop()
    }

    @Test(
        "a new root is trusted by the old one, and what follows is valid by either",
        arguments: EngineUnderTest.available)
    func root(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let next = try await stage.succeed(stage.root)
        let (old, new) = (try await stage.root(stage.root, "old.pem"), try await stage.root(next, "new.pem"))
        #expect(count(try await stage.trust("all.pem")) == 3)
        _ = try await stage.cli(["intermediates", "cross-sign", next, "--parent", stage.root])
        #expect(try await stage.cli(["intermediates", "activate", next, "--yes"])["state"] as? String == "active")
        let issuing = try await stage.succeed(stage.issuing)
        _ = try await stage.cli(["intermediates", "activate", issuing, "--yes"])
        let issued = try await stage.issue("mc-new")
        #expect(issued.by == issuing && issued.chains.count == 2, "\(issued)")
        let (first, second) = (try #require(issued.chains.first), try #require(issued.chains.last))
        #expect(try await stage.isValid(issued.leaf, by: new, ["-x509_strict", "-untrusted", first]))
        #expect(try await !stage.isValid(issued.leaf, by: old, ["-untrusted", first]))
        #expect(try await stage.isValid(issued.leaf, by: old, ["-x509_strict", "-untrusted", second]))
        await stage.pki.server.stop()
    }
}
