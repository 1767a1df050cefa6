import Domain
import Settings
import Testing

@Suite("operations §3.1: sources and precedence")
struct SettingsLoaderTests {
    private static let path = "/etc/certctl/certctl.toml"

    private func stage(_ toml: String = "", _ environment: [String: String] = [:]) -> Stage {
        var stage = Stage()
        if !toml.isEmpty { stage.file(Self.path, toml) }
        stage.environment.merge(environment) { $1 }
        return stage
    }

    private func origin(_ key: String, _ stage: Stage, _ flags: [FlagValue] = []) throws -> String {
        let loaded = try stage.load(ServerConfiguration.self, flags: flags)
        return try #require(loaded.effective.first { $0.declaration.key == key }).origin.description
    }

    @Test("default, then file, then environment, then flag")
    func precedence() throws {
        let toml = "# comment\n[server]\nport = 1001\n"
        let variables = ["CERTCTL_SERVER_PORT": "1002"]
        let flags = [flag("server.port", "server-port", "1003")]
        #expect(try stage().server().listener.port == 8443)
        #expect(try stage(toml).server().listener.port == 1001)
        #expect(try stage(toml, variables).server().listener.port == 1002)
        #expect(try stage(toml, variables).server(flags).listener.port == 1003)
        #expect(try origin("server.port", stage()) == "default")
        #expect(try origin("server.port", stage(toml)) == "file:\(Self.path):3")
        #expect(try origin("server.port", stage(toml, variables)) == "env:CERTCTL_SERVER_PORT")
        #expect(try origin("server.port", stage(toml, variables), flags) == "flag:--server-port")
    }

    @Test("an empty variable counts as unset")
    func emptyVariable() throws {
        let stage = stage("[server]\nport = 1001", ["CERTCTL_SERVER_PORT": "", "CERTCTL_SERVER_PORT_FILE": ""])
        #expect(try stage.server().listener.port == 1001)
    }

    @Test("a _FILE variable names a file whose trimmed content is the value")
    func fileVariable() throws {
        var stage = stage("", ["CERTCTL_SERVER_PORT_FILE": "/run/port"])
        stage.file("/run/port", "\n 1004 \n", mode: 0o644)
        #expect(try stage.server().listener.port == 1004)
        #expect(try origin("server.port", stage) == "env-file:/run/port")
    }

    @Test("a variable and its _FILE twin together are an error")
    func bothForms() {
        var stage = stage("", ["CERTCTL_SERVER_PORT": "1", "CERTCTL_SERVER_PORT_FILE": "/run/port"])
        stage.file("/run/port", "2")
        let expected = ["CERTCTL_SERVER_PORT: set only one of CERTCTL_SERVER_PORT and CERTCTL_SERVER_PORT_FILE"]
        #expect(stage.refusals(ServerConfiguration.self) == expected)
    }

    @Test("a relative _FILE name is looked for among the systemd credentials first")
    func credentialsDirectory() throws {
        var stage = stage("", ["CERTCTL_BOOTSTRAP_TOKEN_FILE": "boot", "CREDENTIALS_DIRECTORY": "/run/creds"])
        let chosen = "one-time-0123456789abcdef0123456789"
        stage.file("/run/creds/boot", "\(chosen)\n", mode: 0o400)
        stage.file("boot", "other")
        let token = try #require(try stage.server().secrets.bootstrapToken)
        #expect(token.withText { $0 } == chosen)
    }

    @Test("an absent, empty, binary or unreadable file is named", arguments: ["absent", "empty", "binary"])
    func badFiles(name: String) {
        var stage = stage("", ["CERTCTL_SERVER_PORT_FILE": "/run/\(name)"])
        stage.file("/run/empty", " \n")
        stage.files["/run/binary"] = FileContent(octets: [0xFF, 0xFE])
        let reason = ["absent": "does not exist", "empty": "is empty", "binary": "is not UTF-8 text"]
        #expect(
            stage.refusals(ServerConfiguration.self) == ["CERTCTL_SERVER_PORT_FILE: /run/\(name) \(reason[name] ?? "")"]
        )
    }

    @Test("all violations are reported together, sorted by variable, with exit 78")
    func collectsAll() throws {
        let stage = stage(
            "[server]\nport = \"no\"\n[log]\nformat = \"xml\"\n",
            ["CERTCTL_RATE_LIMIT_BURST": "x", "CERTCTL_CA_CERT_PATH": "relative.pem"]
        )
        let error = try #require(throws: InvalidConfiguration.self) { try stage.server() }
        #expect(error.exitCode == 78)
        #expect(
            error.description.split(separator: "\n").map { $0.prefix { $0 != ":" } } == [
                "CERTCTL_CA_CERT_PATH", "CERTCTL_CA_KEY_PATH", "CERTCTL_LOG_FORMAT", "CERTCTL_RATE_LIMIT_BURST",
                "CERTCTL_SERVER_PORT",
            ]
        )
        #expect(error.description.contains("\"no\" from file:\(Self.path):2 is not a decimal integer"))
    }

    @Test("the explicit file must exist; without one the first usual place counts")
    func filePlaces() throws {
        var stage = stage("[server]\nport = 1")
        stage.file("/home/ada/.config/certctl/config.toml", "[server]\nport = 2")
        stage.file("/my.toml", "[server]\nport = 3")
        #expect(try stage.server().listener.port == 2)
        #expect(try stage.server([flag("config_file", "config", "/my.toml")]).listener.port == 3)
        stage.environment["CERTCTL_CONFIG_FILE"] = "/gone.toml"
        #expect(stage.refusals(ServerConfiguration.self) == ["CERTCTL_CONFIG_FILE: /gone.toml does not exist"])
    }

    @Test("unknown keys are refused with the nearest name")
    func unknownKeys() {
        let stage = stage("colour = 1\n[server]\nprot = 1\nurl = \"x\"\n[server.tls]\ncert_pth = \"x\"\n")
        #expect(
            stage.refusals(ServerConfiguration.self) == [
                "\(Self.path):1: unknown key \"colour\"",
                "\(Self.path):3: unknown key \"server.prot\"; did you mean \"server.port\"?",
                "\(Self.path):4: \"server.url\" is a setting of the agent, not of the server",
                "\(Self.path):6: unknown key \"server.tls.cert_pth\"; did you mean \"server.tls.cert_path\"?",
            ]
        )
    }

    @Test("a syntax error names line and column")
    func syntaxError() throws {
        let lines = stage("[server\nport = 1").refusals(ServerConfiguration.self)
        #expect(lines.count == 1)
        #expect(try #require(lines.first).hasPrefix("\(Self.path):1:"))
    }

    @Test("the file's own types are kept apart", arguments: ["port = \"8443\"", "port = 8_443", "port = 0x20fb"])
    func tomlTypes(line: String) throws {
        #expect(try stage("[server]\n\(line)").server().listener.port == 8443)
    }

    @Test(
        "a number is no text, a table no value, a date nothing at all",
        arguments: [
            "[server]\nhost = 5", "[server.host]\nx = 1", "[server]\nhost = 1979-05-27",
            "[server]\nhost = [\"a\", 1.5]",
            "[shutdown]\ndrain_delay = 5",
        ])
    func wrongTypes(toml: String) {
        #expect(!stage(toml).refusals(ServerConfiguration.self).isEmpty)
    }

    @Test(
        "lines are found in nested, dotted and multi-line forms",
        arguments: [
            ("server.port = 1", 1), ("\n\n[ server ]\n  \"port\" = 1", 4),
            ("x = \"\"\"\nserver.port = 2\n\"\"\"\nserver.port = 1", 4),
        ])
    func lineNumbers(toml: String, line: Int) throws {
        let file = try ConfigurationFile(path: "f", text: toml)
        #expect(try #require(file.entries.first { $0.key == "server.port" }).line == line)
    }

    @Test("unknown variables warn with a suggestion, and are fatal when strict")
    func unknownVariables() throws {
        var stage = stage("", ["CERTCTL_RATE_LIMT_RPS": "5", "CERTCTL_DNS_HOOK": "x", "CERTCTL_TEST_DB_URL": "x"])
        let line =
            "CERTCTL_RATE_LIMT_RPS: no such setting, the variable has no effect; did you mean CERTCTL_RATE_LIMIT_RPS?"
        #expect(try stage.load(ServerConfiguration.self).warnings == [line])
        stage.environment["CERTCTL_STRICT_ENV"] = "on"
        #expect(stage.refusals(ServerConfiguration.self) == [line])
    }

    @Test("names of the other programs are known everywhere")
    func otherPrograms() throws {
        let stage = stage("", ["CERTCTL_AGENT_POLL_WAIT": "5s", "CERTCTL_CONTEXT": "x", "CERTCTL_API_KEY_FILE": "/x"])
        #expect(try stage.load(ServerConfiguration.self).warnings == [])
    }
}
