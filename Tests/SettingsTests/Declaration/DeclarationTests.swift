import Settings
import Testing

@Suite("style §3.10: one declaration per setting")
struct DeclarationTests {
    @Test("names are derived and unique within a program", arguments: Program.allCases)
    func names(program: Program) {
        let settings = program.settings
        #expect(Set(settings.map(\.key)).count == settings.count)
        #expect(Set(settings.map(\.environmentName)).count == settings.count)
        let flags = settings.flatMap(\.flagNames)
        #expect(Set(flags).count == flags.count)
    }

    @Test("the three names of one setting")
    func derivation() throws {
        let setting = try #require(Program.server.setting(named: "server.tls.cert_path"))
        #expect(setting.environmentName == "CERTCTL_SERVER_TLS_CERT_PATH")
        #expect(setting.flagName == "server-tls-cert-path")
        #expect(Program.server.setting(named: "CERTCTL_SERVER_TLS_CERT_PATH")?.key == setting.key)
        #expect(Program.server.setting(named: "--server-tls-cert-path")?.key == setting.key)
    }

    @Test("a configuration reads exactly the declared settings")
    func everySettingIsRead() throws {
        #expect(try keys(ServerConfiguration.self) == Program.server.settings.map(\.key))
        #expect(try keys(AgentConfiguration.self) == Program.agent.settings.map(\.key))
        #expect(try keys(CLIConfiguration.self) == Program.cli.settings.map(\.key))
    }

    private func keys<Content: Configuration>(_ type: Content.Type) throws -> [String] {
        try Stage().load(type).effective.map(\.declaration.key)
    }

    @Test("every default obeys its own grammar", arguments: Program.allCases)
    func defaults(program: Program) throws {
        for setting in program.settings where !setting.isFallbackDerived {
            guard let text = setting.fallbackText else { continue }
            var stage = Stage()
            stage.environment[setting.environmentName] = text
            let lines =
                switch program {
                case .server: stage.refusals(ServerConfiguration.self)
                case .agent: stage.refusals(AgentConfiguration.self)
                case .cli: stage.refusals(CLIConfiguration.self)
                }
            #expect(lines == [], "\(setting.key)")
        }
    }

    @Test("every setting has help in sentences", arguments: Program.allCases)
    func help(program: Program) {
        for setting in program.settings {
            #expect(setting.help.hasSuffix(".") && setting.help.count > 15, "\(setting.key)")
        }
    }
}
