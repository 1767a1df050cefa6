import Settings
import Testing

@Suite("flags of settings on a command line")
struct SettingFlagsTests {
    @Test("known flags are taken out, the rest keeps its order")
    func extraction() throws {
        let line = [
            "--migrate-only", "--server-port", "9000", "x", "--strict-env", "y", "--log-level=debug", "--",
            "--server-port",
        ]
        let (flags, rest) = try SettingFlags.extract(from: line, for: .server)
        #expect(flags.map(\.key) == ["server.port", "strict_env", "log.level"])
        #expect(flags.map(\.text) == ["9000", "true", "debug"])
        #expect(rest == ["--migrate-only", "x", "y", "--", "--server-port"])
    }

    @Test("a secret has a -file flag")
    func secretFile() throws {
        let (flags, _) = try SettingFlags.extract(from: ["--bootstrap-token-file", "/t"], for: .server)
        #expect(flags == [FlagValue(key: "bootstrap_token", flag: "bootstrap-token-file", text: "/t", form: .file)])
    }

    @Test("a flag at the end of the line that needs a value is a usage error")
    func missingValue() {
        let error = #expect(throws: SettingFlags.MissingValue.self) {
            try SettingFlags.extract(from: ["--server-port"], for: .server)
        }
        #expect(error?.flag == "server-port")
    }

    @Test("an empty value is refused, except for a list")
    func emptyValue() throws {
        #expect(Stage().refusals(ServerConfiguration.self, flags: [flag("server.host", "server-host", "")]).count == 1)
        var stage = Stage()
        stage.environment["CERTCTL_CORS_ORIGINS"] = "https://a.example"
        #expect(try stage.server([flag("cors.origins", "cors-origins", "")]).listener.corsOrigins == [])
    }

    @Test("help names every flag")
    func help() {
        let help = SettingFlags.help(for: .agent)
        for setting in Program.agent.settings { #expect(help.contains("--\(setting.flagName)")) }
    }
}
