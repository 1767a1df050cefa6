import Foundation
import TestSupport
import Testing

@Suite("Issuers §5.2: keys of CAs of trees in a signing process, a file and a token, beside openssl", .tags(.slow))
struct ChildKeyTests {
    private static let passphrase = "quercus-and-tilia-77"

    /// A server that has every driver, and trees whose roots are in its database.
    private struct Stage {
        let pki: PKIStage
        let signer: SignerProcess
        let softHSM: SoftHSM
        let files: TemporaryDirectory
        var client: CurlClient { pki.server.client }
        var keyFile: String { files.path("keys/issuing.key") }

        /// Drivers and references of keys that nobody has made yet.
        var places: [(driver: String, ref: String)] {
            [
                ("exec", "signer:issuing"), ("file", keyFile), ("pkcs11", "pkcs11:token=certctl;object=issuing"),
            ]
        }

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let (signer, softHSM, files) = (
                try await SignerProcess(), try SoftHSM(), try TemporaryDirectory("childkeys")
            )
            try await softHSM.makeToken("certctl")
            var environment = softHSM.environment
            environment["CERTCTL_SIGNER_SOCKET"] = signer.socket
            environment["CERTCTL_PKCS11_MODULE"] = SoftHSM.module
            environment["CERTCTL_PKCS11_PIN_FILE"] = try secret(SoftHSM.pin, files.path("pin"))
            environment["CERTCTL_CA_KEY_DIRECTORY"] = files.path("keys")
            environment["CERTCTL_CA_KEY_PASSPHRASE_FILE"] = try secret(
                ChildKeyTests.passphrase, files.path("passphrase"))
            return Stage(
                pki: try await PKIStage.start(engine, environment), signer: signer, softHSM: softHSM, files: files)
        }

        private static func secret(_ text: String, _ path: String) throws -> String {
            try "\(text)\n".write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return path
        }

        func stop() async {
            await pki.server.stop()
            await signer.stop()
        }

        func cli(_ arguments: [String]) async throws -> ProgramOutcome {
            try await pki.server.cli(["intermediates"] + arguments)
        }

        func id(_ outcome: ProgramOutcome) throws -> String {
            try #require(outcome.status == 0, "\(outcome.errors)")
            let body = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            return try #require(body?["id"] as? String)
        }

        /// A tree with a root in the database; the root's identifier, and the file of its certificate.
        func tree(_ issuer: String) async throws -> (root: String, file: String) {
            let made = try await pki.server.cli([
                "issuers", "create", "--id", issuer, "--name", "Tree \(issuer)", "--type", "GenericCA",
                "--hierarchy-mode", "tree",
            ])
            try #require(made.status == 0, "\(made.errors)")
            let root = try id(
                await cli(["create", issuer, "--name", "Root", "--common-name", "Root of \(issuer)", "--json"]))
            return (root, try await certificate(root))
        }

        func certificate(_ authority: String) async throws -> String {
            let (der, pem) = (pki.work.path("\(authority).cer"), pki.work.path("\(authority).pem"))
            _ = try await pki.curl(["--fail", "--output", der, "\(pki.url)/.well-known/pki/ca/\(authority).cer"])
            let read = try await pki.openssl(["x509", "-inform", "DER", "-in", der, "-out", pem])
            try #require(read.status == 0, "\(read.errors)")
            return pem
        }

        func issue(_ id: String, from issuer: String) async throws -> CurlClient.Reply {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = issuer
            try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
            let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
            return try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }

        /// Issues from the CA `authority`, and has openssl judge the leaf, the list and the answer of that CA.
        func judge(_ id: String, from issuer: String, by authority: String, below root: String) async throws {
            let issued = try Inventory.expect(201, try await issue(id, from: issuer))
            #expect(issued.text("issuing_ca_id") == authority)
            let chain = pki.work.path("\(id).pem")
            try (try #require(issued.text("pem_chain"))).write(toFile: chain, atomically: true, encoding: .utf8)
            let verified = try await pki.openssl([
                "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, "-untrusted", chain, chain,
            ])
            #expect(verified.status == 0, "\(verified.errors)")
            let (own, list) = (try await certificate(authority), pki.work.path("\(authority).crl"))
            let isListed = try await eventually(within: .seconds(20)) {
                _ = try await pki.run(
                    "/usr/bin/curl",
                    ["--silent", "--fail", "--output", list, "\(pki.url)/.well-known/pki/crl/\(authority)"])
                return FileManager.default.fileExists(atPath: list)
            }
            try #require(isListed, "no list of \(authority)")
            let checked = try await pki.openssl(["crl", "-inform", "DER", "-in", list, "-noout", "-CAfile", own])
            #expect(checked.errors.contains("verify OK"), "\(checked.errors)")
            let answer = try await pki.openssl([
                "ocsp", "-issuer", own, "-cert", chain, "-CAfile", root, "-verify_other", own, "-url",
                "\(pki.url)/.well-known/pki/ocsp/\(authority)",
            ])
            #expect(answer.output.contains("\(id).pem: good"), "\(answer.output)\(answer.errors)")
        }
    }

    @Test(
        "each makes the key, signs leaf, list and answer with it, and again after a kill",
        arguments: EngineUnderTest.available)
    func drivers(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        var trees: [(issuer: String, authority: String, root: String)] = []
        for (driver, ref) in stage.places {
            let issuer = "iss-\(driver)"
            let (root, file) = try await stage.tree(issuer)
            let arguments = ["create", issuer, "--parent", root, "--key-driver", driver, "--key-driver-id", ref]
            let child = try stage.id(
                await stage.cli(arguments + ["--name", "Issuing", "--common-name", "Issuing \(driver)", "--json"]))
            trees.append((issuer, child, file))
            try await stage.judge("mc-\(driver)", from: issuer, by: child, below: file)
            let shown = try Inventory.expect(200, try await stage.client.get("/api/v1/intermediates/\(child)"))
            #expect(shown.text("key_driver") == driver, "\(shown.body)")
            // A key that is there belongs to somebody.
            let second = try await stage.cli(arguments + ["--name", "Second", "--common-name", "Second \(driver)"])
            #expect(second.status != 0 && second.errors.contains("already"), "\(second.errors)")
        }
        // The keys are where they were wanted.
        #expect(FileManager.default.fileExists(atPath: "\(stage.signer.keys)/issuing.key"))
        #expect(try String(contentsOfFile: stage.keyFile, encoding: .utf8).contains("ENCRYPTED PRIVATE KEY"))
        let objects = try await stage.softHSM.p11tool(["--list-all", "pkcs11:token=certctl;object=issuing"])
        #expect(objects.contains("CKA_NEVER_EXTRACTABLE"), "\(objects)")

        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        for (issuer, authority, root) in trees {
            try await stage.judge("\(issuer)-again", from: issuer, by: authority, below: root)
        }
        for secret in [Self.passphrase, SoftHSM.pin] {
            #expect(!stage.pki.server.process.transcript.contains(secret))
        }
        await stage.stop()
    }

    @Test("the request of a CA whose key is in each of them is signed by openssl and imported")
    func requests() async throws {
        let stage = try await Stage.start(.sqlite)
        for (driver, ref) in stage.places {
            let (key, root) = (stage.pki.work.path("\(driver)-root.key"), stage.pki.work.path("\(driver)-root.pem"))
            let selfSigned = try await stage.pki.openssl([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", root, "-days", "3000", "-subj", "/CN=Offline Root", "-addext",
                "basicConstraints=critical,CA:TRUE,pathlen:1",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ])
            try #require(selfSigned.status == 0, "\(selfSigned.errors)")
            let issuer = "iss-\(driver)"
            let made = try await stage.pki.server.cli([
                "issuers", "create", "--id", issuer, "--name", "Tree \(driver)", "--type", "GenericCA",
                "--hierarchy-mode", "tree",
            ])
            try #require(made.status == 0, "\(made.errors)")
            let offline = try stage.id(
                await stage.cli(["create", issuer, "--name", "Offline", "--root-cert", root, "--json"]))
            let (csr, signed) = (stage.pki.work.path("\(driver).csr"), stage.pki.work.path("\(driver).pem"))
            let child = try stage.id(
                await stage.cli([
                    "csr", issuer, "--name", "Issuing", "--parent", offline, "--common-name", "Issuing \(driver)",
                    "--path-len", "0", "--key-driver", driver, "--key-driver-id", ref, "--out", csr, "--json",
                ]))
            let checked = try await stage.pki.openssl(["req", "-in", csr, "-noout", "-verify"])
            #expect(checked.status == 0, "\(driver): \(checked.errors)")
            let signing = try await stage.pki.openssl([
                "x509", "-req", "-in", csr, "-CA", root, "-CAkey", key, "-days", "900", "-copy_extensions", "copyall",
                "-sha256", "-out", signed,
            ])
            try #require(signing.status == 0, "\(signing.errors)")
            let imported = try await stage.cli(["import", child, signed])
            try #require(imported.status == 0, "\(driver): \(imported.errors)")
            try await stage.judge("mc-\(driver)", from: issuer, by: child, below: root)
        }
        await stage.stop()
    }

    @Test("a reference that its driver cannot have, and a signer that is away, make no CA")
    func refusals() async throws {
        let stage = try await Stage.start(.sqlite)
        let (root, _) = try await stage.tree("iss-tree")
        func refused(_ driver: String, _ ref: String) async throws -> CurlClient.Reply {
            try await stage.client.post(
                "/api/v1/issuers/iss-tree/intermediates",
                [
                    "name": "Bad", "parent_ca_id": root, "subject": ["common_name": "Bad"], "key_driver": driver,
                    "key_driver_id": ref,
                ])
        }
        for (driver, ref) in [
            ("exec", "issuing"), ("exec", "signer:../x"), ("file", "keys/x"), ("file", "/tmp/../x"), ("pkcs11", "/x"),
            ("file", "/tmp/outside.key"),
        ] {
            let reply = try await refused(driver, ref)
            #expect([400, 422].contains(reply.status), "\(reply.status): \(reply.body)")
            #expect(reply.body.contains("key_driver_id"), "\(reply.body)")
        }
        await stage.signer.process.killAtOnce()
        let away = try await refused("exec", "signer:issuing")
        #expect(away.status == 503, "\(away.status): \(away.body)")
        let page = try await stage.client.get("/api/v1/issuers/iss-tree/intermediates")
        #expect(!page.body.contains("Bad"), "\(page.body)")
        await stage.stop()
    }

    @Test("a key signs as often as the settings say, others are not in its way, and the metric tells")
    func ceiling() async throws {
        let pki = try await PKIStage.start(.sqlite, ["CERTCTL_CA_MAX_SIGNATURES_PER_MINUTE": "4"])
        var statuses: [Int] = []
        for number in 0..<6 {
            try Inventory.expect(
                201,
                try await pki.server.client.post(
                    "/api/v1/certificates", Inventory.certificate("mc-c\(number)", name: "c\(number).certctl.test")))
            let csr = try await makeCSR("c\(number).certctl.test", in: pki.work)
            let reply = try await pki.server.client.post(
                "/api/v1/certificates/mc-c\(number)/csr", ["csr_pem": csr])
            statuses.append(reply.status)
            if reply.status != 201 { #expect(reply.status >= 500 || reply.status == 202, "\(reply.body)") }
        }
        let made = statuses.count { $0 == 201 }
        #expect((1...4).contains(made) && statuses.last != 201, "\(statuses)")
        let metrics = try await pki.server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("result=\"rate_limited\""))
        #expect(pki.server.process.transcript.contains("\"result\":\"rate_limited\""))
        await pki.server.stop()
    }
}
