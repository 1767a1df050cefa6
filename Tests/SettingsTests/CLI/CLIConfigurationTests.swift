import Domain
import Settings
import Testing

@Suite("front ends §1.2: the client's settings and contexts")
struct CLIConfigurationTests {
    private static let path = "/home/ada/.config/certctl/credentials.toml"
    private static let text = """
        current_context = "prod"

        [contexts.prod]
        server.url = "https://prod.example:8443"
        api_key = "prod-key"

        [contexts.lab]
        server.url = "https://lab.example"
        """

    private func stage(mode: UInt32 = 0o600) -> Stage {
        var stage = Stage()
        stage.file(Self.path, Self.text, mode: mode)
        return stage
    }

    @Test("flag, then environment, then context, then default")
    func precedence() throws {
        #expect(try Stage().load(CLIConfiguration.self).configuration.serverURL == .localhost)
        var stage = stage()
        #expect(try stage.load(CLIConfiguration.self).configuration.serverURL.host == "prod.example")
        #expect(try stage.load(CLIConfiguration.self).configuration.apiKey?.withText { $0 } == "prod-key")
        stage.environment["CERTCTL_CONTEXT"] = "lab"
        #expect(try stage.load(CLIConfiguration.self).configuration.serverURL.host == "lab.example")
        #expect(try stage.load(CLIConfiguration.self).configuration.apiKey == nil)
        let other = [flag("context", "context", "prod")]
        #expect(try stage.load(CLIConfiguration.self, flags: other).configuration.serverURL.host == "prod.example")
        stage.environment["CERTCTL_SERVER_URL"] = "https://env.example"
        #expect(try stage.load(CLIConfiguration.self).configuration.serverURL.host == "env.example")
    }

    @Test(
        "a credentials file that others can read is refused with 77",
        arguments: [0o644, 0o640, 0o604, 0o660] as [UInt32])
    func permissions(mode: UInt32) throws {
        let error = try #require(throws: InvalidConfiguration.self) {
            try stage(mode: mode).load(CLIConfiguration.self)
        }
        #expect(error.exitCode == 77)
        #expect(error.description.contains("chmod 600 \(Self.path)"))
    }

    @Test("an unknown context lists the known ones")
    func unknownContext() {
        var stage = stage()
        stage.environment["CERTCTL_CONTEXT"] = "moon"
        let lines = stage.refusals(CLIConfiguration.self)
        #expect(lines == ["CERTCTL_CONTEXT: \(Self.path) has no context \"moon\" (it has: lab, prod)"])
    }

    @Test("--insecure is for this host, unless allowed")
    func insecure() throws {
        let insecure = [flag("server.tls.insecure_skip_verify", "insecure", "true")]
        #expect(try Stage().load(CLIConfiguration.self, flags: insecure).configuration.trust == .nobody)
        var remote = Stage()
        remote.environment["CERTCTL_SERVER_URL"] = "https://prod.example"
        #expect(remote.refusals(CLIConfiguration.self, flags: insecure).count == 1)
        remote.environment["CERTCTL_ALLOW_INSECURE"] = "1"
        #expect(try remote.load(CLIConfiguration.self, flags: insecure).configuration.trust == .nobody)
    }

    @Test("a server on this host is verified by the CA of the local data directory")
    func localServer() throws {
        var stage = Stage()
        stage.environment["CERTCTL_DATA_DIR"] = "/d"
        #expect(try stage.load(CLIConfiguration.self).configuration.trust == .localServer(path: "/d/tls/ca.crt"))
        stage.environment["CERTCTL_SERVER_CA_BUNDLE_PATH"] = "/ca.pem"
        #expect(try stage.load(CLIConfiguration.self).configuration.trust == .bundle(path: "/ca.pem"))
        stage.environment = ["HOME": "/h", "CERTCTL_SERVER_URL": "https://prod.example"]
        #expect(try stage.load(CLIConfiguration.self).configuration.trust == .system)
    }
}
