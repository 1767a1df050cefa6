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

    static let entries: [Entry] =
        configuration + client + listener + storageAndLifecycle + agent + access + signIn + audit
        + hardening + revocationLists + relyingParties + acme + validation + tokens

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

    static let audit = [
        ("chain_verify_interval", "AuditLogTests", "intervals"), ("checkpoint_interval", "AuditLogTests", "intervals"),
        ("retention", "AuditLogTests", "retention"), ("archive_dir", "AuditLogTests", "retention"),
        ("on_break", "AuditCustodyTests", "readonly"), ("strict_worm", "AuditCustodyTests", "strict"),
        ("syslog_url", "AuditExportTests", "receivers"), ("syslog_ca_path", "AuditExportTests", "receivers"),
        ("syslog_format", "AuditExportTests", "cef"), ("webhook_url", "AuditExportTests", "receivers"),
        ("webhook_secret", "AuditExportTests", "receivers"), ("webhook_ca_path", "AuditExportTests", "receivers"),
    ].map { key, file, function in Entry("server:audit.\(key)", "EndToEndTests/Audit/\(file).swift", function) }

    static let signIn = [
        ("session.idle_timeout", "SignInSettingsTests", "timeouts"),
        ("session.absolute_timeout", "SignInSettingsTests", "timeouts"),
        ("session.gc_interval", "SignInSettingsTests", "timeouts"),
        ("session.signing_key_retention", "SignInSettingsTests", "timeouts"),
        ("session.samesite", "SignInSettingsTests", "timeouts"),
        ("session.signing_key_rotation", "SessionTests", "rotationAndRevocationAcrossReplicas"),
        ("session.bind_ip", "SignInSettingsTests", "bindings"),
        ("session.bind_user_agent", "SignInSettingsTests", "bindings"),
        ("session.max_per_user", "SignInSettingsTests", "bindings"),
        ("breakglass.enabled", "BreakglassTests", "invisible"),
        ("breakglass.lockout_threshold", "SignInSettingsTests", "lockout"),
        ("breakglass.lockout_duration", "SignInSettingsTests", "lockout"),
        ("breakglass.lockout_reset_interval", "SignInSettingsTests", "lockout"),
        ("breakglass.allowed_cidrs", "SignInSettingsTests", "lockout"),
        ("user.retention_interval", "BreakglassTests", "retention"),
        ("user.retention_window", "BreakglassTests", "retention"),
        ("user.retention_batch_cap", "BreakglassTests", "retention"),
    ].map { key, file, function in Entry("server:\(key)", "EndToEndTests/SignIn/\(file).swift", function) }
    /// Limits of attempts, start-up guards, the way out.
    static let hardening = [
        Entry("server:rate_limit.backend", "EndToEndTests/Security/SharedLimitTests.swift", "backend"),
        Entry(
            "server:rate_limit.janitor_interval", "EndToEndTests/Security/SharedLimitTests.swift",
            "exportsAndEnrolments"),
        Entry("server:auth.failure_limit_per_min", "EndToEndTests/Security/SharedLimitTests.swift", "replicas"),
        Entry(
            "server:cert.export_rate_limit_per_actor_hr", "EndToEndTests/Security/SharedLimitTests.swift",
            "exportsAndEnrolments"),
        Entry("server:auth.type", "EndToEndTests/Security/StartUpGuardTests.swift", "demonstration"),
        Entry("server:demo_mode.ack", "EndToEndTests/Security/StartUpGuardTests.swift", "demonstration"),
        Entry("server:demo_mode.ack_ts", "EndToEndTests/Security/StartUpGuardTests.swift", "deadline"),
        Entry("server:demo_mode.residual_strict", "EndToEndTests/Security/StartUpGuardTests.swift", "residue"),
        Entry("server:allow_root", "SettingsTests/Server/StartUpGuardTests.swift", "root"),
        Entry("server:egress.allow_audit", "EndToEndTests/Security/EgressTests.swift", "allowList"),
        Entry("server:block_rfc1918_outbound", "EndToEndTests/Security/EgressTests.swift", "privateAddresses"),
    ]

    static let revocationLists = ["crl.generation_interval", "crl.validity"].map {
        Entry("server:\($0)", "EndToEndTests/PKI/RevocationListServiceTests.swift", "settings")
    }

    static let relyingParties = [
        ("pki.http_listen", "answers"), ("pki.public_url", "answers"), ("ocsp.responder_key_dir", "settings"),
        ("ocsp.responder_validity", "settings"), ("ocsp.responder_rotation_grace", "settings"),
        ("ocsp.response_validity", "settings"), ("ocsp.rate_limit_per_ip_min", "settings"),
    ].map { key, function in Entry("server:\(key)", "EndToEndTests/PKI/OCSPServiceTests.swift", function) }

    static let tokens = [
        Entry("server:ocsp.responder_keys_with_ca", "EndToEndTests/PKI/TokenAuthorityTests.swift", "life"),
        Entry("server:pkcs11.module", "EndToEndTests/PKI/TokenAuthorityTests.swift", "life"),
        Entry("server:pkcs11.pin", "EndToEndTests/PKI/TokenAuthorityTests.swift", "refusals"),
        Entry("server:pkcs11.timeout", "EndToEndTests/PKI/TokenAuthorityTests.swift", "stalled"),
        Entry("server:pkcs11.sessions", "EndToEndTests/PKI/TokenAuthorityTests.swift", "stalled"),
        Entry("server:signer.socket", "EndToEndTests/PKI/SignerAuthorityTests.swift", "life"),
        Entry("server:signer.user", "EndToEndTests/PKI/SignerAuthorityTests.swift", "strangers"),
        Entry("server:signer.timeout", "EndToEndTests/PKI/SignerAuthorityTests.swift", "stalled"),
        Entry("server:signer.connections", "EndToEndTests/PKI/SignerAuthorityTests.swift", "stalled"),
        Entry("server:ca.key_directory", "EndToEndTests/PKI/FileAuthorityTests.swift", "refusals"),
        Entry("server:ca.key_passphrase", "EndToEndTests/PKI/FileAuthorityTests.swift", "life"),
        Entry("server:ca.max_signatures_per_minute", "EndToEndTests/PKI/ChildKeyTests.swift", "ceiling"),
        Entry("server:ca.lints", "EndToEndTests/PKI/LintEndToEndTests.swift", "severities"),
        Entry("server:algorithm.deny_list", "EndToEndTests/PKI/AlgorithmDenyListTests.swift", "denied"),
        Entry("server:weak_keys.files", "EndToEndTests/PKI/WeakKeyListTests.swift", "list"),
    ]

    static let acme =
        [
            ("enabled", "switches"), ("default_profile_id", "switches"), ("default_auth_mode", "settings"),
            ("nonce_ttl", "settings"),
            ("order_ttl", "settings"), ("authz_ttl", "settings"), ("rate_limit_orders_per_hour", "settings"),
            ("rate_limit_new_accounts_per_hour", "settings"),
            ("rate_limit_concurrent_orders", "settings"), ("rate_limit_key_change_per_hour", "settings"),
            ("gc_interval", "settings"), ("tos_url", "settings"), ("website", "settings"),
            ("caa_identities", "settings"), ("eab_required", "settings"), ("allow_open_trust", "settings"),
        ].map { key, function in
            Entry("server:acme.server.\(key)", "EndToEndTests/ACME/ACMELifeTests.swift", function)
        } + [Entry("server:retention.acme", "EndToEndTests/ACME/ACMERetentionTests.swift", "retention")]

    static let validation =
        [
            ("acme.server.http01_concurrency", "ACMEChallengeTests", "places"),
            ("acme.server.dns01_concurrency", "ACMEChallengeTests", "places"),
            ("acme.server.tlsalpn01_concurrency", "ACMEChallengeTests", "places"),
            ("acme.server.dns01_resolver", "ACMEChallengeTests", "answers"),
            ("acme.server.validation_timeout", "ACMEChallengeTests", "answers"),
            ("acme.server.http01_port", "ACMEChallengeClientsTests", "lego"),
            ("acme.server.tlsalpn01_port", "ACMEChallengeClientsTests", "lego"),
            ("acme.server.rate_limit_challenge_responds_per_hour", "ACMEChallengeTests", "innerAddresses"),
            ("acme.server.rate_limit_failed_validations_per_hour", "ACMECAATests", "reuse"),
            ("acme.server.rate_limit_failed_validations_per_name_per_hour", "ACMEReplicaTests", "limits"),
            ("acme.server.authz_reuse", "ACMECAATests", "reuse"),
            ("acme.server.caa_check", "ACMECAATests", "records"),
            ("acme.server.ari_enabled", "ACMERenewalInfoTests", "switchedOff"),
            ("acme.server.ari_poll_interval", "ACMERenewalInfoTests", "windows"),
            ("acme.server.perspectives", "ACMEPerspectiveTests", "quorum"),
            ("acme.server.perspective_quorum", "ACMEPerspectiveTests", "hijacked"),
            ("egress.allow_acme_validation", "ACMEChallengeTests", "innerAddresses"),
        ].map { key, file, function in Entry("server:\(key)", "EndToEndTests/ACME/\(file).swift", function) }

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
        Entry("server:api_key.unused_disable", "EndToEndTests/Security/AccessSettingsTests.swift", "unusedKeys"),
        Entry(
            "server:api_key.unused_disable_enforce", "EndToEndTests/Security/AccessSettingsTests.swift", "unusedKeys"),
        Entry("server:approval.ca_ceremony", "EndToEndTests/Security/CeremonyApprovalTests.swift", "ceremony"),
        Entry("server:approval.admin_grants", "EndToEndTests/Security/ApprovalRoutesTests.swift", "adminGrants"),
        Entry("server:approval.bulk_revocation", "EndToEndTests/Revocation/BulkRevocationTests.swift", "approval"),
        Entry("server:approval.bypass", "EndToEndTests/Security/ApprovalRoutesTests.swift", "bypass"),
        Entry("server:job.awaiting_approval_timeout", "EndToEndTests/Security/ApprovalRoutesTests.swift", "expiry"),
        Entry("server:rbac.allow_auditor_overlap", "EndToEndTests/Security/AccessSettingsTests.swift", "limits"),
        Entry("server:agent.shared_key_mode", "EndToEndTests/Security/AccessSettingsTests.swift", "limits"),
    ]

    /// Listener, requests, logs.
    static let listener = [
        Entry("server:server.host", "EndToEndTests/Settings/ServerAddressTests.swift", "address"),
        Entry("server:server.port", "EndToEndTests/Settings/ServerAddressTests.swift", "address"),
        Entry("server:server.public_url", "EndToEndTests/Settings/ServerAddressTests.swift", "address"),
        Entry("server:data_dir", "EndToEndTests/Settings/ServerAddressTests.swift", "address"),
        Entry("server:log.format", "EndToEndTests/Settings/ServerAddressTests.swift", "logs"),
        Entry("server:log.level", "EndToEndTests/Settings/ServerAddressTests.swift", "logs"),
        Entry("server:bootstrap_token", "EndToEndTests/Settings/ServerAddressTests.swift", "tokens"),
        Entry("server:agent.bootstrap_token", "EndToEndTests/Settings/ServerAddressTests.swift", "tokens"),
        Entry("server:server.tls.cert_path", "EndToEndTests/Settings/ServerTLSTests.swift", "suppliedFiles"),
        Entry("server:server.tls.key_path", "EndToEndTests/Settings/ServerTLSTests.swift", "suppliedFiles"),
        Entry("server:server.tls.reload_interval", "EndToEndTests/Settings/ServerTLSTests.swift", "suppliedFiles"),
        Entry("server:server.tls.mode", "EndToEndTests/Settings/ServerTLSTests.swift", "refusals"),
        Entry("server:server.tls.sans", "EndToEndTests/Settings/ServerTLSTests.swift", "generated"),
        Entry("server:server.read_header_timeout", "EndToEndTests/Settings/ServerLimitTests.swift", "timeouts"),
        Entry("server:server.read_timeout", "EndToEndTests/Settings/ServerLimitTests.swift", "timeouts"),
        Entry("server:server.write_timeout", "EndToEndTests/Settings/ServerLimitTests.swift", "timeouts"),
        Entry("server:server.idle_timeout", "EndToEndTests/Settings/ServerLimitTests.swift", "timeouts"),
        Entry("server:max_body_size", "EndToEndTests/Settings/ServerLimitTests.swift", "limits"),
        Entry("server:server.max_connections", "EndToEndTests/Settings/ServerLimitTests.swift", "limits"),
        Entry("server:cors.origins", "EndToEndTests/Settings/ServerLimitTests.swift", "limits"),
        Entry("server:rate_limit.enabled", "EndToEndTests/Settings/ServerLimitTests.swift", "limits"),
        Entry("server:rate_limit.rps", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:rate_limit.burst", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:rate_limit.per_user_rps", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:rate_limit.per_user_burst", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:rate_limit.bucket_ttl", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:trusted_proxies", "EndToEndTests/Settings/ServerLimitTests.swift", "rates"),
        Entry("server:shutdown.drain_delay", "EndToEndTests/Settings/ServerShutdownTests.swift", "delays"),
        Entry("server:audit.flush_timeout_seconds", "EndToEndTests/Settings/ServerShutdownTests.swift", "delays"),
    ]

    /// Storage, CA, loops, deployment defaults.
    static let storageAndLifecycle = [
        Entry("server:database.url", "EndToEndTests/Settings/StorageEngineTests.swift", "sqlite"),
        Entry("server:database.sqlite_synchronous", "EndToEndTests/Settings/StorageEngineTests.swift", "sqlite"),
        Entry("server:config.encryption_key", "EndToEndTests/Settings/StorageEngineTests.swift", "sqlite"),
        Entry("server:config.encryption_key_previous", "EndToEndTests/Secrets/RotationTests.swift", "replicas"),
        Entry("server:kek.provider", "EndToEndTests/Secrets/KeySourceTests.swift", "provider"),
        Entry("server:database.max_conns", "EndToEndTests/Settings/StorageConnectionTests.swift", "pool"),
        Entry("server:database.statement_timeout", "EndToEndTests/Settings/StorageConnectionTests.swift", "pool"),
        Entry("server:database.conn_max_lifetime", "EndToEndTests/Settings/StorageConnectionTests.swift", "pool"),
        Entry(
            "server:database.connect_timeout", "EndToEndTests/Settings/StorageConnectionTests.swift", "patienceAtStart"),
        Entry("server:database.startup_wait", "EndToEndTests/Settings/StorageConnectionTests.swift", "patienceAtStart"),
        Entry("server:migrations", "EndToEndTests/Settings/StorageMigrationTests.swift", "modes"),
        Entry("server:database.migrations_path", "EndToEndTests/Settings/StorageMigrationTests.swift", "directory"),
        Entry("server:ca.cert_path", "EndToEndTests/Settings/StorageAuthorityTests.swift", "subordinate"),
        Entry("server:ca.key_path", "EndToEndTests/Settings/StorageAuthorityTests.swift", "subordinate"),
        Entry(
            "server:scheduler.renewal_check_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift",
            "intervals"),
        Entry("server:scheduler.retry_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "intervals"),
        Entry(
            "server:scheduler.job_processor_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift",
            "intervals"),
        Entry(
            "server:scheduler.agent_health_check_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift",
            "patience"),
        Entry("server:job.timeout_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "patience"),
        Entry(
            "server:short_lived_expiry_check_interval", "EndToEndTests/Settings/LifecycleScheduleTests.swift",
            "patience"),
        Entry("server:job.awaiting_csr_timeout", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "patience"),
        Entry("server:job.running_lease", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "patience"),
        Entry("server:agent.offline_after", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "patience"),
        Entry("server:agent.offline_job_ttl", "EndToEndTests/Settings/LifecycleScheduleTests.swift", "patience"),
        Entry("server:idempotency_ttl", "EndToEndTests/Settings/LifecycleRetentionTests.swift", "retention"),
        Entry("server:events_retention", "EndToEndTests/Settings/LifecycleRetentionTests.swift", "retention"),
        Entry("server:deploy.backup_retention", "EndToEndTests/Settings/LifecycleFleetTests.swift", "deployments"),
        Entry("server:verify.deployment", "EndToEndTests/Settings/LifecycleFleetTests.swift", "deployments"),
        Entry("server:verify.delay", "EndToEndTests/Settings/LifecycleFleetTests.swift", "deployments"),
        Entry("server:verify.timeout", "EndToEndTests/Settings/LifecycleFleetTests.swift", "deployments"),
    ]

    /// The agent, as the real program or under a scripted control plane.
    static let agent = [
        Entry("agent:server.url", "EndToEndTests/Settings/AgentConnectionTests.swift", "trust"),
        Entry("agent:server.ca_bundle_path", "EndToEndTests/Settings/AgentConnectionTests.swift", "trust"),
        Entry("agent:server.ca_fingerprint", "EndToEndTests/Settings/AgentConnectionTests.swift", "trust"),
        Entry("agent:server.tls.insecure_skip_verify", "EndToEndTests/Settings/AgentConnectionTests.swift", "trust"),
        Entry("agent:agent.enroll_token", "EndToEndTests/Settings/AgentConnectionTests.swift", "identity"),
        Entry("agent:agent.id", "EndToEndTests/Settings/AgentConnectionTests.swift", "identity"),
        Entry("agent:agent.name", "EndToEndTests/Settings/AgentConnectionTests.swift", "identity"),
        Entry("agent:agent.state_dir", "EndToEndTests/Settings/AgentConnectionTests.swift", "identity"),
        Entry("agent:api_key", "EndToEndTests/Settings/AgentConnectionTests.swift", "identity"),
        Entry("agent:log.format", "EndToEndTests/Settings/AgentConnectionTests.swift", "logging"),
        Entry("agent:log.level", "EndToEndTests/Settings/AgentConnectionTests.swift", "logging"),
        Entry("agent:agent.heartbeat_interval", "EndToEndTests/Settings/AgentPaceTests.swift", "pace"),
        Entry("agent:agent.max_parallel", "EndToEndTests/Settings/AgentPaceTests.swift", "pace"),
        Entry("agent:agent.poll_interval", "EndToEndTests/Settings/AgentPaceTests.swift", "pace"),
        Entry("agent:agent.poll_wait", "EndToEndTests/Settings/AgentPaceTests.swift", "pace"),
        Entry("agent:agent.vantage", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "hijacked"),
        Entry("agent:agent.vantage_resolver", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "hijacked"),
        Entry("agent:agent.vantage_http01_port", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "quorum"),
        Entry("agent:agent.vantage_tlsalpn01_port", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "quorum"),
        Entry("agent:block_rfc1918_outbound", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "hijacked"),
        Entry("agent:egress.allow_acme_validation", "EndToEndTests/ACME/ACMEPerspectiveTests.swift", "hijacked"),
        Entry("agent:agent.allowed_commands", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:agent.allowed_paths", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:agent.allowed_target_types", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:deploy.backup_retention", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:key_dir", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:verify.delay", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:verify.deployment", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
        Entry("agent:verify.timeout", "EndToEndTests/Settings/AgentDeploymentTests.swift", "deployments"),
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
        #expect(isRegistered)
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
