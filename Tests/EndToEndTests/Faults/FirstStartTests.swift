import Foundation
import TestSupport
import Testing

@Suite("operations §1, §5: first start, refusals and exit codes")
struct FirstStartTests {
    @Test("a server without any configuration starts, prints how to set it up, and is ready")
    func startsWithNothing() async throws {
        let server = try await ControlPlane.start()
        let banner = server.process.transcript
        #expect(banner.contains("certctl setup"))
        #expect(banner.contains("https://127.0.0.1:\(server.port)"))
        let token = try String(contentsOf: server.dataDirectory.appending(path: "setup-token"), encoding: .utf8)
        #expect(token.trimmingCharacters(in: .whitespacesAndNewlines).count >= 32)
        for (file, mode) in [
            ("setup-token", 0o600), ("keys/config.key", 0o600), ("tls/server.key", 0o600), ("certctl.db", 0o600),
        ] {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: server.dataDirectory.appending(path: file).path)
            #expect((attributes[.posixPermissions] as? Int) == mode, "\(file)")
        }
        let ready = try await server.anonymous.get("/ready")
        #expect(ready.text("status") == "ready" && ready.text("db") == "reachable")
        // What the banner offers beside the command is what works.
        let lines = banner.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let body = try #require(lines.first { $0.hasPrefix("{\"token\"") })
        let url = try #require(lines.last { $0.hasPrefix(server.baseURL + "/") })
        let setup = try await server.anonymous.send("POST", String(url.dropFirst(server.baseURL.count)), body: body)
        #expect(setup.status == 201 && setup.text("key_value") != nil, "\(setup.body)")
        let again = try await server.anonymous.send("POST", String(url.dropFirst(server.baseURL.count)), body: body)
        #expect(again.status == 410 && again.body.contains("certctl keys create"), "\(again.body)")
        #expect(await server.process.stop() == 0)
    }

    @Test("a server needs no privilege: without any capability it serves")
    func unprivileged() async throws {
        let directory = try TemporaryDirectory("unprivileged")
        let port = LoopbackPort.unused()
        let withoutCapabilities =
            geteuid() == 0 ? ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"] : ["/usr/bin/env"]
        let server = try ChildProgram(
            withoutCapabilities[0], withoutCapabilities.dropFirst() + [ControlPlane.binary, "server"],
            environment: ControlPlane.environment(in: directory, ["CERTCTL_SERVER_PORT": "\(port)"]),
            logs: directory.url)
        let client = CurlClient(
            baseURL: "https://127.0.0.1:\(port)", authority: directory.path("data/tls/ca.crt"), logs: directory.url,
            key: nil)
        let isReady = try await eventually(within: .seconds(30)) {
            if !server.isRunning { return true }
            return try await client.get("/ready").status == 200
        }
        #expect(isReady && server.isRunning, "\(server.transcript)")
        #expect(await server.stop() == 0)
    }

    @Test("the command that the banner prints makes the administrator, as it stands")
    func bannerCommand() async throws {
        let server = try await ControlPlane.start()
        let banner = server.process.transcript.replacing("\\\n", with: " ")
        let line = try #require(
            banner.split(separator: "\n").first { $0.trimmingCharacters(in: .whitespaces).hasPrefix("certctl setup") })
        let folder = URL(filePath: ControlPlane.binary).deletingLastPathComponent().path
        let environment = ["HOME": server.directory.path("home"), "PATH": "\(folder):/usr/bin:/bin"]
        let setup = try await runProgram(
            "/bin/sh", ["-c", "\(line) && certctl auth check"], environment: environment, logs: server.directory.url)
        #expect(setup.status == 0 && setup.output.contains("authenticated as admin"), "\(setup)")
        await server.stop()
    }

    @Test(
        "a key that others can read is refused with 77, and the file is named",
        arguments: ["keys/config.key", "tls/ca.key", "tls/server.key"])
    func openKeys(file: String) async throws {
        let server = try await ControlPlane.start()
        await server.stop()
        let path = server.dataDirectory.appending(path: file).path
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let refused = try await runProgram(
            ControlPlane.binary, ["server"], environment: server.environment, logs: server.directory.url)
        #expect(refused.status == 77 && refused.errors.contains(path), "\(refused)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try await server.startAgain()
        await server.stop()
    }

    @Test("every configuration mistake is reported at once, with exit 78")
    func reportsAllMistakes() async throws {
        let directory = try TemporaryDirectory("config")
        let outcome = try await runProgram(
            ControlPlane.binary, ["server"],
            environment: [
                "HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"), "CERTCTL_SERVER_PORT": "banana",
                "CERTCTL_RATE_LIMIT_RPS": "-1", "CERTCTL_LOG_FORMAT": "xml",
            ],
            logs: directory.url
        )
        #expect(outcome.status == 78)
        for name in ["CERTCTL_SERVER_PORT", "CERTCTL_RATE_LIMIT_RPS", "CERTCTL_LOG_FORMAT"] {
            #expect(outcome.errors.contains(name), "\(outcome.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path("data/certctl.db")))
    }

    @Test("a port in use ends the process with 1 and names the address")
    func failedBindEndsTheProcess() async throws {
        let server = try await ControlPlane.start()
        let directory = try TemporaryDirectory("bind")
        let outcome = try await runProgram(
            ControlPlane.binary, ["server"],
            environment: [
                "HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"),
                "CERTCTL_SERVER_PORT": "\(server.port)",
            ],
            logs: directory.url
        )
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("127.0.0.1:\(server.port)"), "\(outcome.errors)")
        await server.stop()
    }

    @Test("a second server on the same data directory refuses with 69 and names the first")
    func secondServerRefuses() async throws {
        let server = try await ControlPlane.start()
        let second = try await runProgram(
            ControlPlane.binary, ["server"],
            environment: server.environment.merging(["CERTCTL_SERVER_PORT": "\(LoopbackPort.unused())"]) { _, new in new
            },
            logs: server.directory.url
        )
        #expect(second.status == 69)
        #expect(second.errors.contains("\(server.process.processID)"), "\(second.errors)")
        #expect(try await server.anonymous.get("/ready").status == 200)
        await server.stop()
    }

    @Test("a warm start keeps administrator, CA and TLS certificate")
    func warmStartKeepsEverything() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let before = try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body
        let authority = try Data(contentsOf: URL(filePath: server.authority))
        await server.stop()
        try await server.startAgain(extra: ["CERTCTL_LOG_LEVEL": "debug"])
        #expect(try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body == before)
        #expect(try Data(contentsOf: URL(filePath: server.authority)) == authority)
        #expect(before.contains("BEGIN CERTIFICATE"))
        await server.stop()
    }
}
