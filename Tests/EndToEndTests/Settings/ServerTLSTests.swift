import Foundation
import TestSupport
import Testing

@Suite("server settings: which certificate it shows", .tags(.slow))
struct ServerTLSTests {
    /// The files that an operator keeps for a server.
    private struct SuppliedFiles {
        let directory: TemporaryDirectory
        let authority: OpenSSLAuthority

        init() async throws {
            directory = try TemporaryDirectory("supplied")
            authority = try await ServerTLSTests.authority.value
            try write("root.pem", authority.root)
        }

        var settings: [String: String] {
            [
                "CERTCTL_SERVER_TLS_CERT_PATH": directory.path("chain.pem"),
                "CERTCTL_SERVER_TLS_KEY_PATH": directory.path("key.pem"),
            ]
        }

        func write(_ file: String, _ text: String, mode: Int = 0o600) throws {
            try text.write(toFile: directory.path(file), atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: directory.path(file))
        }

        func issue(_ name: String) async throws -> OpenSSLAuthority.Issued {
            try await authority.issue("DNS:\(name).certctl.test,IP:127.0.0.1")
        }

        func install(_ issued: OpenSSLAuthority.Issued) throws {
            try write("chain.pem", issued.fullChain)
            try write("key.pem", issued.key)
        }

        func start(_ settings: [String: String]) async throws -> ServerUnderTest {
            try await .start(
                self.settings.merging(settings) { $1 }, authority: directory.path("root.pem"))
        }
    }

    private static let authority = Task { try await OpenSSLAuthority() }

    private static func shows(_ name: String, _ server: ServerUnderTest) async throws -> Bool {
        try await server.servedCertificate("-ext subjectAltName").contains("DNS:\(name).certctl.test,")
    }

    private static func comesToShow(_ name: String, _ server: ServerUnderTest) async throws -> Bool {
        try await eventually(within: .seconds(5)) { try await shows(name, server) }
    }

    @Test("new handshakes get the new pair of the supplied files; a broken pair is logged and the old one stays")
    func suppliedFiles() async throws {
        let files = try await SuppliedFiles()
        let issued = try await ["first", "second", "third"].issued(by: files.issue)
        try files.install(issued[0])
        let server = try await files.start([
            "CERTCTL_SERVER_TLS_MODE": "files", "CERTCTL_SERVER_TLS_RELOAD_INTERVAL": "200ms",
        ])
        #expect(try await Self.shows("first", server))
        // The server has no CA of its own to tell of.
        #expect(!FileManager.default.fileExists(atPath: server.directory.path("data/tls/ca.crt")))
        #expect(try await server.client.get("/api/v1/ca/control-plane").status == 404)

        try files.install(issued[1])
        #expect(try await Self.comesToShow("second", server))

        try files.write("chain.pem", issued[2].fullChain)
        let isLogged = await eventually {
            LogLine.complete(in: server.process.output).contains { line in
                line["level"] == "ERROR" && line["msg"]?.contains("the old one stays in use") == true
                    && line["error"]?.contains("cannot be used together") == true
            }
        }
        #expect(isLogged, "\(server.process.output)")
        #expect(try await Self.shows("second", server))
        // Through curl, which verifies: the old pair is whole.
        #expect(try await server.client.get("/health").status == 200)

        try files.write("key.pem", issued[2].key)
        #expect(try await Self.comesToShow("third", server))
        await server.stop()
    }

    @Test("with an interval of nothing the files are looked at on SIGHUP, and not before")
    func hangUp() async throws {
        let files = try await SuppliedFiles()
        let issued = try await ["first", "second"].issued(by: files.issue)
        try files.install(issued[0])
        let server = try await files.start(["CERTCTL_SERVER_TLS_RELOAD_INTERVAL": "0s"])
        try files.install(issued[1])
        // Three of the intervals of the other test.
        try await Task.sleep(for: .milliseconds(600))
        #expect(try await Self.shows("first", server))
        server.process.send(SIGHUP)
        #expect(try await Self.comesToShow("second", server), "\(server.process.output)")
        await server.stop()
    }

    @Test("settings and files that do not fit end the start, with the reason")
    func refusals() async throws {
        let files = try await SuppliedFiles()
        let pair = try await files.issue("first")
        try files.install(pair)
        try files.write("other.pem", try await files.issue("other").key)
        try files.write("open.pem", pair.key, mode: 0o644)
        let keyPath = "CERTCTL_SERVER_TLS_KEY_PATH"
        let cases: [(settings: [String: String], status: Int32, reason: String)] = [
            (["CERTCTL_SERVER_TLS_MODE": "files"], 78, "CERTCTL_SERVER_TLS_CERT_PATH"),
            (files.settings.merging(["CERTCTL_SERVER_TLS_MODE": "auto"]) { $1 }, 78, "auto generates a certificate"),
            (files.settings.merging([keyPath: ""]) { $1 }, 78, keyPath),
            (files.settings.merging([keyPath: files.directory.path("none.pem")]) { $1 }, 78, "none.pem does not exist"),
            (
                files.settings.merging([keyPath: files.directory.path("other.pem")]) { $1 }, 78,
                "cannot be used together"
            ),
            (files.settings.merging([keyPath: files.directory.path("open.pem")]) { $1 }, 77, "chmod 600"),
        ]
        for (settings, status, reason) in cases {
            let place = try TemporaryDirectory("refused")
            let environment = ControlPlane.environment(in: place, settings)
            let refused = try await ControlPlane.refusal(environment, logs: place.url).outcome
            #expect(refused.status == status && refused.errors.contains(reason), "\(settings): \(refused)")
        }
    }

    @Test("a generated certificate holds the names of the settings and no others; new names, same CA")
    func generated() async throws {
        let names = "CERTCTL_SERVER_TLS_SANS"
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_SERVER_TLS_MODE": "auto", names: "127.0.0.1,only.certctl.test",
        ])
        func served(_ options: String) async throws -> String {
            try await ServerUnderTest.servedCertificate("127.0.0.1", server.port, options, logs: server.directory.url)
        }
        let first = try await served("-ext subjectAltName")
        #expect(first.hasSuffix("DNS:only.certctl.test, IP Address:127.0.0.1\n"), "\(first)")
        let authority = try await served("-ext authorityKeyIdentifier")
        let own = try await server.anonymous.get("/api/v1/ca/control-plane").body
        #expect(own.contains("BEGIN CERTIFICATE"))
        #expect(try own == String(contentsOfFile: server.authority, encoding: .utf8))
        #expect(await server.process.stop() == 0)

        try await server.startAgain(extra: [names: "127.0.0.1,other.certctl.test"])
        let second = try await served("-ext subjectAltName")
        #expect(second.hasSuffix("DNS:other.certctl.test, IP Address:127.0.0.1\n"), "\(second)")
        #expect(try await served("-ext authorityKeyIdentifier") == authority && !authority.isEmpty)
        await server.stop()
    }
}

extension [String] {
    fileprivate func issued(
        by issue: (String) async throws -> OpenSSLAuthority.Issued
    ) async throws -> [OpenSSLAuthority.Issued] {
        var all: [OpenSSLAuthority.Issued] = []
        for name in self { all.append(try await issue(name)) }
        return all
    }
}
