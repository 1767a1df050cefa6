import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §2.10, §6.4: the choice of chains, by certbot, lego and openssl", .tags(.slow))
struct CrossSigningTests {
    /// A tree whose issuing CA is certified by its own root, by the root of another tree, and by somebody with openssl.
    private struct Stage {
        let acme: ACMEStage
        let issuing: String
        /// Files of roots, by their common names.
        let roots: [String: String]

        static let names = ["E2E Root", "E2E Second", "E2E Elsewhere"]

        static func start(_ engine: EngineUnderTest) async throws -> Stage {
            let acme = try await ACMEStage.make(engine)
            let work = acme.work
            func id(_ arguments: [String]) async throws -> String {
                let outcome = try await acme.server.cli(arguments + ["--json"])
                try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
                let body = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
                return try #require(body?["id"] as? String)
            }
            var ids: [String] = []
            for (tree, name) in zip(["iss-tree", "iss-second"], names) {
                _ = try await id([
                    "issuers", "create", "--id", tree, "--name", tree, "--type", "GenericCA", "--hierarchy-mode",
                    "tree",
                ])
                ids.append(try await id(["intermediates", "create", tree, "--name", "Root", "--common-name", name]))
            }
            let issuing = try await id([
                "intermediates", "create", "iss-tree", "--name", "Issuing", "--parent", ids[0], "--common-name",
                "E2E Issuing", "--path-len", "0",
            ])
            _ = try await id(["intermediates", "cross-sign", issuing, "--parent", ids[1], "--ttl-days", "900"])

            let (key, root) = (work.path("elsewhere.key"), work.path("elsewhere.pem"))
            let made = try await acme.openssl([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", root, "-days", "3000", "-subj",
                "/CN=\(names[2])", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ])
            try #require(made.status == 0, "\(made.errors)")
            let (csr, signed) = (work.path("cross.csr"), work.path("cross.pem"))
            let asked = try await acme.server.cli(["intermediates", "cross-csr", issuing, "--out", csr])
            try #require(asked.status == 0, "\(asked.errors)")
            let signing = try await acme.openssl([
                "x509", "-req", "-in", csr, "-CA", root, "-CAkey", key, "-days", "700", "-copy_extensions", "copyall",
                "-out", signed,
            ])
            try #require(signing.status == 0, "\(signing.errors)")
            let refused = try await acme.server.cli(["intermediates", "cross-sign", issuing, "--cert", signed])
            #expect(refused.status != 0 && refused.errors.contains("chain_pem"), "\(refused.errors)")
            _ = try await id(["intermediates", "cross-sign", issuing, "--cert", signed, "--chain", root])

            var roots = [names[2]: root]
            for (id, name) in zip(ids, names) {
                roots[name] = work.path("\(id).pem")
                let chain = try await acme.server.cli(["intermediates", "chain", id, "--out", work.path("\(id).pem")])
                try #require(chain.status == 0, "\(chain.errors)")
            }
            try Inventory.expect(
                200,
                try await acme.server.client.put("/api/v1/profiles/\(ACMEStage.profile)", ["issuer_id": "iss-tree"]))
            return Stage(acme: acme, issuing: issuing, roots: roots)
        }

        /// Whether openssl accepts a chain of PEM by one root, and by no other.
        func check(_ chain: String, leadsTo name: String, _ comment: Comment) async throws {
            let end = "-----END CERTIFICATE-----\n"
            let blocks = chain.components(separatedBy: end).filter { !$0.isEmpty }.map { $0 + end }
            try #require(blocks.count == 2, comment)
            let (leaf, rest) = (acme.work.path("leaf.pem"), acme.work.path("rest.pem"))
            try blocks[0].write(toFile: leaf, atomically: true, encoding: .utf8)
            try blocks.dropFirst().joined().write(toFile: rest, atomically: true, encoding: .utf8)
            for (other, root) in roots {
                let verified = try await acme.openssl([
                    "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", root,
                    "-untrusted", rest, leaf,
                ])
                #expect((verified.status == 0) == (other == name), "\(comment) by \(other): \(verified.errors)")
            }
        }
    }

    @Test(
        "every chain has an address, leads to its own root, and clients pick it", arguments: EngineUnderTest.available)
    func chains(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let (acme, work) = (stage.acme, stage.acme.work)
        let client = acme.client()
        try await client.register()
        let (_, chain, url) = try await client.obtain(["www.certctl.test"])
        try await stage.check(chain, leadsTo: "E2E Root", "the default")

        func links(_ reply: CurlClient.Reply) -> Set<String> {
            Set(
                reply.headers.split(whereSeparator: \.isNewline).filter {
                    $0.lowercased().hasPrefix("link: ") && $0.hasSuffix(";rel=\"alternate\"")
                }.map { String($0.dropFirst("link: <".count).prefix { $0 != ">" }) })
        }
        let first = try await client.post(url, nil)
        #expect(links(first) == ["\(url)/1", "\(url)/2"], "\(first.headers)")
        for (number, name) in [(1, "E2E Second"), (2, "E2E Elsewhere")] {
            let reply = try await client.post("\(url)/\(number)", nil)
            try #require(reply.status == 200, "\(reply.body)")
            #expect(ACMETestClient.field("content-type", reply) == "application/pem-certificate-chain")
            #expect(links(reply) == [url, "\(url)/\(3 - number)"], "\(reply.headers)")
            try await stage.check(reply.body, leadsTo: name, "chain \(number)")
        }
        for number in ["0", "3", "01", "-1", "x"] {
            let reply = try await client.post("\(url)/\(number)", nil)
            #expect(reply.status == 404 && ACMETestClient.problem(reply) == "malformed", "\(number): \(reply.status)")
        }
        let open = try await acme.server.anonymous.get(String("\(url)/1".dropFirst(client.origin.count)))
        #expect(open.status == 405)
        let stranger = acme.client()
        try await stranger.register()
        #expect(try await stranger.post("\(url)/1", nil).status == 403)

        try await certbot(stage)
        try await lego(stage)

        // The same by the API and the command line.
        let listed = try await acme.server.client.get("/api/v1/intermediates/\(stage.issuing)/chains")
        let chains = try #require(listed.json["chains"] as? [[String: Any]], "\(listed.body)")
        #expect(chains.compactMap { $0["root"] as? String } == Stage.names.map { "CN=\($0)" })
        #expect((listed.json["certificates"] as? [Any])?.count == 2)
        let shown = try await acme.server.cli(["intermediates", "chains", stage.issuing])
        #expect(shown.output.contains("E2E Elsewhere"), "\(shown.output) \(shown.errors)")
        let inventory = try await acme.server.client.get("/api/v1/certificates?source=ACME")
        let row = try #require((inventory.json["data"] as? [[String: Any]])?.first, "\(inventory.body)")
        let id = try #require(row["id"] as? String)
        let file = work.path("export.pem")
        for (number, name) in Stage.names.enumerated() {
            let exported = try await acme.server.cli([
                "certs", "export", id, "--chain", "\(number)", "--save", file,
            ])
            #expect(exported.status == 0, "\(exported.errors)")
            try await stage.check(try String(contentsOfFile: file, encoding: .utf8), leadsTo: name, "export \(number)")
        }
        let none = try await acme.server.cli(["certs", "export", id, "--chain", "3"])
        #expect(none.status != 0 && none.errors.contains("1 to 2"), "\(none.errors)")
        await acme.server.stop()
    }

    private func certbot(_ stage: Stage) async throws {
        let work = stage.acme.work
        let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
        let outcome = try await runProgram(
            "/usr/bin/certbot",
            [
                "certonly", "--standalone", "--agree-tos", "-m", "ops@certctl.test", "--no-eff-email", "-d",
                "bot.certctl.test", "--eab-kid", stage.acme.keyID, "--eab-hmac-key", stage.acme.hmacKey,
                "--preferred-chain", "E2E Elsewhere", "--server", stage.acme.directory, "--non-interactive",
            ] + folders,
            environment: ["HOME": work.url.path, "REQUESTS_CA_BUNDLE": stage.acme.server.authority], logs: work.url,
            timeout: .seconds(120))
        try #require(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        let file = work.path("certbot-config/live/bot.certctl.test/fullchain.pem")
        try await stage.check(try String(contentsOfFile: file, encoding: .utf8), leadsTo: "E2E Elsewhere", "certbot")
    }

    private func lego(_ stage: Stage) async throws {
        let work = stage.acme.work
        let outcome = try await runProgram(
            "/usr/bin/lego",
            [
                "--server", stage.acme.directory, "--path", work.path("lego"), "--email", "ops@certctl.test",
                "--accept-tos", "--eab", "--kid", stage.acme.keyID, "--hmac", stage.acme.hmacKey, "--domains",
                "lego.certctl.test", "--http", "--http.port", "127.0.0.1:\(LoopbackPort.unused())", "run",
                "--preferred-chain", "E2E Second",
            ],
            environment: ["HOME": work.url.path, "LEGO_CA_CERTIFICATES": stage.acme.server.authority], logs: work.url,
            timeout: .seconds(120))
        try #require(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        let file = work.path("lego/certificates/lego.certctl.test.crt")
        try await stage.check(
            (try String(contentsOfFile: file, encoding: .utf8)).replacing("\n\n", with: "\n"), leadsTo: "E2E Second",
            "lego")
    }
}
