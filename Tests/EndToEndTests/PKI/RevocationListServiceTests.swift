import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §5: revocation lists of a running server, beside openssl", .tags(.slow))
struct RevocationListServiceTests {
    private static let path = "/.well-known/pki/crl/iss-local"

    private struct Stage {
        let server: ControlPlane
        let work: TemporaryDirectory

        func fetch(_ file: String, _ extra: [String] = [], path: String = RevocationListServiceTests.path) async throws
            -> String
        {
            try await runProgram(
                "/usr/bin/curl",
                [
                    "--silent", "--show-error", "--cacert", server.authority, "--dump-header", "-", "--output",
                    work.path(file), server.baseURL + path,
                ] + extra, logs: work.url
            ).output.lowercased()
        }

        func openssl(_ arguments: [String]) async throws -> ProgramOutcome {
            try await runProgram("/usr/bin/openssl", arguments, logs: work.url)
        }

        func text(_ file: String) async throws -> String {
            try await runProgram(
                "/usr/bin/openssl", ["crl", "-inform", "DER", "-in", work.path(file), "-noout", "-text"],
                logs: work.url
            ).output
        }

        func number(_ file: String) async throws -> Int {
            let line = try #require(try await read(file).split(separator: "\n").first { $0.hasPrefix("crlNumber=0x") })
            return try #require(Int(line.dropFirst("crlNumber=0x".count), radix: 16), "\(line)")
        }

        /// What `openssl crl` reads: the number in hexadecimal and the two dates.
        func read(_ file: String) async throws -> String {
            try await runProgram(
                "/usr/bin/openssl",
                [
                    "crl", "-inform", "DER", "-in", work.path(file), "-noout", "-crlnumber", "-lastupdate",
                    "-nextupdate", "-dateopt", "iso_8601",
                ], logs: work.url
            ).output
        }
    }

    private static func stage(_ engine: EngineUnderTest, _ extra: [String: String] = [:]) async throws -> Stage {
        let database = try await engine.makeDatabaseURL()
        let server = try await ControlPlane.start(
            databaseURL: database, environment: engine.environment.merging(extra) { _, given in given })
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let stage = Stage(server: server, work: try TemporaryDirectory("crl"))
        let isThere = try await eventually(within: .seconds(30)) {
            try await stage.fetch("first", ["--http1.1"]).contains("200 ok")
        }
        try #require(isThere)
        return stage
    }

    @Test(
        "a list is there by itself, is cached as it may be, and its numbers go on after a restart",
        arguments: EngineUnderTest.available)
    func served(engine: EngineUnderTest) async throws {
        let stage = try await Self.stage(engine)
        let head = try await stage.fetch("a.crl", ["--http1.1"])
        #expect(head.contains("200 ok") && head.contains("content-type: application/pkix-crl"), "\(head)")
        #expect(head.contains("last-modified: ") && head.contains("expires: ") && head.contains("accept-ranges: none"))
        #expect(head.contains("cache-control: public, max-age=3600, must-revalidate"), "\(head)")
        #expect(try await stage.read("a.crl").hasPrefix("crlNumber=0x01\n"))
        let tag = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("etag: ") }).dropFirst(6)
        let unchanged = try await stage.fetch("b.crl", ["--http1.1", "--header", "If-None-Match: W/\(tag)"])
        #expect(unchanged.contains("304 not modified"), "\(unchanged)")
        let again = try await stage.fetch("c.crl", ["--http1.1"], path: Self.path + ".crl")
        #expect(again.contains(tag), "\(again)")
        for (path, status) in [
            ("/.well-known/pki/crl/iss-nowhere", "404"), (Self.path + "/0-7", "404"), (Self.path + "/nonsense", "404"),
        ] {
            #expect(try await stage.fetch("d", ["--http1.1"], path: path).contains(" \(status) "), "\(path)")
        }
        let revoked = try await Self.revoked(stage)
        let isListed = try await eventually(within: .seconds(10)) {
            _ = try await stage.fetch("f.crl")
            return try await stage.text("f.crl").contains(revoked)
        }
        #expect(isListed, "a revocation is on the list within the stated bound")
        #expect(try await stage.text("f.crl").contains("Key Compromise"))
        let tag2 = try await stage.fetch("g.crl", ["--http1.1"])
        await stage.server.process.killAtOnce()
        try await stage.server.startAgain()
        let after = try await stage.fetch("e.crl", ["--http1.1"])
        let own = try #require(tag2.split(separator: "\r\n").first { $0.hasPrefix("etag: ") })
        #expect(after.contains(own), "the list of before is still good: \(after)")
        let before = try await stage.number("e.crl")
        let other = try await Self.revoked(stage, "mc-e")
        // The lease of the one that was killed lasts for fifteen seconds more, and nobody makes lists until then.
        let goesOn = try await eventually(within: .seconds(30)) {
            _ = try await stage.fetch("h.crl")
            return try await stage.text("h.crl").contains(other)
        }
        #expect(goesOn, "a server that was killed and started again goes on with the lists")
        let number = try await stage.number("h.crl")
        #expect(number > before, "\(before) \(number)")
        let text = try await stage.text("h.crl")
        #expect(text.contains(revoked), "and forgets nothing")
        await stage.server.stop()
    }

    @Test("shards: a certificate names its own list, which openssl fetches in the clear and relies on")
    func shards() async throws {
        let port = LoopbackPort.unused()
        let origin = "http://127.0.0.1:\(port)"
        let stage = try await Self.stage(
            .sqlite,
            [
                "CERTCTL_PKI_HTTP_LISTEN": "127.0.0.1:\(port)", "CERTCTL_PKI_PUBLIC_URL": origin,
                "CERTCTL_SHUTDOWN_DRAIN_DELAY": "3s",
            ])
        let client = stage.server.client
        try Inventory.expect(
            200,
            try await client.send(
                "PATCH", "/api/v1/issuers/iss-local", body: #"{"config":{"crl_partitions":4}}"#,
                headers: ["Content-Type: application/merge-patch+json"]))
        let certificate = try await Self.issued("mc-s", stage)
        try certificate.pem.write(toFile: stage.work.path("chain.pem"), atomically: true, encoding: .utf8)
        let text = try await stage.openssl(["x509", "-in", stage.work.path("chain.pem"), "-noout", "-text"]).output
        let prefix = "URI:\(origin)\(Self.path)/"
        let line = try #require(text.split(separator: "\n").first { $0.contains(prefix) }, "\(text)")
        let address = line.trimmingCharacters(in: .whitespaces).dropFirst(4)
        #expect(address.wholeMatch(of: /.*\/[0-3]-4/) != nil, "\(address)")
        // The list of the shard alone, and the CA, both in the clear.
        func fetchInTheClear() async throws -> Bool {
            let outcome = try await runProgram(
                "/usr/bin/curl",
                [
                    "--fail-early", "--silent", "--fail", "--output", stage.work.path("shard.crl"), String(address),
                    "--next",
                    "--silent",
                    "--fail", "--output", stage.work.path("ca.pem"), "\(origin)/.well-known/pki/ca/iss-local.pem",
                ], logs: stage.work.url)
            return outcome.status == 0
        }
        func verify() async throws -> String {
            let outcome = try await stage.openssl([
                "verify", "-crl_check", "-extended_crl", "-CAfile", stage.work.path("ca.pem"), "-CRLfile",
                stage.work.path("shard.crl"), stage.work.path("chain.pem"),
            ])
            return outcome.output + outcome.errors
        }
        #expect(try await eventually(within: .seconds(20)) { try await fetchInTheClear() })
        let good = try await verify()
        #expect(good.contains("chain.pem: OK"), "\(good)")
        try Inventory.expect(
            200, try await client.post("/api/v1/certificates/mc-s/revoke", ["reason": "superseded"]))
        let isRefused = try await eventually(within: .seconds(10)) {
            _ = try await fetchInTheClear()
            return try await verify().contains("certificate revoked")
        }
        #expect(isRefused)
        let elsewhere = try await runProgram(
            "/usr/bin/curl",
            ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "\(origin)/api/v1/version"],
            logs: stage.work.url)
        #expect(elsewhere.output == "404", "the listener in the clear serves nothing else")
        let figures = try await client.get("/api/v1/metrics/prometheus").body
        #expect(figures.contains(#"certctl_crl_entries{issuer_id="iss-local"} 1"#), "the figures of the complete list")
        let began = ContinuousClock.now
        await stage.server.stop()
        let took = ContinuousClock.now - began
        #expect(took < .seconds(6), "both listeners drain at the same time: \(took)")
    }

    private static func issued(_ id: String, _ stage: Stage) async throws -> (serial: String, pem: String) {
        let client = stage.server.client
        let name = "\(id).certctl.test"
        try Inventory.expect(201, try await client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
        let csr = try await makeCSR(name, in: stage.work)
        try Inventory.expect(201, try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
        let page = try await client.get("/api/v1/certificates/\(id)/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first)
        return (
            try #require(version["serial_number"] as? String).uppercased(),
            try #require(version["pem_chain"] as? String)
        )
    }

    /// Issues a certificate and revokes it; its serial number as openssl writes it.
    private static func revoked(_ stage: Stage, _ id: String = "mc-c") async throws -> String {
        let serial = try await issued(id, stage).serial
        try Inventory.expect(
            200,
            try await stage.server.client.post("/api/v1/certificates/\(id)/revoke", ["reason": "keyCompromise"]))
        return serial
    }

    @Test("settings: how often a list is made anew, and how long it is good")
    func settings() async throws {
        let stage = try await Self.stage(
            .sqlite, ["CERTCTL_CRL_GENERATION_INTERVAL": "4s", "CERTCTL_CRL_VALIDITY": "1h"])
        let lines = try await stage.read("first").split(separator: "\n").map(String.init)
        let dates = lines.dropFirst().compactMap { line -> Date? in
            let text = line.split(separator: "=").last.map(String.init) ?? ""
            return ISO8601DateFormatter().date(from: text.replacing(" ", with: "T"))
        }
        try #require(dates.count == 2, "\(lines)")
        #expect(dates[1].timeIntervalSince(dates[0]) == 3600)
        let isRenewed = try await eventually(within: .seconds(30)) {
            _ = try await stage.fetch("next")
            return try await !stage.read("next").hasPrefix("crlNumber=0x01\n")
        }
        #expect(isRenewed)
        await stage.server.stop()
    }
}
