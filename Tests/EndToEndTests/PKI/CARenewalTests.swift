import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §6.2: renewal of CAs with the same key, judged by openssl", .tags(.slow))
struct CARenewalTests {
    private struct Stage {
        let pki: PKIStage

        func cli(_ arguments: [String]) async throws -> [String: Any] {
            let outcome = try await pki.server.cli(arguments + ["--json"])
            try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        }

        func id(_ arguments: [String]) async throws -> String {
            try #require(try await cli(arguments)["id"] as? String)
        }

        /// Issues a certificate; files of it and of what came above it.
        func issue(_ id: String) async throws -> (leaf: String, rest: String) {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = "iss-tree"
            try Inventory.expect(201, try await pki.server.client.post("/api/v1/certificates", record))
            let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
            let issued = try Inventory.expect(
                201, try await pki.server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
            let end = "-----END CERTIFICATE-----\n"
            let blocks = try #require(issued.text("pem_chain")).components(separatedBy: end).filter { !$0.isEmpty }
                .map { $0 + end }
            let (leaf, rest) = (pki.work.path("\(id).pem"), pki.work.path("\(id)-rest.pem"))
            try blocks[0].write(toFile: leaf, atomically: true, encoding: .utf8)
            try blocks.dropFirst().joined().write(toFile: rest, atomically: true, encoding: .utf8)
            return (leaf, rest)
        }

        func write(_ pem: Any?, _ name: String) throws -> String {
            let file = pki.work.path(name)
            try #require(pem as? String).write(toFile: file, atomically: true, encoding: .utf8)
            return file
        }

        func verify(_ leaf: String, _ rest: String, root: String) async throws {
            let verified = try await pki.openssl([
                "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", root,
                "-untrusted", rest, leaf,
            ])
            #expect(verified.status == 0, "\(leaf) by \(rest): \(verified.errors)")
        }

        /// What `openssl ocsp` says of a certificate.
        func ask(_ certificate: String, issuer: String, trust: String, at id: String) async throws -> String {
            let outcome = try await pki.openssl([
                "ocsp", "-issuer", issuer, "-cert", certificate, "-CAfile", trust, "-url",
                "\(pki.url)/.well-known/pki/ocsp/\(id)",
            ])
            return outcome.output + outcome.errors
        }
    }

    @Test(
        "old and new certificates verify with either chain, and are answered for", arguments: EngineUnderTest.available)
    func renewed(engine: EngineUnderTest) async throws {
        let stage = Stage(pki: try await PKIStage.start(engine))
        let work = stage.pki.work
        _ = try await stage.id([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        let root = try await stage.cli([
            "intermediates", "create", "iss-tree", "--name", "Root", "--common-name", "E2E Root",
        ])
        let rootID = try #require(root["id"] as? String)
        let rootFile = try stage.write(root["cert_pem"], "root.pem")
        let made = try await stage.cli([
            "intermediates", "create", "iss-tree", "--name", "Issuing", "--parent", rootID, "--common-name",
            "E2E Issuing",
            "--path-len", "0", "--ttl-days", "200", "--eku", "serverAuth",
        ])
        let issuing = try #require(made["id"] as? String)
        let old = try stage.write(made["cert_pem"], "old.pem")
        let before = try await stage.issue("before")

        let short = try await stage.pki.server.cli(["intermediates", "renew", issuing, "--ttl-days", "100"])
        #expect(short.status != 0 && short.errors.contains("ttl_days"), "\(short.errors)")
        let useless = try await stage.pki.server.cli(["intermediates", "renew", rootID])
        #expect(useless.status != 0 && useless.errors.contains("cross-sign"), "\(useless.errors)")
        let renewal = try await stage.cli(["intermediates", "renew", issuing, "--ttl-days", "400"])
        #expect(renewal["id"] as? String == issuing)
        let new = try stage.write(renewal["cert_pem"], "new.pem")

        let after = try await stage.issue("after")
        #expect(try String(contentsOfFile: after.rest, encoding: .utf8) == String(contentsOfFile: new, encoding: .utf8))
        for leaf in [before.leaf, after.leaf] {
            for rest in [before.rest, new] { try await stage.verify(leaf, rest, root: rootFile) }
        }
        var keys: [String] = []
        for certificate in [old, new] {
            keys.append(
                try await stage.pki.openssl([
                    "x509", "-in", certificate, "-noout", "-pubkey", "-subject", "-ext", "subjectKeyIdentifier",
                ]).output)
        }
        #expect(keys[0] == keys[1] && !keys[0].isEmpty)

        // The root answers for both, and the CA for what it signed by either.
        let trust = work.path("trust.pem")
        try [rootFile, new].map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
            .write(toFile: trust, atomically: true, encoding: .utf8)
        for certificate in [old, new] {
            let said = try await stage.ask(certificate, issuer: rootFile, trust: rootFile, at: rootID)
            #expect(said.contains("Response verify OK") && said.contains(": good"), "\(said)")
            for leaf in [before.leaf, after.leaf] {
                // The server may know the certificate before for some seconds.
                let isGood = try await eventually(within: .seconds(20)) {
                    let said = try await stage.ask(leaf, issuer: certificate, trust: trust, at: issuing)
                    return said.contains("Response verify OK") && said.contains(": good")
                }
                #expect(isGood, "\(leaf) by \(certificate)")
            }
        }
        let published = try await eventually(within: .seconds(20)) {
            _ = try await stage.pki.curl([
                "--output", work.path("cer"), "\(stage.pki.url)/.well-known/pki/ca/\(issuing).cer",
            ])
            let read = try await stage.pki.openssl(["x509", "-inform", "DER", "-in", work.path("cer")])
            return try read.output == String(contentsOfFile: new, encoding: .utf8)
        }
        #expect(published)
        let chains = try await stage.cli(["intermediates", "chains", issuing])
        #expect((chains["chains"] as? [Any])?.count == 1)
        let kept = try #require(chains["certificates"] as? [[String: Any]])
        #expect(kept.map { $0["serial_number"] as? String } == [made["serial_number"] as? String])

        // The one before is withdrawn: at once in OCSP, and soon on the list; the new one is as good as before.
        let certificate = try #require(kept.first?["id"] as? String)
        let withdrawn = try await stage.cli([
            "intermediates", "withdraw", issuing, certificate, "--reason", "superseded", "--yes",
        ])
        #expect(withdrawn["listed_by"] as? String == rootID)
        let gone = try await stage.ask(old, issuer: rootFile, trust: rootFile, at: rootID)
        #expect(gone.contains("Response verify OK") && gone.contains(": revoked"), "\(gone)")
        let stays = try await stage.ask(new, issuer: rootFile, trust: rootFile, at: rootID)
        #expect(stays.contains("Response verify OK") && stays.contains(": good"), "\(stays)")
        let serial = try #require(made["serial_number"] as? String).uppercased()
        let isListed = try await eventually(within: .seconds(20)) {
            let list = work.path("root.crl")
            _ = try await stage.pki.curl(["--output", list, "\(stage.pki.url)/.well-known/pki/crl/\(rootID)"])
            let text = try await stage.pki.openssl(["crl", "-inform", "DER", "-in", list, "-noout", "-text"]).output
            return text.contains(serial)
        }
        #expect(isListed)
        let again = try await stage.pki.server.cli(["intermediates", "withdraw", issuing, certificate, "--yes"])
        #expect(again.status != 0 && again.errors.contains("withdrawn already"), "\(again.errors)")
        await stage.pki.server.stop()
    }

    @Test("below an offline root, openssl signs the renewal", arguments: EngineUnderTest.available)
    func offline(engine: EngineUnderTest) async throws {
        let stage = Stage(pki: try await PKIStage.start(engine))
        let work = stage.pki.work
        _ = try await stage.id([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        let (key, root) = (work.path("offline.key"), work.path("offline.pem"))
        let made = try await stage.pki.openssl([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", root, "-days", "3000", "-subj",
            "/CN=E2E Offline", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ])
        try #require(made.status == 0, "\(made.errors)")
        let rootID = try await stage.id(["intermediates", "create", "iss-tree", "--name", "Root", "--root-cert", root])
        let (csr, signed) = (work.path("issuing.csr"), work.path("issuing.pem"))
        func sign(_ days: Int) async throws {
            let signing = try await stage.pki.openssl([
                "x509", "-req", "-in", csr, "-CA", root, "-CAkey", key, "-days", "\(days)", "-copy_extensions",
                "copyall",
                "-out", signed,
            ])
            try #require(signing.status == 0, "\(signing.errors)")
        }
        let issuing = try await stage.id([
            "intermediates", "csr", "iss-tree", "--name", "Issuing", "--parent", rootID, "--common-name", "E2E Issuing",
            "--path-len", "0",
        ])
        let pending = try await stage.cli(["intermediates", "get", issuing])
        _ = try stage.write(pending["csr_pem"], "issuing.csr")
        try await sign(200)
        _ = try await stage.cli(["intermediates", "import", issuing, signed])
        let before = try await stage.issue("before")

        let refused = try await stage.pki.server.cli(["intermediates", "renew", issuing])
        #expect(refused.status != 0 && refused.errors.contains("cross-csr"), "\(refused.errors)")
        let asked = try await stage.pki.server.cli(["intermediates", "cross-csr", issuing, "--out", csr])
        try #require(asked.status == 0, "\(asked.errors)")
        let twice = try await stage.pki.server.cli(["intermediates", "renew", issuing, "--cert", signed])
        #expect(twice.status != 0 && twice.errors.contains("certificate_pem"), "\(twice.errors)")
        try await sign(500)
        _ = try await stage.cli(["intermediates", "renew", issuing, "--cert", signed])
        let after = try await stage.issue("after")
        #expect(
            try String(contentsOfFile: after.rest, encoding: .utf8) == String(contentsOfFile: signed, encoding: .utf8))
        try await stage.verify(before.leaf, after.rest, root: root)
        try await stage.verify(after.leaf, after.rest, root: root)
        await stage.pki.server.stop()
    }
}
