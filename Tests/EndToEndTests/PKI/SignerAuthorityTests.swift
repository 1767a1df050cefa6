import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Issuers §5.2: a CA whose key is in a signing process, beside openssl", .tags(.slow))
struct SignerAuthorityTests {
    private typealias Stage = SignerAuthorityStage

    @Test(
        "it issues, revokes, lists, answers OCSP, and goes on after either process was killed",
        arguments: EngineUnderTest.available)
    func life(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine, ["CERTCTL_OCSP_RESPONDER_KEYS_WITH_CA": "true"])
        // By the CLI, from a file, as an operator does it.
        let config = stage.pki.work.path("ca.json")
        try JSONSerialization.data(withJSONObject: Stage.config("ca1", ["ca_common_name": "Signer Root"]))
            .write(to: URL(filePath: config))
        let made = try await stage.pki.server.cli([
            "issuers", "create", "--id", "iss-signer", "--name", "Signer CA", "--type", "GenericCA", "--config",
            "@\(config)",
        ])
        try #require(made.status == 0, "\(made.errors)")
        try Inventory.expect(201, try await stage.issue("mc-t1"))
        try await stage.chain("mc-t1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await stage.fetchRoot()
        #expect(try await eventually(within: .seconds(20)) { try await stage.fetchList() })
        try await judge(stage)

        let audit = try await stage.pki.keysOnRecord()
        #expect(audit.contains("signer:ca1") && audit.contains("exec"), "\(audit)")
        let metrics = try await stage.metrics()
        for purpose in ["ca", "leaf", "crl", "ocsp"] {
            let line = metrics.split(separator: "\n").first {
                $0.hasPrefix("certctl_signer_operations_total{") && $0.contains("driver=\"exec\"")
                    && $0.contains("purpose=\"\(purpose)\"") && $0.contains("result=\"ok\"")
            }
            #expect(line != nil, "\(purpose)")
        }
        let tested = try await stage.client.post("/api/v1/issuers/iss-signer/test", [:])
        #expect(tested.body.contains("signs"), "\(tested.body)")
        // What the server logged of a signature is what the signer logged.
        let said = stage.signer.process.output
        let files = try FileManager.default.contentsOfDirectory(atPath: stage.signer.keys)
        #expect(files.filter { $0.hasPrefix("ocsp-iss-signer-") && $0.hasSuffix(".key") }.count == 1, "\(files)")
        #expect(
            said.contains("\"purpose\":\"ocsp\"") && said.contains("\"purpose\":\"crl\"")
                && said.contains("made a key"), "\(said)")

        try await restartServer(stage)
        try await killSigner(stage)
        try await revoke(stage)
        for text in [stage.pki.server.process.transcript, stage.signer.process.transcript] {
            #expect(!text.contains(SignerProcess.passphrase))
        }
        await stage.stop()
        #expect(!FileManager.default.fileExists(atPath: stage.signer.socket))
    }

    /// Chain, list and OCSP answer by openssl.
    private func judge(_ stage: SignerAuthorityStage) async throws {
        let verified = try await stage.openssl(["verify", "-x509_strict", "-CAfile", stage.root, stage.pki.leaf])
        #expect(verified.status == 0, "\(verified.errors)")
        let list = try await stage.openssl([
            "crl", "-inform", "DER", "-in", stage.list, "-noout", "-CAfile", stage.root,
        ])
        #expect(list.errors.contains("verify OK"), "\(list.errors)")
        let said = try await ask(stage)
        #expect(said.contains("Response verify OK") && said.contains("leaf.pem: good"), "\(said)")
    }

    private func ask(_ stage: SignerAuthorityStage) async throws -> String {
        let outcome = try await stage.openssl([
            "ocsp", "-issuer", stage.root, "-cert", stage.pki.leaf, "-CAfile", stage.root, "-url",
            "\(stage.pki.url)/.well-known/pki/ocsp/iss-signer",
        ])
        return outcome.output + outcome.errors
    }

    private func restartServer(_ stage: SignerAuthorityStage) async throws {
        let before = try String(contentsOfFile: stage.root, encoding: .utf8)
        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        try await stage.fetchRoot()
        #expect(try String(contentsOfFile: stage.root, encoding: .utf8) == before)
        try Inventory.expect(201, try await stage.issue("mc-t2"))
        try await stage.chain("mc-t2").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await judge(stage)
    }

    /// Orders wait or fail as worth a retry, other issuers and readiness go on, and nobody restarts the server.
    private func killSigner(_ stage: SignerAuthorityStage) async throws {
        await stage.signer.process.killAtOnce()
        let refused = try await stage.issue("mc-t3")
        #expect(refused.status >= 500 || refused.status == 202, "\(refused.status): \(refused.body)")
        #expect(try await stage.client.get("/ready").status == 200)
        try Inventory.expect(201, try await stage.issue("mc-own", issuer: "iss-local"))
        // The dead one left its socket behind.
        try await stage.signer.startAgain()
        let isBack = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            try await stage.isFulfilled("mc-t3")
        }
        #expect(isBack)
        try Inventory.expect(201, try await stage.issue("mc-t4"))
    }

    private func revoke(_ stage: SignerAuthorityStage) async throws {
        try Inventory.expect(
            200, try await stage.client.post("/api/v1/certificates/mc-t2/revoke", ["reason": "keyCompromise"]))
        #expect(try await ask(stage).contains("leaf.pem: revoked"))
        let isListed = try await eventually(within: .seconds(20)) {
            guard try await stage.fetchList() else { return false }
            return try await stage.openssl(["crl", "-inform", "DER", "-in", stage.list, "-noout", "-text"])
                .output.contains("Key Compromise")
        }
        #expect(isListed)
    }

    @Test(
        "the signer of another user holds the keys; whoever is not named on either side is refused",
        .enabled(if: geteuid() == 0))
    func strangers() async throws {
        // Root asks, and only the user 4711 may.
        let stage = try await Stage.start(
            .sqlite, signer: ["--allow-user", "4711", "--socket-group", "4711"], ["CERTCTL_SIGNER_USER": "0"])
        let refused = try await stage.createIssuer()
        #expect(refused.status == 422 && refused.body.contains("the user 0 may not ask"), "\(refused.body)")
        #expect(stage.signer.process.output.contains("refused a request"))
        await stage.stop()
        // A signer that runs as somebody else than the settings say.
        let other = try await Stage.start(.sqlite, ["CERTCTL_SIGNER_USER": "nobody"])
        let wrong = try await other.createIssuer()
        #expect(wrong.status == 422 && wrong.body.contains("CERTCTL_SIGNER_USER"), "\(wrong.body)")
        try Inventory.expect(404, try await other.client.get("/api/v1/issuers/iss-signer"))
        await other.stop()
    }

    @Test("what cannot work is refused with what to do, and nothing is stored; a policy counts at once")
    func refusals() async throws {
        let stage = try await Stage.start(.sqlite, signer: ["--no-new-keys"])
        let bad: [(config: [String: Any], reason: String)] = [
            (["key_driver": "exec"], "signer:NAME"), (["key_ref": "signer:ca1"], "set key_driver to exec"),
            (["key_driver": "exec", "key_ref": "signer:../x"], "/config/key_ref"),
            (["key_driver": "exec", "key_ref": "pkcs11:token=a;object=b"], "set key_driver to pkcs11"),
            (Stage.config("a", ["ca_cert_path": "/a", "ca_key_path": "/b"]), "/config/ca_key_path"),
        ]
        for (config, reason) in bad {
            let refused = try await stage.createIssuer("iss-bad", config)
            #expect(refused.status == 422 && refused.body.contains(reason), "\(refused.body)")
            try Inventory.expect(404, try await stage.client.get("/api/v1/issuers/iss-bad"))
        }
        // The operator of the signer puts a key there, which may sign leaves and lists, twice a minute beyond the test.
        let file = "\(stage.signer.keys)/ca1.key"
        let made = try await stage.openssl([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-aes-256-cbc", "-pass",
            "pass:\(SignerProcess.passphrase)", "-out", file,
        ])
        try #require(made.status == 0, "\(made.errors)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.issue("mc-p1"))
        let audit = try await stage.client.get("/api/v1/audit?action=ca_key_adopted")
        #expect(audit.body.contains("signer:ca1") && audit.body.contains("ECDSA-P384"), "\(audit.body)")
        // One key, one CA.
        let second = try await stage.createIssuer("iss-second")
        let used = try await stage.client.get("/api/v1/issuers/iss-second/ca-certificates")
        #expect(second.status >= 400 || used.body.contains("iss-signer already"), "\(used.status): \(used.body)")
        let policy = "\(stage.signer.keys)/ca1.policy.json"
        try #"{"purposes": ["crl"]}"#.write(toFile: policy, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: policy)
        let refused = try await stage.issue("mc-p2")
        #expect(
            refused.status >= 400 && refused.body.contains("policy of the key"), "\(refused.status): \(refused.body)")
        await stage.stop()
    }

    @Test("a signer that hangs delays nobody who does not need it, and those who do for no longer than its time limit")
    func stalled() async throws {
        let stage = try await Stage.start(
            .sqlite, ["CERTCTL_SIGNER_TIMEOUT": "2s", "CERTCTL_SIGNER_CONNECTIONS": "2"])
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.issue("mc-h0"))
        let clock = ContinuousClock()
        stage.signer.process.send(SIGSTOP)
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
            group.addTask {
                let isSeen = try await eventually(within: .seconds(5)) {
                    try await stage.metrics().contains("certctl_signer_busy_threads{driver=\"exec\"} 2")
                }
                #expect(isSeen)
                let took = try await clock.measure {
                    #expect(try await stage.client.get("/ready").status == 200)
                    try Inventory.expect(201, try await stage.issue("mc-h9", issuer: "iss-local"))
                }
                #expect(took < .seconds(8), "\(took)")
            }
            try await group.waitForAll()
        }
        stage.signer.process.send(SIGCONT)
        let isBack = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            try await stage.isFulfilled("mc-h1")
        }
        #expect(isBack)
        await stage.stop()
    }

    @Test("a server that starts while its signer hangs serves without it, says so, and finds it when it is back")
    func hangingStart() async throws {
        // Longer than a start may take: were it waited for, the server would not be ready in time.
        let stage = try await Stage.start(.sqlite, ["CERTCTL_SIGNER_TIMEOUT": "50s"])
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.createIssuer("iss-signer2", Stage.config("ca2")))
        try Inventory.expect(201, try await stage.issue("mc-s0"))
        await stage.pki.server.stop()
        stage.signer.process.send(SIGSTOP)
        let took = try await ContinuousClock().measure { try await stage.pki.server.startAgain() }
        #expect(took < .seconds(40), "\(took)")
        let ready = try await stage.pki.server.anonymous.get("/ready")
        let checks = ready.json["checks"] as? [String: String] ?? [:]
        #expect(
            ready.status == 200 && checks["issuers.iss-signer"] != nil && checks["issuers.iss-signer2"] != nil,
            "\(ready.body)")
        #expect(checks["issuers.iss-local"] == nil, "\(ready.body)")
        #expect(stage.pki.server.process.output.contains("the server starts without it"))
        try Inventory.expect(201, try await stage.issue("mc-s1", issuer: "iss-local"))
        stage.signer.process.send(SIGCONT)
        let isBack = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            let checks = try await stage.pki.server.anonymous.get("/ready").json["checks"] as? [String: String] ?? [:]
            return !checks.keys.contains { $0.hasPrefix("issuers.") }
        }
        #expect(isBack)
        try Inventory.expect(201, try await stage.issue("mc-s2"))
        await stage.stop()
    }

    @Test("a signer that cannot start says why and what to do")
    func starts() async throws {
        let directory = try TemporaryDirectory("signer")
        let file = directory.path("passphrase")
        func serve(_ more: [String] = [], keys: String? = nil) async throws -> ProgramOutcome {
            try await runProgram(
                ControlPlane.binary,
                [
                    "signer", "serve", "--socket", directory.path("s"), "--keys", keys ?? directory.path("keys"),
                    "--passphrase-file", file,
                ] + more,
                environment: ["HOME": directory.url.path], logs: directory.url, timeout: .seconds(20))
        }
        #expect(try await serve().errors.contains("there is no passphrase file"))
        try "short\n".write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        let open = try await serve()
        #expect(open.status == 77 && open.errors.contains("chmod 600"), "\(open.errors)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let short = try await serve()
        #expect(short.status == 78 && short.errors.contains("12 or more"), "\(short.errors)")
        #expect(try await serve(keys: "relative").errors.contains("absolute path"))
        #expect(try await serve(["--allow-user", "no-such-user"]).errors.contains("no such user"))
        #expect(try await serve(["--allow-user", "4711"]).errors.contains("--socket-group"))
        let signer = try await SignerProcess()
        let second = try await runProgram(
            ControlPlane.binary,
            [
                "signer", "serve", "--socket", directory.path("s2"), "--keys", signer.keys, "--passphrase-file",
                signer.directory.path("passphrase"),
            ],
            environment: ["HOME": directory.url.path], logs: directory.url, timeout: .seconds(20))
        #expect(second.status == 69 && second.errors.contains("is held by process"), "\(second.errors)")
        await signer.stop()
    }
}
