import Settings
import Testing

@Suite("operations §3.5: config show, explain, template")
struct ConfigurationReportTests {
    private func report(_ format: ReportFormat, onlyChanged: Bool = false, origin: Bool = false) throws -> String {
        var stage = Stage()
        stage.environment["CERTCTL_SERVER_PORT"] = "9000"
        let effective = try stage.load(ServerConfiguration.self).effective
        return ConfigurationReport(effective, onlyChanged: onlyChanged, showsOrigin: origin) { _ in "" }.text(format)
    }

    @Test("a table of what was changed, with its origin")
    func table() throws {
        #expect(
            try report(.table, onlyChanged: true, origin: true) == """
                KEY          VALUE  ORIGIN
                server.port  9000   env:CERTCTL_SERVER_PORT
                """
        )
    }

    @Test("the whole table has a line for every setting")
    func wholeTable() throws {
        #expect(try report(.table).split(separator: "\n").count == Program.server.settings.count + 1)
    }

    @Test("JSON for programs")
    func json() throws {
        #expect(
            try report(.json, onlyChanged: true, origin: true) == """
                {
                  "server.port": {
                    "value": "9000",
                    "origin": "env:CERTCTL_SERVER_PORT",
                    "environment": "CERTCTL_SERVER_PORT"
                  }
                }
                """
        )
    }

    @Test("the TOML form can be loaded and gives the same configuration")
    func toml() throws {
        var stage = Stage()
        stage.file("/etc/certctl/certctl.toml", try report(.toml))
        let server = try stage.server()
        #expect(server.listener.port == 9000)
        #expect(server.dataDirectory == "/home/ada/.local/share/certctl")
    }

    @Test(
        "the template is valid TOML, says nothing, and says it about every setting",
        arguments: [Program.server, .agent])
    func template(program: Program) throws {
        let template = SettingManual(program).template
        #expect(try ConfigurationFile(path: "t", text: template).entries.isEmpty)
        for setting in program.settings { #expect(setting.key == "config_file" || template.contains(setting.help)) }
    }

    @Test("the template's own lines are accepted once the comment signs are gone", arguments: [Program.server, .agent])
    func templateUncommented(program: Program) throws {
        let lines = SettingManual(program).template.split(separator: "\n").map { line in
            line.hasPrefix("# ") && line.contains(" = ") && !line.hasSuffix(".") ? line.dropFirst(2) : line
        }
        var stage = Stage()
        stage.file("/etc/certctl/\(program == .server ? "certctl" : "agent").toml", lines.joined(separator: "\n"))
        let refusals =
            program == .server ? stage.refusals(ServerConfiguration.self) : stage.refusals(AgentConfiguration.self)
        #expect(refusals == [])
    }

    @Test(
        "explain takes a key, a variable or a flag", arguments: ["server.port", "CERTCTL_SERVER_PORT", "--server-port"])
    func explain(name: String) throws {
        let text = try SettingManual(.server).explanation(of: name).get()
        #expect(text.contains("int: a decimal integer, between 1 and 65535"))
        #expect(text.contains("default      8443"))
        #expect(text.contains("CERTCTL_SERVER_PORT_FILE"))
    }

    @Test("explain suggests")
    func explainUnknown() {
        let error = #expect(throws: UnknownSetting.self) {
            try SettingManual(.server).explanation(of: "server.prot").get()
        }
        #expect(error?.suggestion == "server.port")
    }

    @Test("TOML strings escape what may not stand in one")
    func tomlStrings() throws {
        let text = "a\"b\\c\n\t\u{1}\u{7F}é"
        let file = try ConfigurationFile(path: "f", text: "x = \(TOMLText.string(text))")
        #expect(file.entries.first?.text == text)
    }
}
