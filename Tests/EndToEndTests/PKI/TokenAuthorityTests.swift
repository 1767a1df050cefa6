import Foundation
import TestSupport
import Testing

@Suite("Issuers §5.2: a CA whose key is in a PKCS#11 token, beside SoftHSM 2 and openssl", .tags(.slow))
struct TokenAuthorityTests {
    struct Stage {
        let pki: PKIStage
        let softHSM: SoftHSM
        var client: CurlClient { pki.server.client }
        var root: String { pki.work.path("token-ca.pem") }
        var list: String { pki.work.path("token.crl") }
        var pinFile: String { softHSM.directory.path("pin") }

        /// - `pin`: What the file holds that the server reads it from.
        static func start(
            _ engine: EngineUnderTest, pin: String = SoftHSM.pin, _ extra: [String: String] = [:]
        ) async throws -> Stage {
            let softHSM = try SoftHSM()
            try await softHSM.makeToken("certctl")
            var environment = softHSM.environment
            environment["CERTCTL_PKCS11_MODULE"] = SoftHSM.module
            environment["CERTCTL_PKCS11_PIN_FILE"] = softHSM.directory.path("pin")
            environment.merge(extra) { _, given in given }
            try Self.write(pin, softHSM)
            return Stage(pki: try await PKIStage.start(engine, environment), softHSM: softHSM)
        }

        static func write(_ pin: String, _ softHSM: SoftHSM) throws {
            let file = softHSM.directory.path("pin")
            try "\(pin)\n".write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        }

        func createIssuer(
            _ id: String = "iss-token", _ config: [String: Any] = Self.config("ca1")
        ) async throws -> CurlClient.Reply {
            try await client.post(
                "/api/v1/issuers", ["id": id, "name": "Token CA \(id)", "type": "local", "config": config])
        }

        static func config(_ label: String, _ more: [String: Any] = [:]) -> [String: Any] {
            ["key_driver": "pkcs11", "key_ref": "pkcs11:token=certctl;object=\(label)"]
                .merging(more) { _, given in given }
        }

        /// The answer to a request for a certificate from the CA in the token.
        func issue(_ id: String, issuer: String = "iss-token") async throws -> CurlClient.Reply {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = issuer
            try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
            return try await submit(id)
        }

        func submit(_ id: String) async throws -> CurlClient.Reply {
            let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
            return try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }

        func chain(_ id: String) async throws -> String {
            let page = try await client.get("/api/v1/certificates/\(id)/versions")
            let version = try #require((page.json["data"] as? [[String: Any]])?.first, "\(page.body)")
            return try #require(version["pem_chain"] as? String)
        }

        func fetchRoot() async throws {
            _ = try await pki.curl(["--output", root, "\(pki.url)/.well-known/pki/ca/iss-token.pem"])
        }

        func fetchList() async throws -> Bool {
            let answer = try await pki.run(
                "/usr/bin/curl",
                ["--silent", "--fail", "--output", list, "\(pki.url)/.well-known/pki/crl/iss-token"])
            return answer.isEmpty && FileManager.default.fileExists(atPath: list)
        }

        func metrics() async throws -> String { try await client.get("/api/v1/metrics/prometheus").body }
    }

    @Test(
        "it issues, revokes, lists, answers OCSP, and goes on after a restart and after the token was away",
        arguments: EngineUnderTest.available)
    func life(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine, ["CERTCTL_OCSP_RESPONDER_KEYS_WITH_CA": "true"])
        // By the CLI, from a file, as an operator does it.
        let config = stage.pki.work.path("ca.json")
        try JSONSerialization.data(withJSONObject: Stage.config("ca1", ["ca_common_name": "Token Root"]))
            .write(to: URL(filePath: config))
        let made = try await stage.pki.server.cli([
            "issuers", "create", "--id", "iss-token", "--name", "Token CA", "--type", "GenericCA", "--config",
            "@\(config)",
        ])
        try #require(made.status == 0, "\(made.errors)")
        try Inventory.expect(201, try await stage.issue("mc-t1"))
        try await stage.chain("mc-t1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await stage.fetchRoot()
        #expect(try await eventually(within: .seconds(20)) { try await stage.fetchList() })
        try await judge(stage)

        // The key is in the token, cannot leave it, and the audit log says where it is.
        let objects = try await stage.softHSM.p11tool(["--list-all", "pkcs11:token=certctl;object=ca1"])
        #expect(objects.contains("CKA_SENSITIVE") && objects.contains("CKA_NEVER_EXTRACTABLE"), "\(objects)")
        let responders = try await stage.softHSM.p11tool(["--list-privkeys", "pkcs11:token=certctl"])
            .components(separatedBy: "Object ").filter { $0.contains("Label: ocsp-iss-token-") }
        #expect(responders.count == 1 && responders[0].contains("CKA_NEVER_EXTRACTABLE"), "\(responders)")
        let audit = try await stage.pki.keysOnRecord()
        #expect(audit.contains("pkcs11:token=certctl;object=ca1;id=%"), "\(audit)")
        let metrics = try await stage.metrics()
        for purpose in ["ca", "leaf", "crl", "ocsp"] {
            let name =
                "certctl_signer_operations_total{algorithm=\"ECDSA-P256\",driver=\"pkcs11\",purpose=\"\(purpose)\",result=\"ok\"}"
            let other =
                "certctl_signer_operations_total{driver=\"pkcs11\",algorithm=\"ECDSA-P256\",purpose=\"\(purpose)\",result=\"ok\"}"
            #expect(metrics.contains(name) || metrics.contains(other), "\(purpose)")
        }
        let tested = try await stage.client.post("/api/v1/issuers/iss-token/test", [:])
        #expect(tested.body.contains("signs"), "\(tested.body)")

        try await restart(stage)
        try await takeAway(stage)
        try await revoke(stage)
        #expect(!stage.pki.server.process.transcript.contains(SoftHSM.pin))
        await stage.pki.server.stop()
    }

    /// Chain, list and OCSP answer by openssl.
    private func judge(_ stage: Stage) async throws {
        let verified = try await stage.pki.openssl(["verify", "-x509_strict", "-CAfile", stage.root, stage.pki.leaf])
        #expect(verified.status == 0, "\(verified.errors)")
        let list = try await stage.pki.openssl([
            "crl", "-inform", "DER", "-in", stage.list, "-noout", "-CAfile", stage.root,
        ])
        #expect(list.errors.contains("verify OK"), "\(list.errors)")
        let said = try await ask(stage)
        #expect(said.contains("Response verify OK") && said.contains("leaf.pem: good"), "\(said)")
    }

    private func ask(_ stage: Stage) async throws -> String {
        let outcome = try await stage.pki.openssl([
            "ocsp", "-issuer", stage.root, "-cert", stage.pki.leaf, "-CAfile", stage.root, "-url",
            "\(stage.pki.url)/.well-known/pki/ocsp/iss-token",
        ])
        return outcome.output + outcome.errors
    }

    private func restart(_ stage: Stage) async throws {
        let before = try String(contentsOfFile: stage.root, encoding: .utf8)
        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        try await stage.fetchRoot()
        #expect(try String(contentsOfFile: stage.root, encoding: .utf8) == before)
        try Inventory.expect(201, try await stage.issue("mc-t2"))
        try await stage.chain("mc-t2").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await judge(stage)
    }

    /// Orders wait or fail as worth a retry, other issuers go on, and nobody has to restart anything.
    private func takeAway(_ stage: Stage) async throws {
        try stage.softHSM.takeAway()
        let refused = try await stage.issue("mc-t3")
        #expect(refused.status >= 500 || refused.status == 202, "\(refused.status): \(refused.body)")
        #expect(!refused.body.contains(SoftHSM.pin))
        try Inventory.expect(201, try await stage.issue("mc-own", issuer: "iss-local"))
        try stage.softHSM.putBack()
        let isBack = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            if try await stage.submit("mc-t3").status == 201 { return true }
            return (try? await stage.chain("mc-t3")) != nil
        }
        #expect(isBack)
        try Inventory.expect(201, try await stage.issue("mc-t4"))
    }

    private func revoke(_ stage: Stage) async throws {
        try Inventory.expect(
            200, try await stage.client.post("/api/v1/certificates/mc-t2/revoke", ["reason": "keyCompromise"]))
        #expect(try await ask(stage).contains("leaf.pem: revoked"))
        let isListed = try await eventually(within: .seconds(20)) {
            guard try await stage.fetchList() else { return false }
            return try await stage.pki.openssl(["crl", "-inform", "DER", "-in", stage.list, "-noout", "-text"])
                .output.contains("Key Compromise")
        }
        #expect(isListed)
    }

    @Test(
        "two servers that make the same CA at the same time end with one key and one root",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func replicas() async throws {
        let stage = try await Stage.start(.postgres)
        let first = stage.pki.server
        var environment = first.environment
        for name in ["HOME", "CERTCTL_DATA_DIR", "CERTCTL_SERVER_PORT", "CERTCTL_PKI_HTTP_LISTEN"] {
            environment[name] = nil
        }
        let second = try await ControlPlane.start(databaseURL: stage.pki.database, environment: environment)
        second.takeAdministrator(of: first)
        for round in 0..<3 {
            let id = "iss-both\(round)"
            try Inventory.expect(201, try await stage.createIssuer(id, Stage.config("both\(round)")))
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for server in [first, second, first, second] {
                    group.addTask {
                        try await eventually(within: .seconds(20), every: .milliseconds(300)) {
                            try await server.client.get("/api/v1/issuers/\(id)/ca-certificates").status == 200
                        }
                    }
                }
                for try await isThere in group { #expect(isThere) }
            }
            let roots = try await [first.client, second.client].bodies("/api/v1/issuers/\(id)/ca-certificates")
            #expect(Set(roots).count == 1)
            let left = try await stage.softHSM.p11tool(["--list-privkeys", "pkcs11:token=certctl;object=both\(round)"])
            #expect(left.components(separatedBy: "Object ").count == 2, "\(left)")
        }
        await second.stop()
        await first.stop()
    }

    @Test("a subordinate CA whose certificate is a file and whose key is in the token")
    func subordinate() async throws {
        let stage = try await Stage.start(.sqlite)
        let work = stage.pki.work
        // The key of the CA is made by another program, and its certificate by openssl over its public key.
        try await stage.softHSM.p11tool([
            "--generate-privkey", "rsa", "--bits", "3072", "--label", "sub", "--id", "77", "--outfile",
            work.path("sub.pub"), "pkcs11:token=certctl",
        ])
        func openssl(_ arguments: [String]) async throws {
            let outcome = try await stage.pki.openssl(arguments)
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
        try await openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=Offline Root",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", work.path("root.key"), "-out",
            work.path("root.crt"),
        ])
        try
            "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
            .write(toFile: work.path("ext"), atomically: true, encoding: .utf8)
        try await openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Token Sub",
            "-keyout", work.path("unused.key"), "-out", work.path("sub.csr"),
        ])
        try await openssl([
            "x509", "-req", "-in", work.path("sub.csr"), "-force_pubkey", work.path("sub.pub"), "-CA",
            work.path("root.crt"), "-CAkey", work.path("root.key"), "-CAcreateserial", "-days", "100", "-extfile",
            work.path("ext"), "-out", work.path("sub.crt"),
        ])
        let pem =
            try String(contentsOfFile: work.path("sub.crt"), encoding: .utf8)
            + String(contentsOfFile: work.path("root.crt"), encoding: .utf8)
        try pem.write(toFile: work.path("chain.crt"), atomically: true, encoding: .utf8)
        let missing = try await stage.createIssuer(
            "iss-token", Stage.config("nobody", ["ca_cert_path": work.path("chain.crt")]))
        #expect(missing.status == 422 && missing.body.contains("is not there"), "\(missing.body)")
        try Inventory.expect(
            201,
            try await stage.createIssuer(
                "iss-token", Stage.config("sub", ["ca_cert_path": work.path("chain.crt")])))
        try Inventory.expect(201, try await stage.issue("mc-s1"))
        try await stage.chain("mc-s1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        let verified = try await stage.pki.openssl([
            "verify", "-CAfile", work.path("root.crt"), "-untrusted", work.path("sub.crt"), stage.pki.leaf,
        ])
        #expect(verified.status == 0, "\(verified.errors)")
        await stage.pki.server.stop()
    }

    @Test("what cannot work is refused with what to do, and nothing is stored; a corrected PIN needs no restart")
    func refusals() async throws {
        let stage = try await Stage.start(.sqlite, pin: "wrong-pin-42")
        for _ in 0..<2 {
            let refused = try await stage.createIssuer()
            #expect(refused.status == 422 && refused.body.contains("CERTCTL_PKCS11_PIN_FILE"), "\(refused.body)")
            #expect(refused.body.contains("/config/key_ref") && !refused.body.contains("wrong-pin-42"))
        }
        let bad: [(config: [String: Any], reason: String)] = [
            (["key_driver": "pkcs11"], "/config/key_ref"), (["key_driver": "smartcard"], "/config/key_driver"),
            (["key_ref": "pkcs11:token=a;object=b"], "set key_driver to pkcs11"),
            (Stage.config("a", ["key_algorithm": "ML-DSA-65"]), "/config/key_algorithm"),
            (Stage.config("a", ["ca_cert_path": "/a", "ca_key_path": "/b"]), "/config/ca_key_path"),
            (["key_driver": "pkcs11", "key_ref": "pkcs11:token=a;object=b?pin-value=1"], "CERTCTL_PKCS11_PIN_FILE"),
        ]
        for (config, reason) in bad {
            let refused = try await stage.createIssuer("iss-bad", config)
            #expect((400...422).contains(refused.status) && refused.body.contains(reason), "\(refused.body)")
        }
        #expect(try await stage.client.get("/api/v1/issuers/iss-token").status == 404)
        #expect(try await stage.client.get("/api/v1/issuers/iss-bad").status == 404)

        try Stage.write(SoftHSM.pin, stage.softHSM)
        stage.pki.server.process.send(SIGHUP)
        let isMade = try await eventually(within: .seconds(20), every: .milliseconds(200)) {
            try await stage.createIssuer().status == 201
        }
        #expect(isMade)
        try Inventory.expect(201, try await stage.issue("mc-r1"))
        // A CA keeps its key, and a key its CA.
        let changed = try await stage.client.send(
            "PATCH", "/api/v1/issuers/iss-token",
            body: "{\"config\":{\"key_driver\":\"pkcs11\",\"key_ref\":\"pkcs11:token=certctl;object=other\"}}",
            headers: ["Content-Type: application/merge-patch+json"])
        #expect(changed.status == 409 && changed.body.contains("create another issuer"), "\(changed.body)")
        try Inventory.expect(201, try await stage.createIssuer("iss-thief"))
        let stolen = try await stage.issue("mc-r2", issuer: "iss-thief")
        #expect(stolen.status >= 400 && stolen.body.contains("already"), "\(stolen.status): \(stolen.body)")
        #expect(!stage.pki.server.process.transcript.contains("wrong-pin-42"))
        await stage.pki.server.stop()

        let bare = try await PKIStage.start(.sqlite)
        let none = try await bare.server.client.post(
            "/api/v1/issuers", ["id": "iss-token", "name": "T", "type": "local", "config": Stage.config("ca1")])
        #expect(none.status == 422 && none.body.contains("CERTCTL_PKCS11_MODULE"), "\(none.body)")
        await bare.server.stop()
        let wrong = try await PKIStage.start(.sqlite, ["CERTCTL_PKCS11_MODULE": "/nonexistent.so"])
        let missing = try await wrong.server.client.post(
            "/api/v1/issuers", ["id": "iss-token", "name": "T", "type": "local", "config": Stage.config("ca1")])
        #expect(missing.status == 422 && missing.body.contains("/nonexistent.so"), "\(missing.body)")
        await wrong.server.stop()
    }

    @Test("a token that stalls delays its own callers up to the timeout, and nobody else")
    func stalled() async throws {
        let stage = try await Stage.start(
            .sqlite, ["CERTCTL_PKCS11_TIMEOUT": "1500ms", "CERTCTL_PKCS11_SESSIONS": "2"])
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.issue("mc-h0"))
        let holder = try await stage.softHSM.stall()
        let clock = ContinuousClock()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...4 {
                group.addTask {
                    let took = try await clock.measure {
                        let reply = try await stage.issue("mc-h\(number)")
                        #expect(reply.status >= 500 || reply.status == 202, "\(reply.status): \(reply.body)")
                    }
                    #expect(took < .seconds(15), "\(took)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await stage.metrics().contains("certctl_signer_busy_threads{driver=\"pkcs11\"} 2"))
        let took = try await clock.measure {
            #expect(try await stage.client.get("/ready").status == 200)
            try Inventory.expect(201, try await stage.issue("mc-h9", issuer: "iss-local"))
        }
        #expect(took < .seconds(5), "\(took)")
        await holder.killAtOnce()
        let isBack = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            if try await stage.submit("mc-h1").status == 201 { return true }
            return (try? await stage.chain("mc-h1")) != nil
        }
        #expect(isBack)
        await stage.pki.server.stop()
    }
}

extension [CurlClient] {
    fileprivate func bodies(_ path: String) async throws -> [String] {
        var bodies: [String] = []
        for client in self { bodies.append(try await client.get(path).body) }
        return bodies
    }
}
