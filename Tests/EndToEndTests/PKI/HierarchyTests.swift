import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §6: a tree of CAs over the API and the client, judged by openssl and python", .tags(.slow))
struct HierarchyTests {
    /// A server with the issuer `iss-tree` and the CAs of it that were made.
    private struct Stage {
        let pki: PKIStage
        var client: CurlClient { pki.server.client }

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let pki = try await PKIStage.start(engine, ["CERTCTL_ACME_SERVER_ENABLED": "true"])
            let made = try await pki.server.cli([
                "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
                "tree",
            ])
            try #require(made.status == 0, "\(made.errors)")
            return Stage(pki: pki)
        }

        /// Creates a CA by the command line; its identifier.
        func create(_ name: String, _ more: [String]) async throws -> String {
            let arguments = ["intermediates", "create", "iss-tree", "--name", name, "--json"] + more
            let made = try await pki.server.cli(arguments)
            try #require(made.status == 0, "\(made.errors)")
            let body = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
            return try #require(body?["id"] as? String)
        }

        /// The certificate of a CA, from where relying parties get it, and its list.
        func fetch(_ id: String) async throws -> (certificate: String, list: String) {
            let (certificate, list) = (pki.work.path("\(id).pem"), pki.work.path("\(id).crl"))
            _ = try await pki.curl([
                "--fail", "--output", pki.work.path("cer"), "\(pki.url)/.well-known/pki/ca/\(id).cer",
            ])
            let read = try await pki.openssl([
                "x509", "-inform", "DER", "-in", pki.work.path("cer"), "-out", certificate,
            ])
            try #require(read.status == 0, "\(read.errors)")
            let isThere = try await eventually(within: .seconds(20)) {
                let answer = try await pki.run(
                    "/usr/bin/curl",
                    ["--silent", "--fail", "--output", pki.work.path("der"), "\(pki.url)/.well-known/pki/crl/\(id)"])
                return answer.isEmpty && FileManager.default.fileExists(atPath: pki.work.path("der"))
            }
            try #require(isThere, "no list of \(id)")
            let converted = try await pki.openssl(["crl", "-inform", "DER", "-in", pki.work.path("der"), "-out", list])
            try #require(converted.status == 0, "\(converted.errors)")
            try FileManager.default.removeItem(atPath: pki.work.path("der"))
            return (certificate, list)
        }

        func issue(_ id: String, _ name: String) async throws -> CurlClient.Reply {
            var record = Inventory.certificate(id, name: name)
            record["issuer_id"] = "iss-tree"
            try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
            let csr = try await makeCSR(name, in: pki.work)
            return try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }

        /// The chain as it is delivered, in a file of the leaf and one of the rest.
        func split(_ pem: String) throws -> (leaf: String, rest: String) {
            let end = "-----END CERTIFICATE-----\n"
            let blocks = pem.components(separatedBy: end).filter { !$0.isEmpty }.map { $0 + end }
            let (leaf, rest) = (pki.work.path("chain-leaf.pem"), pki.work.path("chain-rest.pem"))
            try blocks[0].write(toFile: leaf, atomically: true, encoding: .utf8)
            try blocks.dropFirst().joined().write(toFile: rest, atomically: true, encoding: .utf8)
            return (leaf, rest)
        }
    }

    /// Whether the server tells clients to renew a certificate at once (RFC 9773 §4.2).
    private func isUrgent(_ stage: Stage, _ reply: CurlClient.Reply) async throws -> Bool {
        let (leaf, _) = try stage.split(try #require(reply.text("pem_chain")))
        let key = try await stage.pki.openssl(["x509", "-in", leaf, "-noout", "-ext", "authorityKeyIdentifier"]).output
        let identifier = try #require(key.split(separator: "\n").last).trimmingCharacters(in: .whitespaces)
        func base64(_ hex: String) -> String {
            let digits = Array(hex.filter(\.isHexDigit))
            let octets = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            return Data(octets).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }
        let number = try #require(reply.text("serial_number"))
        let even = number.count.isMultiple(of: 2) ? number : "0" + number
        let serial = even.first.flatMap { $0.hexDigitValue }.map { $0 >= 8 } == true ? "00" + even : even
        let path = "/acme/profile/\(Inventory.profile)/renewal-info/\(base64(identifier)).\(base64(serial))"
        let answer = try Inventory.expect(200, try await stage.pki.server.anonymous.get(path))
        let window = try #require(answer.json["suggestedWindow"] as? [String: String], "\(answer.body)")
        let end = try Date(try #require(window["end"]), strategy: .iso8601)
        return end < Date.now
    }

    @Test("three tiers: chains, constraints, lists and answers of each CA hold", arguments: EngineUnderTest.available)
    func threeTiers(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let root = try await stage.create(
            "Root", ["--common-name", "E2E Root", "--algorithm", "ECDSA-P384", "--path-len", "2"])
        let policy = try await stage.create(
            "Policy",
            [
                "--parent", root, "--common-name", "E2E Policy CA", "--organization", "Example", "--algorithm",
                "RSA-2048",
                "--name-constraints",
                "{\"permitted\":{\"dns\":[\"certctl.test\"]},\"excluded\":{\"dns\":[\"bad.certctl.test\"]}}",
                "--policy", "1.3.6.1.4.1.99999.1",
            ])
        let issuing = try await stage.create(
            "Issuing",
            ["--parent", policy, "--common-name", "E2E Issuing CA", "--ttl-days", "365", "--eku", "serverAuth"])

        let issued = try Inventory.expect(201, try await stage.issue("mc-tree", "tree.certctl.test"))
        #expect(issued.text("issuing_ca_id") == issuing)
        let (leaf, rest) = try stage.split(try #require(issued.text("pem_chain")))
        var files: [String: (certificate: String, list: String)] = [:]
        for id in [root, policy, issuing] { files[id] = try await stage.fetch(id) }
        let rootFile = try #require(files[root]?.certificate)
        try await judge(stage, leaf, rest, root: rootFile)
        try await judgeConstraints(stage, leaf, rest, root: rootFile)
        try await judgeLists(stage, leaf, rest, files, order: [root, policy, issuing])
        try await judgeOCSP(stage, leaf, files, [root, policy, issuing])
        try await judgeByPython(stage, leaf, rest, rootFile, issuing)

        // What the constraints forbid is refused, with the reason.
        for name in ["tree.example.org", "www.bad.certctl.test"] {
            let refused = try await stage.issue("mc-\(name.hashValue.magnitude)", name)
            #expect(refused.status == 422 && refused.body.contains("name constraints"), "\(refused.body)")
        }
        let chain = try await stage.pki.server.cli(["intermediates", "chain", issuing])
        #expect(chain.output.components(separatedBy: "BEGIN CERTIFICATE").count == 4)
        await stage.pki.server.stop()
    }

    private func judge(_ stage: Stage, _ leaf: String, _ rest: String, root: String) async throws {
        let arguments = ["verify", "-x509_strict", "-CAfile", root, "-untrusted", rest]
        let verified = try await stage.pki.openssl(arguments + ["-purpose", "sslserver", leaf])
        #expect(verified.status == 0, "\(verified.errors)")
        // The issuing CA is for servers alone.
        let client = try await stage.pki.openssl(arguments + ["-purpose", "sslclient", leaf])
        #expect(client.status != 0)
        let strange = try await stage.pki.openssl(["verify", "-CAfile", stage.pki.ca, "-untrusted", rest, leaf])
        #expect(strange.status != 0)
        let text = try await stage.pki.openssl(["x509", "-in", leaf, "-noout", "-text"]).output
        #expect(text.contains("Issuer: CN = E2E Issuing CA"))
    }

    /// A leaf that the issuing CA would not sign, signed by a CA with the same constraints by openssl, is refused by it.
    private func judgeConstraints(_ stage: Stage, _ leaf: String, _ rest: String, root: String) async throws {
        let arguments = ["verify", "-CAfile", root, "-untrusted", rest, "-verify_hostname"]
        #expect(try await stage.pki.openssl(arguments + ["tree.certctl.test", leaf]).status == 0)
        #expect(try await stage.pki.openssl(arguments + ["other.certctl.test", leaf]).status != 0)
        let text = try await stage.pki.openssl(["x509", "-in", rest, "-noout", "-text"]).output
        #expect(text.contains("X509v3 Name Constraints: critical") && text.contains("DNS:bad.certctl.test"), "\(text)")
        #expect(text.contains("CA:TRUE, pathlen:0") && text.contains("Certificate Sign, CRL Sign"))
    }

    private func judgeLists(
        _ stage: Stage, _ leaf: String, _ rest: String, _ files: [String: (certificate: String, list: String)],
        order: [String]
    ) async throws {
        func check(_ issuingList: String) async throws -> ProgramOutcome {
            let lists = stage.pki.work.path("lists.pem")
            let texts = try [files[order[0]]?.list, files[order[1]]?.list, issuingList].compactMap { $0 }
                .map { try String(contentsOfFile: $0, encoding: .utf8) }
            try texts.joined().write(toFile: lists, atomically: true, encoding: .utf8)
            return try await stage.pki.openssl([
                "verify", "-crl_check_all", "-CRLfile", lists, "-CAfile", try #require(files[order[0]]?.certificate),
                "-untrusted", rest, leaf,
            ])
        }
        let good = try await check(try #require(files[order[2]]?.list))
        #expect(good.status == 0, "\(good.errors)")
        let text = try await stage.pki.openssl(["x509", "-in", leaf, "-noout", "-text"]).output
        for path in ["crl/\(order[2])", "ocsp/\(order[2])", "ca/\(order[2]).cer"] {
            #expect(text.contains("\(stage.pki.url)/.well-known/pki/\(path)"), "\(path)")
        }
        let parent = try await stage.pki.openssl(["x509", "-in", rest, "-noout", "-text"]).output
        #expect(parent.contains("/.well-known/pki/crl/\(order[1])"))

        try Inventory.expect(
            200, try await stage.client.post("/api/v1/certificates/mc-tree/revoke", ["reason": "superseded"]))
        let isRevoked = try await eventually(within: .seconds(20)) {
            let fresh = try await stage.fetch(order[2])
            return try await check(fresh.list).errors.contains("certificate revoked")
        }
        #expect(isRevoked)
    }

    private func judgeOCSP(
        _ stage: Stage, _ leaf: String, _ files: [String: (certificate: String, list: String)], _ order: [String]
    ) async throws {
        let root = try #require(files[order[0]]?.certificate)
        func ask(_ certificate: String, of id: String) async throws -> String {
            let trust = stage.pki.work.path("trust.pem")
            let texts = try order.compactMap { files[$0]?.certificate }.map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            try texts.joined().write(toFile: trust, atomically: true, encoding: .utf8)
            let outcome = try await stage.pki.openssl([
                "ocsp", "-issuer", try #require(files[id]?.certificate), "-cert", certificate, "-CAfile", trust, "-url",
                "\(stage.pki.url)/.well-known/pki/ocsp/\(id)",
            ])
            return outcome.output + outcome.errors
        }
        let said = try await ask(leaf, of: order[2])
        #expect(said.contains("Response verify OK") && said.contains(": revoked"), "\(said)")
        for (child, parent) in [(order[2], order[1]), (order[1], order[0])] {
            let said = try await ask(try #require(files[child]?.certificate), of: parent)
            #expect(said.contains("Response verify OK") && said.contains(": good"), "\(said)")
        }
        let wrong = try await ask(root, of: order[2])
        #expect(!wrong.contains(": good"), "\(wrong)")
    }

    /// Signatures and extensions by another implementation.
    private func judgeByPython(
        _ stage: Stage, _ leaf: String, _ rest: String, _ root: String, _ issuing: String
    ) async throws {
        let outcome = try await Judges.python("chain.py", [leaf, rest, root, issuing], logs: stage.pki.work.url)
        #expect(outcome.status == 0 && outcome.output == "agreed\n", "\(outcome.output)\(outcome.errors)")
    }

    @Test("a root from a file of the server signs; a CA retires and ends by the client, and a restart changes nothing")
    func registered() async throws {
        let stage = try await Stage.start(.sqlite)
        let (key, certificate) = (stage.pki.work.path("own.key"), stage.pki.work.path("own.pem"))
        let made = try await stage.pki.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
            certificate, "-days", "400", "-subj", "/CN=Own Root", "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        ])
        try #require(made.status == 0, "\(made.errors)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        let other = try await stage.pki.server.cli([
            "intermediates", "create", "iss-tree", "--name", "Wrong", "--root-cert", stage.pki.ca, "--key-driver-id",
            key,
        ])
        #expect(other.status != 0 && other.errors.contains("is not the key"), "\(other.errors)")
        let root = try await stage.create("Own", ["--root-cert", certificate, "--key-driver-id", key])
        let first = try await stage.create("First", ["--parent", root, "--common-name", "First", "--ttl-days", "900"])
        let second = try await stage.create(
            "Second", ["--parent", root, "--common-name", "Second", "--ttl-days", "30"])
        let (firstFile, _) = try await stage.fetch(first)
        let ends = try await stage.pki.openssl(["verify", "-x509_strict", "-CAfile", certificate, firstFile])
        #expect(ends.status == 0, "\(ends.errors)")
        // Never beyond the root.
        let dates = try await stage.pki.openssl(["x509", "-in", firstFile, "-noout", "-enddate"]).output
        #expect(dates == (try await stage.pki.openssl(["x509", "-in", certificate, "-noout", "-enddate"]).output))

        let one = try await stage.issue("mc-one", "one.certctl.test")
        #expect(one.text("issuing_ca_id") == first)
        #expect(try await !isUrgent(stage, one))
        func retire(_ id: String, _ more: [String] = []) async throws -> ProgramOutcome {
            try await stage.pki.server.cli(["intermediates", "retire", id, "--yes"] + more)
        }
        #expect(try await retire(first).status == 0)
        #expect(try await isUrgent(stage, one))
        let unconfirmed = try await retire(first)
        #expect(unconfirmed.status != 0 && unconfirmed.errors.contains("confirm"), "\(unconfirmed.errors)")
        let early = try await retire(first, ["--confirm"])
        #expect(early.status != 0 && early.errors.contains("1 certificates are still good"), "\(early.errors)")
        #expect(try await stage.issue("mc-two", "two.certctl.test").text("issuing_ca_id") == second)
        try Inventory.expect(
            200, try await stage.client.post("/api/v1/certificates/mc-one/revoke", ["reason": "superseded"]))
        #expect(try await retire(first, ["--confirm"]).status == 0)
        let isOver = try await eventually(within: .seconds(20)) {
            try await stage.client.get("/api/v1/intermediates/\(first)").text("key_released_at") != nil
        }
        #expect(isOver)
        let (_, list) = try await stage.fetch(first)
        let text = try await stage.pki.openssl(["crl", "-in", list, "-noout", "-nextupdate"]).output
        #expect(text.contains("Dec 31 23:59:59 9999"), "\(text)")
        let tree = try await stage.pki.server.cli(["intermediates", "list", "iss-tree"])
        #expect(tree.output.contains("retired") && tree.output.contains("Second"), "\(tree.output)")
        let metrics = try await stage.client.get("/api/v1/metrics/prometheus").body
        for kind in ["create_root", "create_child", "retire_retiring", "retire_retired"] {
            #expect(metrics.contains("kind=\"\(kind)\""), "\(kind)")
        }
        let ocsp = try await stage.pki.run(
            "/usr/bin/curl",
            [
                "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
                "\(stage.pki.url)/.well-known/pki/ocsp/iss-tree/1f",
            ])
        #expect(ocsp == "501")

        await stage.pki.server.process.killAtOnce()
        try await stage.pki.server.startAgain()
        #expect(try await stage.issue("mc-three", "three.certctl.test").text("issuing_ca_id") == second)
        await stage.pki.server.stop()
    }
}
