import Foundation
import Settings
import Testing

/// Operations §3.4: every setting has a test that observes what it changes.
///
/// Each entry names the setting (`program:key`) and the test: its file below `Tests/` and the function. A test that only
/// parses the value is no effect test, unless the effect lies in the configuration itself.
enum EffectRegistry {
    struct Entry: Sendable {
        let setting: String
        let file: String
        let function: String

        init(_ setting: String, _ file: String, _ function: String) {
            self.setting = setting
            self.file = file
            self.function = function
        }
    }

    static let entries: [Entry] = configuration + client

    /// Settings whose effect lies in the configuration itself.
    static let configuration = [
        Entry("server:config_file", "SettingsTests/Loading/SettingsLoaderTests.swift", "filePlaces"),
        Entry("server:strict_env", "SettingsTests/Loading/SettingsLoaderTests.swift", "unknownVariables"),
        Entry(
            "server:database.insecure_ack", "SettingsTests/Server/ServerConfigurationTests.swift", "insecureTransport"),
        Entry("server:migrations_via_hook", "SettingsTests/Server/ServerConfigurationTests.swift", "normalised"),
        Entry("agent:config_file", "SettingsTests/Agent/AgentConfigurationTests.swift", "configurationFile"),
        Entry("agent:strict_env", "SettingsTests/Agent/AgentConfigurationTests.swift", "strictEnvironment"),
    ]

    static let client = [
        Entry("cli:server.url", "SettingsTests/CLI/CLIConfigurationTests.swift", "precedence"),
        Entry("cli:context", "SettingsTests/CLI/CLIConfigurationTests.swift", "precedence"),
        Entry("cli:server.tls.insecure_skip_verify", "SettingsTests/CLI/CLIConfigurationTests.swift", "insecure"),
        Entry("cli:allow_insecure", "SettingsTests/CLI/CLIConfigurationTests.swift", "insecure"),
        Entry("cli:data_dir", "SettingsTests/CLI/CLIConfigurationTests.swift", "localServer"),
        Entry("cli:server.ca_bundle_path", "SettingsTests/CLI/CLIConfigurationTests.swift", "localServer"),
        Entry("cli:api_key", "OperatorCLITests/Transport/APIClientTests.swift", "credential"),
        Entry("cli:timeout", "OperatorCLITests/Transport/APIClientTests.swift", "timeout"),
        Entry("cli:format", "OperatorCLITests/Output/RendererTests.swift", "formats"),
        Entry("cli:config", "OperatorCLITests/Credentials/SetupTests.swift", "storesKey"),
    ]
}

@Suite("operations §3.4: every setting has a test of its effect")
struct EffectRegistryTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    static var declared: [String] {
        Program.allCases.flatMap { program in program.settings.map { "\(program.rawValue):\($0.key)" } }
    }

    @Test("no setting without an effect test", arguments: declared)
    func registered(setting: String) {
        #expect(EffectRegistry.entries.contains { $0.setting == setting })
    }

    @Test("no effect test for a setting that does not exist, and none twice")
    func noStrangers() {
        let named = EffectRegistry.entries.map(\.setting)
        #expect(Set(named).subtracting(Self.declared).isEmpty)
        #expect(Set(named).count == named.count)
    }

    @Test("the named tests exist", arguments: EffectRegistry.entries.map { "\($0.file) \($0.function)" })
    func exists(test: String) throws {
        let parts = test.split(separator: " ").map(String.init)
        let source = try String(contentsOf: Self.tests.appending(path: parts[0]), encoding: .utf8)
        #expect(source.contains("func \(parts[1])("))
    }
}
