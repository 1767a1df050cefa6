import Foundation
import TestSupport
import Testing

/// Those who judge certificates of a single CA in `RelyingPartyTests`, over trees: a root, a CA with name constraints and
/// one that issues, each with its own list and its own answers.
@Suite("Protocol servers §6: what others say of a tree of CAs", .tags(.slow))
struct TreeJudgesTests {
    struct Kinds: Sendable, CustomTestStringConvertible {
        let root: String
        let policy: String
        let issuing: String
        /// NSS of Debian 12 and validators of the CA/B Forum know no Ed25519.
        var isForEverybody: Bool { ![root, policy, issuing].contains("Ed25519") }
        var testDescription: String { "\(root), \(policy), \(issuing)" }
    }

    private static let kinds = [
        Kinds(root: "ECDSA-P384", policy: "RSA-3072", issuing: "ECDSA-P256"),
        Kinds(root: "RSA-4096", policy: "ECDSA-P521", issuing: "RSA-2048"),
        Kinds(root: "Ed25519", policy: "ECDSA-P384", issuing: "Ed25519"),
    ]

    /// A tree with two certificates, the second of which is revoked, as files.
    private struct Tree {
        let pki: PKIStage
        /// From the root down.
        let authorities: [String]
        var root: String { file(0) }
        var good: String { pki.work.path("good.pem") }
        var bad: String { pki.work.path("bad.pem") }
        var lists: String { pki.work.path("lists.pem") }
        /// The CAs between root and leaf, the issuing one first.
        var between: String { pki.work.path("between.pem") }

        func file(_ place: Int) -> String { pki.work.path("\(authorities[place]).pem") }
        func list(_ place: Int) -> String { pki.work.path("\(authorities[place]).crl") }
    }

    private func plant(_ kinds: Kinds, _ engine: EngineUnderTest) async throws -> Tree {
        let pki = try await PKIStage.start(engine)
        let made = try await pki.server.cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
            "--config", "{\"crl_delta\":true}",
        ])
        try #require(made.status == 0, "\(made.errors)")
        var authorities: [String] = []
        for (name, algorithm, more) in [
            ("Root", kinds.root, ["--path-len", "2"]),
            ("Policy", kinds.policy, ["--name-constraints", "{\"permitted\":{\"dns\":[\"certctl.test\"]}}"]),
            ("Issuing", kinds.issuing, ["--ttl-days", "365", "--eku", "serverAuth"]),
        ] {
            let above = authorities.last.map { ["--parent", $0] } ?? []
            let created = try await pki.server.cli(
                [
                    "intermediates", "create", "iss-tree", "--name", name, "--common-name", "Judged \(name)",
                    "--algorithm", algorithm, "--json",
                ] + above + more)
            try #require(created.status == 0, "\(created.errors)")
            let body = try JSONSerialization.jsonObject(with: Data(created.output.utf8)) as? [String: Any]
            authorities.append(try #require(body?["id"] as? String))
        }
        let tree = Tree(pki: pki, authorities: authorities)
        for (id, file) in [("mc-good", tree.good), ("mc-bad", tree.bad)] {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            record["issuer_id"] = "iss-tree"
            try Inventory.expect(201, try await pki.server.client.post("/api/v1/certificates", record))
            let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
            let issued = try Inventory.expect(
                201, try await pki.server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
            try #require(issued.text("pem_chain")).write(toFile: file, atomically: true, encoding: .utf8)
        }
        try Inventory.expect(
            200,
            try await pki.server.client.post("/api/v1/certificates/mc-bad/revoke", ["reason": "keyCompromise"]))
        try await gather(tree)
        return tree
    }

    /// The certificates and lists of the CAs, from where relying parties get them.
    private func gather(_ tree: Tree) async throws {
        let pki = tree.pki
        for (place, id) in tree.authorities.enumerated() {
            let der = pki.work.path("der")
            _ = try await pki.curl(["--fail", "--output", der, "\(pki.url)/.well-known/pki/ca/\(id).cer"])
            let read = try await pki.openssl(["x509", "-inform", "DER", "-in", der, "-out", tree.file(place)])
            try #require(read.status == 0, "\(read.errors)")
            let isThere = try await eventually(within: .seconds(30)) {
                _ = try await pki.curl(["--output", der, "\(pki.url)/.well-known/pki/crl/\(id)"])
                let list = try await pki.openssl(["crl", "-inform", "DER", "-in", der, "-out", tree.list(place)])
                guard list.status == 0 else { return false }
                let text = try await pki.openssl(["crl", "-in", tree.list(place), "-noout", "-text"]).output
                return place < 2 || text.contains("Serial Number:")
            }
            try #require(isThere, "no list of \(id)")
        }
        let text = { (file: String) in try String(contentsOfFile: file, encoding: .utf8) }
        try (0..<3).map { try text(tree.list($0)) }.joined()
            .write(toFile: tree.lists, atomically: true, encoding: .utf8)
        try [2, 1].map { try text(tree.file($0)) }.joined()
            .write(toFile: tree.between, atomically: true, encoding: .utf8)
    }

    @Test(
        "openssl, GnuTLS, NSS, Java, pyca and pkilint agree about every CA, list and answer of it",
        arguments: kinds.indices, EngineUnderTest.available)
    func judged(tree number: Int, engine: EngineUnderTest) async throws {
        let kinds = Self.kinds[number]
        let tree = try await plant(kinds, engine)
        try await opensslJudges(tree)
        try await gnuTLSJudges(tree)
        if kinds.isForEverybody { try await nssJudges(tree) }
        try await javaJudges(tree)
        try await pycaJudges(tree, findsPaths: kinds.isForEverybody)
        try await pkilintJudges(tree)
        await tree.pki.server.stop()
    }

    private func opensslJudges(_ tree: Tree) async throws {
        for (file, expected) in [(tree.good, "OK"), (tree.bad, "certificate revoked")] {
            let said = try await tree.pki.run(
                "/usr/bin/openssl",
                [
                    "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", tree.root, "-untrusted", tree.between,
                    "-CRLfile", tree.lists, "-crl_check_all", file,
                ])
            #expect(said.contains(expected), "\(said)")
        }
        for list in [tree.list(0), tree.list(2)] {
            let der = try await tree.pki.run("/usr/bin/openssl", ["asn1parse", "-in", list])
            #expect(der.contains("cons: SEQUENCE") && !der.contains("Error"), "\(der)")
        }
    }

    private func gnuTLSJudges(_ tree: Tree) async throws {
        for (file, path, status) in [(tree.good, "is trusted", "good"), (tree.bad, "is revoked", "revoked")] {
            let said = try await tree.pki.run(
                "/usr/bin/certtool",
                ["--verify", "--load-ca-certificate", tree.root, "--load-crl", tree.lists, "--infile", file])
            #expect(said.contains(path), "\(said)")
            let answer = try await ask(file, tree, place: 2)
            #expect(answer.contains("Verifying OCSP Response: Success."), "\(answer)")
            #expect(answer.contains("Certificate Status: \(status)"), "\(answer)")
        }
        for place in [1, 2] {
            let answer = try await ask(tree.file(place), tree, place: place - 1)
            #expect(answer.contains("Verifying OCSP Response: Success."), "\(answer)")
            #expect(answer.contains("Certificate Status: good"), "\(answer)")
        }
    }

    /// - `place`: Of the CA that signed.
    private func ask(_ file: String, _ tree: Tree, place: Int) async throws -> String {
        try await tree.pki.run(
            "/usr/bin/ocsptool",
            [
                "--ask=\(tree.pki.url)/.well-known/pki/ocsp/\(tree.authorities[place])", "--load-issuer",
                tree.file(place), "--load-cert", file, "--load-trust", tree.file(place),
            ])
    }

    private func nssJudges(_ tree: Tree) async throws {
        let folder = tree.pki.work.path("nss")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let store = "sql:" + folder
        _ = try await tree.pki.run("/usr/bin/certutil", ["-N", "-d", store, "--empty-password"])
        _ = try await tree.pki.run(
            "/usr/bin/certutil", ["-A", "-n", "root", "-t", "CT,C,C", "-i", tree.root, "-d", store])
        for method in ["ocsp", "crl"] {
            for (file, expected) in [(tree.good, "Chain is good!"), (tree.bad, "has been revoked")] {
                let said = try await tree.pki.run(
                    "/usr/bin/vfychain",
                    [
                        "-d", store, "-pp", "-u", "1", "-g", "leaf", "-h", "requireFreshInfo", "-m", method, "-s",
                        "requireInfo,failIfNoInfo", "-g", "chain", "-h", "requireFreshInfo", "-m", method, "-s",
                        "requireInfo,failIfNoInfo", "-a", file, "-a", tree.file(2), "-a", tree.file(1),
                    ])
                #expect(said.contains(expected), "\(method): \(said)")
            }
        }
    }

    private func javaJudges(_ tree: Tree) async throws {
        let said = try await tree.pki.run(
            "/usr/bin/java",
            [
                "-Dcom.sun.security.enableCRLDP=true", Judges.file("Tests/Judges/PathCheck.java"), tree.root, tree.good,
                tree.bad,
            ])
        #expect(
            said == """
                ocsp valid
                crl valid
                ocsp REVOKED KEY_COMPROMISE
                crl REVOKED KEY_COMPROMISE

                """, "\(said)")
    }

    private func pycaJudges(_ tree: Tree, findsPaths: Bool) async throws {
        let outcome = try await Judges.python(
            "tree.py",
            [findsPaths ? "paths" : "no-paths", tree.root, tree.between, tree.list(2), tree.good, tree.bad],
            logs: tree.pki.work.url)
        #expect(outcome.output == "good\nkeyCompromise\n", "\(outcome.output)\(outcome.errors)")
    }

    private func pkilintJudges(_ tree: Tree) async throws {
        var questions: [String] = []
        for place in 0..<3 {
            questions += ["cert:\(tree.file(place))", "crl:\(tree.list(place))"]
            if place > 0 { questions.append("chain:\(tree.file(place - 1)):\(tree.file(place))") }
            let answer = tree.pki.work.path("\(place).ocsp")
            let asked = place == 2 ? tree.good : tree.file(place + 1)
            let said = try await tree.pki.openssl([
                "ocsp", "-issuer", tree.file(place), "-cert", asked, "-CAfile", tree.file(place), "-partial_chain",
                "-url", "\(tree.pki.url)/.well-known/pki/ocsp/\(tree.authorities[place])", "-respout", answer,
                "-resp_text",
            ])
            // The answer brings the certificate of its responder.
            let responder = tree.pki.work.path("responder-\(place).pem")
            let text = try #require(
                said.output.range(of: "-----BEGIN CERTIFICATE-----"), "\(said.output)\(said.errors)")
            try String(said.output[text.lowerBound...]).write(toFile: responder, atomically: true, encoding: .utf8)
            _ = try await tree.pki.openssl(["x509", "-in", responder, "-out", responder])
            questions += ["ocsp:\(answer)", "cert:\(responder)", "chain:\(tree.file(place)):\(responder)"]
        }
        for (number, file) in [tree.good, tree.bad].enumerated() {
            let leaf = tree.pki.work.path("lint-\(number).pem")
            _ = try await tree.pki.openssl(["x509", "-in", file, "-out", leaf])
            questions += ["cert:\(leaf)", "chain:\(tree.file(2)):\(leaf)"]
        }
        let outcome = try await Judges.python("lint.py", questions, logs: tree.pki.work.url)
        let said = outcome.output.split(separator: "\n").map(String.init)
        #expect(said == questions.map { "\($0): nothing" }, "\(outcome.output)\(outcome.errors)")
    }
}
