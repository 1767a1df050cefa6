import Foundation
import TestSupport
import Testing

@Suite(
    "server settings: where it listens, where it keeps its things, what it says, whom it lets in first", .tags(.slow))
struct ServerAddressTests {
    @Test("it listens on the address and port of the settings alone, names its public URL, and keeps all in one place")
    func address() async throws {
        let home = try TemporaryDirectory("home")
        let data = home.path("kept/here")
        let server = try await ServerUnderTest.start(
            [
                "HOME": home.url.path, "CERTCTL_SERVER_HOST": "127.0.0.2", "CERTCTL_DATA_DIR": data,
                "CERTCTL_SERVER_PUBLIC_URL": "https://certs.certctl.test:4443",
            ], host: "127.0.0.2", authority: data + "/tls/ca.crt")
        let elsewhere = CurlClient(
            baseURL: "https://127.0.0.1:\(server.port)", authority: data + "/tls/ca.crt", logs: home.url, key: nil)
        #expect(try await elsewhere.get("/health").status == 0)

        let banner = server.process.errors
        #expect(banner.contains("URL            https://certs.certctl.test:4443\n"), "\(banner)")
        #expect(banner.contains("certctl setup --server https://certs.certctl.test:4443 "), "\(banner)")
        let names = try await server.servedCertificate("-ext subjectAltName")
        #expect(names.contains("DNS:certs.certctl.test,"), "\(names)")

        for file in ["certctl.db", "keys/config.key", "tls/server.crt", "setup-token", "server.lock"] {
            #expect(FileManager.default.fileExists(atPath: "\(data)/\(file)"), "\(file)")
        }
        let mode = try FileManager.default.attributesOfItem(atPath: data)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.url.path) == ["kept"])
        await server.stop()
    }

    @Test("the log has the form of the settings, and of each component what they ask for")
    func logs() async throws {
        async let starting = ServerUnderTest.start([
            "CERTCTL_LOG_FORMAT": "text", "CERTCTL_LOG_LEVEL": "warn,http=debug",
        ])
        let structured = try await ServerUnderTest.start(["CERTCTL_LOG_FORMAT": "auto"])
        let plain = try await starting
        for server in [structured, plain] {
            #expect(try await server.client.get("/api/v1/teams").status == 401)
            #expect(await server.process.stop() == 0)
        }

        // Not a terminal: JSON. Information, and so no word of the probes.
        let lines = try #require(LogLine.all(in: structured.process.output), "\(structured.process.output)")
        // Which protections this start loosens is a warning.
        let risk = "a protection is loosened"
        #expect(Set(lines.filter { $0["msg"] != risk }.compactMap { $0["level"] }) == ["INFO"])
        #expect(lines.contains { $0["component"] == "server" && $0["msg"] == "ready" })
        #expect(lines.filter { $0["msg"] == "request completed" }.compactMap { $0["path"] } == ["/api/v1/teams"])

        let text = plain.process.output.split(separator: "\n").map(String.init)
        #expect(!text.isEmpty && text.allSatisfy { $0.hasPrefix("20") }, "\(text)")
        #expect(text.contains { $0.contains("Z DEBUG http request completed ") && $0.contains(" route=/ready ") })
        #expect(text.contains { $0.contains("Z INFO http request completed ") && $0.contains(" status=401 ") })
        #expect(text.allSatisfy { $0.contains(" http ") || $0.contains("Z WARN auth \(risk) ") }, "\(text)")
    }

    @Test("the tokens of the settings let the first administrator and agents in, and no others do")
    func tokens() async throws {
        let (setup, fleet) = (String(repeating: "5e7b1f0c9a2d", count: 3), String(repeating: "a9e4d6c80b73", count: 3))
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_BOOTSTRAP_TOKEN": setup, "CERTCTL_AGENT_BOOTSTRAP_TOKEN": fleet,
        ])
        #expect(!FileManager.default.fileExists(atPath: server.directory.path("data/setup-token")))
        #expect(!server.process.transcript.contains(setup) && !server.process.transcript.contains(fleet))
        func bootstrap(_ token: String) async throws -> CurlClient.Reply {
            try await server.anonymous.post("/api/v1/auth/bootstrap", ["token": token, "actor_name": "ops-admin"])
        }
        #expect(try await bootstrap(fleet).status == 401)
        let key = try #require(try Inventory.expect(201, try await bootstrap(setup)).text("key_value"))
        #expect(try await server.anonymous.with(key: key).get("/api/v1/auth/check").status == 200)
        #expect(try await bootstrap(setup).status == 410)

        func register(_ name: String, _ token: String) async throws -> CurlClient.Reply {
            try await server.anonymous.post(
                "/api/v1/agents", ["id": name, "name": name, "hostname": "\(name).certctl.test"],
                headers: ["X-Certctl-Bootstrap-Token: \(token)"])
        }
        for wrong in [setup, String(fleet.dropLast())] { #expect(try await register("stranger", wrong).status == 401) }
        // Not used up by the first.
        for name in ["one", "two"] {
            let agent = try Inventory.expect(201, try await register(name, fleet))
            let client = server.anonymous.with(key: agent.text("api_key"))
            #expect(try await client.post("/api/v1/agents/\(name)/heartbeat").status == 200)
        }
        await server.stop()
    }
}
