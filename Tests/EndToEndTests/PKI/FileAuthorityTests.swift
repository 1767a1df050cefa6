import Foundation
import TestSupport
import Testing

@Suite("Issuers §5.2: a CA whose key is in a file, beside openssl", .tags(.slow))
struct FileAuthorityTests {
    private static let passphrase = "quercus-and-tilia-77"
    private static let ownPassphrase = "fagus-and-carpinus-88"

    /// A server with a directory for keys of CAs.
    private struct Stage {
        let pki: PKIStage
        let files: TemporaryDirectory
        var keys: String { files.path("keys") }
        var root: String { files.path("root.pem") }
        var client: CurlClient { pki.server.client }

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let files = try TemporaryDirectory("cakeys")
            let passphrase = files.path("passphrase")
            try write("\(FileAuthorityTests.passphrase)\n", to: passphrase)
            return Stage(
                pki: try await PKIStage.start(
                    engine,
                    [
                        "CERTCTL_CA_KEY_DIRECTORY": files.path("keys"), "CERTCTL_CA_KEY_PASSPHRASE_FILE": passphrase,
                    ]), files: files)
        }

        static func write(_ text: String, to path: String, mode: Int = 0o600) throws {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }

        func key(_ name: String) -> String { "\(keys)/\(name)" }

        func createIssuer(_ id: String, _ config: [String: Any]) async throws -> CurlClient.Reply {
            try await client.post(
                "/api/v1/issuers", ["id": id, "name": "File CA \(id)", "type": "GenericCA", "config": config])
        }

        func issue(_ id: String, issuer: String) async throws -> CurlClient.Reply {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = issuer
            try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
            let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
            return try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }

        /// Issues, and has openssl judge the chain up to `root`.
        func verify(_ id: String, issuer: String, below root: String) async throws {
            let issued = try Inventory.expect(201, try await issue(id, issuer: issuer))
            let chain = files.path("\(id).pem")
            try (try #require(issued.text("pem_chain"))).write(toFile: chain, atomically: true, encoding: .utf8)
            let verified = try await pki.openssl([
                "verify", "-x509_strict", "-CAfile", root, "-untrusted", chain, chain,
            ])
            #expect(verified.status == 0, "\(verified.errors)")
        }

        func openssl(_ arguments: [String]) async throws -> String {
            let outcome = try await pki.openssl(arguments)
            try #require(outcome.status == 0, "\(outcome.errors)")
            return outcome.output
        }

        /// A root of openssl, and below it a CA whose key lies encrypted in the directory.
        func makeSubordinate() async throws -> (chain: String, key: String) {
            let (rootKey, request, chain) = (files.path("root.key"), files.path("sub.csr"), files.path("sub.pem"))
            let key = key("sub.key")
            _ = try await openssl([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", rootKey,
                "-subj", "/CN=Corp root", "-days", "30", "-out", root, "-addext",
                "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ])
            _ = try await openssl([
                "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-aes-256-cbc", "-pass",
                "pass:\(FileAuthorityTests.ownPassphrase)", "-out", key,
            ])
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
            _ = try await openssl([
                "req", "-new", "-key", key, "-passin", "pass:\(FileAuthorityTests.ownPassphrase)", "-subj",
                "/CN=Corp sub", "-out", request,
            ])
            let extensions = files.path("sub.ext")
            try Self.write(
                "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                    + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n", to: extensions)
            _ = try await openssl([
                "x509", "-req", "-in", request, "-CA", root, "-CAkey", rootKey, "-days", "20", "-extfile", extensions,
                "-out", chain,
            ])
            return (chain, key)
        }
    }

    @Test(
        "a root made in an encrypted file issues, survives a kill, and waits for its passphrase",
        arguments: EngineUnderTest.available)
    func life(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let config = stage.files.path("ca.json")
        try JSONSerialization.data(withJSONObject: [
            "key_driver": "file", "key_ref": stage.key("root.key"), "ca_common_name": "File Root",
            "key_algorithm": "ECDSA-P384",
        ]).write(to: URL(filePath: config))
        let made = try await stage.pki.server.cli([
            "issuers", "create", "--id", "iss-file", "--name", "File CA", "--type", "GenericCA", "--config",
            "@\(config)",
        ])
        try #require(made.status == 0, "\(made.errors)")
        try await fetchRoot(stage)
        try await stage.verify("mc-f1", issuer: "iss-file", below: stage.root)
        // The key of the root's certificate is in the file, under the passphrase of the settings.
        let text = try String(contentsOfFile: stage.key("root.key"), encoding: .utf8)
        #expect(text.contains("ENCRYPTED PRIVATE KEY"))
        let inFile = try await stage.openssl([
            "pkey", "-in", stage.key("root.key"), "-passin", "pass:\(Self.passphrase)", "-pubout",
        ])
        #expect(inFile == (try await stage.openssl(["x509", "-in", stage.root, "-noout", "-pubkey"])))
        let audit = try await stage.pki.keysOnRecord()
        #expect(audit.contains("root.key") && audit.contains("spki_sha256"), "\(audit)")
        let metrics = try await stage.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_signer_operations_total{driver=\"file\""))
        let tested = try await stage.client.post("/api/v1/issuers/iss-file/test", [:])
        #expect(tested.body.contains("signs"), "\(tested.body)")

        let before = try String(contentsOfFile: stage.root, encoding: .utf8)
        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        try await fetchRoot(stage)
        #expect(try String(contentsOfFile: stage.root, encoding: .utf8) == before)
        try await stage.verify("mc-f2", issuer: "iss-file", below: stage.root)

        // Another passphrase: this issuer says so, and nobody else notices.
        await stage.pki.server.stop()
        try Stage.write("another-passphrase\n", to: stage.files.path("passphrase"))
        try await stage.pki.server.startAgain()
        #expect(try await stage.client.get("/ready").status == 200)
        let refused = try await stage.issue("mc-f3", issuer: "iss-file")
        #expect(refused.status >= 400, "\(refused.status): \(refused.body)")
        #expect(stage.pki.server.process.transcript.contains("the passphrase does not open the key"))
        try Inventory.expect(201, try await stage.issue("mc-own", issuer: "iss-local"))
        await stage.pki.server.stop()
        try Stage.write("\(Self.passphrase)\n", to: stage.files.path("passphrase"))
        try await stage.pki.server.startAgain()
        try await stage.verify("mc-f4", issuer: "iss-file", below: stage.root)
        #expect(try String(contentsOfFile: stage.key("root.key"), encoding: .utf8) == text)
        #expect(!stage.pki.server.process.transcript.contains(Self.passphrase))
        await stage.pki.server.stop()
    }

    private func fetchRoot(_ stage: Stage) async throws {
        try? FileManager.default.removeItem(atPath: stage.root)
        let outcome = try await stage.pki.server.cli(["issuers", "ca", "iss-file", "--out", stage.root])
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    @Test(
        "a subordinate CA from files with a passphrase of its own, which nobody is shown",
        arguments: EngineUnderTest.available)
    func subordinate(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        // The server made the directory at its start or makes it now; an operator may be earlier.
        try FileManager.default.createDirectory(
            atPath: stage.keys, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let (chain, key) = try await stage.makeSubordinate()
        let driver: [String: Any] = ["key_driver": "file", "key_ref": key, "ca_cert_path": chain]
        // The passphrase of the settings is another one.
        let wrong = try await stage.createIssuer("iss-sub", driver)
        #expect(wrong.status == 422 && wrong.body.contains("does not open the key"), "\(wrong.body)")
        let own = ["key_passphrase": Self.ownPassphrase]
        let created = try Inventory.expect(
            201, try await stage.createIssuer("iss-sub", driver.merging(own) { _, given in given }))
        #expect(!created.body.contains(Self.ownPassphrase))
        try await stage.verify("mc-s1", issuer: "iss-sub", below: stage.root)
        // The older way to name a key file takes passphrases too.
        try Inventory.expect(
            201,
            try await stage.createIssuer(
                "iss-pair", ["ca_cert_path": chain, "ca_key_path": key].merging(own) { _, given in given }))
        try await stage.verify("mc-s2", issuer: "iss-pair", below: stage.root)
        for id in ["iss-sub", "iss-pair"] {
            let shown = try await stage.client.get("/api/v1/issuers/\(id)")
            #expect(shown.body.contains("key_passphrase") && !shown.body.contains(Self.ownPassphrase), "\(shown.body)")
        }
        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        try await stage.verify("mc-s3", issuer: "iss-sub", below: stage.root)
        try await stage.verify("mc-s4", issuer: "iss-pair", below: stage.root)
        #expect(!stage.pki.server.process.transcript.contains(Self.ownPassphrase))
        await stage.pki.server.stop()
    }

    @Test(
        "links out of the directory, files open to others and files that are no keys are refused, and stay as they are")
    func refusals() async throws {
        let stage = try await Stage.start(.sqlite)
        try FileManager.default.createDirectory(
            atPath: stage.keys, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let outside = stage.files.path("outside.key")
        _ = try await stage.openssl([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", outside,
        ])
        let pem = try String(contentsOfFile: outside, encoding: .utf8)
        try Stage.write(pem, to: outside)
        try Stage.write(pem, to: stage.key("open.key"), mode: 0o644)
        try Stage.write("not a key\n", to: stage.key("notes"))
        try FileManager.default.createSymbolicLink(atPath: stage.key("link.key"), withDestinationPath: outside)
        let bad: [(config: [String: Any], reason: String)] = [
            (["key_ref": stage.key("link.key")], "leads out of"), (["key_ref": outside], "CERTCTL_CA_KEY_DIRECTORY"),
            (["key_ref": stage.key("open.key")], "chmod 600"), (["key_ref": stage.key("notes")], "is not a key"),
            (["key_ref": stage.key("../outside.key")], "/config/key_ref"), ([:], "/DIRECTORY/FILE"),
            (["key_ref": "root.key"], "/config/key_ref"), (["key_ref": "signer:a"], "set key_driver to exec"),
            (["key_ref": stage.key("a"), "ca_cert_path": "/a", "ca_key_path": "/b"], "/config/ca_key_path"),
            (["key_ref": stage.key("absent.key"), "ca_cert_path": "/a"], "is not there"),
        ]
        for (config, reason) in bad {
            let refused = try await stage.createIssuer(
                "iss-bad", config.merging(["key_driver": "file"]) { given, _ in given })
            #expect(refused.status == 422 && refused.body.contains(reason), "\(reason): \(refused.body)")
            try Inventory.expect(404, try await stage.client.get("/api/v1/issuers/iss-bad"))
        }
        for (config, reason) in [
            (["key_ref": stage.key("a")], "set key_driver to file"),
            (["key_passphrase": "secret-word"], "/config/key_passphrase"),
        ] {
            let refused = try await stage.createIssuer("iss-bad", config)
            #expect(refused.status == 422 && refused.body.contains(reason), "\(reason): \(refused.body)")
            #expect(!refused.body.contains("secret-word"))
        }
        #expect(try String(contentsOfFile: stage.key("notes"), encoding: .utf8) == "not a key\n")
        // A supplied key is confined as well.
        let pair = try await stage.createIssuer("iss-pair", ["ca_cert_path": stage.pki.ca, "ca_key_path": outside])
        let tested = try await stage.client.post("/api/v1/issuers/iss-pair/test", [:])
        #expect(pair.status >= 400 || tested.body.contains("CERTCTL_CA_KEY_DIRECTORY"), "\(tested.body)")
        // A key that is there is taken as it is, by one CA.
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: stage.key("open.key"))
        let taken: [String: Any] = ["key_driver": "file", "key_ref": stage.key("open.key")]
        try Inventory.expect(201, try await stage.createIssuer("iss-taken", taken))
        try Inventory.expect(201, try await stage.issue("mc-t", issuer: "iss-taken"))
        #expect(try String(contentsOfFile: stage.key("open.key"), encoding: .utf8) == pem)
        #expect(try await stage.client.get("/api/v1/audit?action=ca_key_adopted").body.contains("open.key"))
        let second = try await stage.createIssuer("iss-second", taken)
        let used = try await stage.client.get("/api/v1/issuers/iss-second/ca-certificates")
        #expect(second.status >= 400 || used.body.contains("iss-taken already"), "\(used.status): \(used.body)")
        await stage.pki.server.stop()
        let relative = try await ControlPlane.refusal(
            stage.pki.server.environment.merging(["CERTCTL_CA_KEY_DIRECTORY": "keys/../x"]) { $1 },
            logs: stage.files.url
        ).outcome
        #expect(relative.status == 78 && relative.errors.contains("CERTCTL_CA_KEY_DIRECTORY"), "\(relative.errors)")
    }
}
