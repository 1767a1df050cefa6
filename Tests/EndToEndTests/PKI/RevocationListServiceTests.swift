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

        func text(_ file: String) async throws -> String {
            try await runProgram(
                "/usr/bin/openssl", ["crl", "-inform", "DER", "-in", work.path(file), "-noout", "-text"],
                logs: work.url
            ).output
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
        await stage.server.stop()
    }

    /// Issues a certificate and revokes it; its serial number as openssl writes it.
    private static func revoked(_ stage: Stage) async throws -> String {
        let client = stage.server.client
        try Inventory.expect(
            201,
            try await client.post("/api/v1/certificates", Inventory.certificate("mc-c", name: "c.certctl.test")))
        let csr = try await makeCSR("c.certctl.test", in: stage.work)
        try Inventory.expect(201, try await client.post("/api/v1/certificates/mc-c/csr", ["csr_pem": csr]))
        let page = try await client.get("/api/v1/certificates/mc-c/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first)
        let serial = try #require(version["serial_number"] as? String).uppercased()
        try Inventory.expect(
            200, try await client.post("/api/v1/certificates/mc-c/revoke", ["reason": "keyCompromise"]))
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
