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

    static let entries: [Entry] = configuration + client + access

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

    static let access = [
        Entry("server:api_keys_named", "EndToEndTests/Security/AccessSettingsTests.swift", "namedKeys"),
        Entry("server:auth.secret", "EndToEndTests/Security/AccessSettingsTests.swift", "legacyKeys"),
        Entry("server:api_key.max_lifetime", "EndToEndTests/Security/AccessSettingsTests.swift", "limits"),
        Entry("server:rbac.allow_auditor_overlap", "EndToEndTests/Security/AccessSettingsTests.swift", "limits"),
        Entry("server:agent.shared_key_mode", "EndToEndTests/Security/AccessSettingsTests.swift", "limits"),
        Entry("server:bootstrap_token", "EndToEndTests/Security/BootstrapTests.swift", "once"),
    ]

    /// Settings whose effect has no test yet; each is a known issue in every run.
    static let pending: Set<String> = [
        "agent:agent.allowed_commands", "agent:agent.allowed_paths", "agent:agent.allowed_target_types",
        "agent:agent.enroll_token", "agent:agent.heartbeat_interval", "agent:agent.id", "agent:agent.max_parallel",
        "agent:agent.name", "agent:agent.poll_interval", "agent:agent.poll_wait", "agent:agent.state_dir",
        "agent:api_key", "agent:deploy.backup_retention", "agent:key_dir", "agent:log.format", "agent:log.level",
        "agent:server.ca_bundle_path", "agent:server.ca_fingerprint", "agent:server.tls.insecure_skip_verify",
        "agent:server.url", "agent:verify.delay", "agent:verify.deployment", "agent:verify.timeout",
        "server:agent.bootstrap_token", "server:agent.offline_after", "server:agent.offline_job_ttl",
        "server:audit.flush_timeout_seconds", "server:ca.cert_path", "server:ca.key_path",
        "server:config.encryption_key", "server:cors.origins", "server:data_dir", "server:database.conn_max_lifetime",
        "server:database.connect_timeout", "server:database.max_conns", "server:database.migrations_path",
        "server:database.sqlite_synchronous", "server:database.startup_wait", "server:database.statement_timeout",
        "server:database.url", "server:deploy.backup_retention", "server:events_retention", "server:idempotency_ttl",
        "server:job.awaiting_csr_timeout", "server:job.running_lease", "server:job.timeout_interval",
        "server:log.format", "server:log.level", "server:max_body_size", "server:migrations",
        "server:rate_limit.bucket_ttl", "server:rate_limit.burst", "server:rate_limit.enabled",
        "server:rate_limit.per_user_burst", "server:rate_limit.per_user_rps", "server:rate_limit.rps",
        "server:scheduler.agent_health_check_interval", "server:scheduler.job_processor_interval",
        "server:scheduler.renewal_check_interval", "server:scheduler.retry_interval", "server:server.host",
        "server:server.idle_timeout", "server:server.max_connections", "server:server.port",
        "server:server.public_url", "server:server.read_header_timeout", "server:server.read_timeout",
        "server:server.tls.cert_path", "server:server.tls.key_path", "server:server.tls.mode",
        "server:server.tls.reload_interval", "server:server.tls.sans", "server:server.write_timeout",
        "server:short_lived_expiry_check_interval", "server:shutdown.drain_delay", "server:trusted_proxies",
        "server:verify.delay", "server:verify.deployment", "server:verify.timeout",
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
        let isRegistered = EffectRegistry.entries.contains { $0.setting == setting }
        if EffectRegistry.pending.contains(setting) {
            withKnownIssue("its effect test is still to be written") { #expect(isRegistered) }
        } else {
            #expect(isRegistered)
        }
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
