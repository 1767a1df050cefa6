import Domain
import Settings
import Testing

@Suite("targets §1.2: the validated configuration of the agent")
struct AgentConfigurationTests {
    private func agent(_ environment: [String: String], _ arguments: [String] = []) throws -> AgentConfiguration {
        var stage = Stage()
        stage.environment.merge(environment) { $1 }
        let (flags, rest) = try SettingFlags.extract(from: arguments, for: .agent)
        #expect(rest == [])
        return try stage.load(AgentConfiguration.self, flags: flags).configuration
    }

    @Test("defaults keep away from the server's directory")
    func defaults() throws {
        let agent = try agent([:])
        #expect(agent.stateDirectory == "/var/lib/certctl-agent")
        #expect(agent.keyDirectory == "/var/lib/certctl-agent/keys")
        #expect(agent.server.url.text == "https://localhost:8443")
        #expect(agent.pollWait == .seconds(25) && agent.maxParallel == 4)
        #expect(agent.deployment.verifies == nil && agent.deployment.backups == nil)
    }

    @Test("flags with one or two hyphens, with and without an equals sign")
    func flags() throws {
        let agent = try agent(
            [:],
            [
                "-server", "https://c.example", "--agent-id=web-1", "-insecure-skip-verify", "--state-dir", "/s",
                "-name=Edge",
            ]
        )
        #expect(agent.server.url.host == "c.example" && agent.server.skipsVerification)
        #expect(agent.agentID?.text == "web-1" && agent.name == "Edge" && agent.keyDirectory == "/s/keys")
    }

    @Test("the systemd credential is the key when nothing else names one")
    func credential() throws {
        var stage = Stage()
        stage.environment["CREDENTIALS_DIRECTORY"] = "/run/creds"
        stage.file("/run/creds/certctl-api-key", "from-systemd\n", mode: 0o400)
        #expect(try stage.load(AgentConfiguration.self).configuration.apiKey?.withText { $0 } == "from-systemd")
        stage.environment["CERTCTL_API_KEY"] = "from-environment"
        #expect(try stage.load(AgentConfiguration.self).configuration.apiKey?.withText { $0 } == "from-environment")
    }

    @Test("both names of the enrolment token work, but not together")
    func aliases() throws {
        #expect(try agent(["CERTCTL_AGENT_ENROLL_TOKEN": "a"]).enrollToken != nil)
        #expect(try agent(["CERTCTL_AGENT_ENROLLMENT_TOKEN": "a"]).enrollToken != nil)
        #expect(throws: InvalidConfiguration.self) {
            try agent(["CERTCTL_AGENT_ENROLL_TOKEN": "a", "CERTCTL_AGENT_ENROLLMENT_TOKEN": "a"])
        }
    }

    @Test(
        "URLs without TLS, bad ids, paths and fingerprints are refused",
        arguments: [
            ("CERTCTL_SERVER_URL", "http://c.example"), ("CERTCTL_SERVER_URL", "c.example:8443"),
            ("CERTCTL_AGENT_ID", "../x"),
            ("CERTCTL_AGENT_ALLOWED_PATHS", "/etc/../root"), ("CERTCTL_AGENT_ALLOWED_PATHS", "etc"),
            ("CERTCTL_SERVER_CA_FINGERPRINT", "sha256:abcd"), ("CERTCTL_AGENT_ALLOWED_TARGET_TYPES", "NGINX,Nothing"),
            ("CERTCTL_AGENT_POLL_WAIT", "51s"), ("CERTCTL_AGENT_VANTAGE", "EU west"),
            ("CERTCTL_AGENT_VANTAGE_RESOLVER", "ns.example"), ("CERTCTL_AGENT_VANTAGE_RESOLVER", "system,192.0.2.53"),
            ("CERTCTL_EGRESS_ALLOW_ACME_VALIDATION", "10.0.0.0/99"),
        ])
    func refused(variable: String, value: String) {
        #expect(throws: InvalidConfiguration.self) { try agent([variable: value]) }
    }

    @Test("a fingerprint is accepted with colons and capitals")
    func fingerprint() throws {
        let digits = Array(repeating: "AB", count: 32).joined(separator: ":")
        let agent = try agent(["CERTCTL_SERVER_CA_FINGERPRINT": "sha256:\(digits)"])
        #expect(agent.server.caFingerprint == String(repeating: "ab", count: 32))
    }

    @Test("local overrides of the fleet's defaults", arguments: [("-1", nil), ("0", 3), ("7", 7)] as [(String, Int?)])
    func overrides(text: String, kept: Int?) throws {
        let backups = try agent(["CERTCTL_DEPLOY_BACKUP_RETENTION": text]).deployment.backups
        #expect(backups == kept.map { .keep($0) } ?? AgentDeploymentOverrides.Backups.none)
    }

    @Test("the agent reads its own file, and refuses the server's")
    func configurationFile() throws {
        var stage = Stage()
        stage.file("/etc/certctl/agent.toml", "[agent]\nmax_parallel = 7")
        #expect(try stage.load(AgentConfiguration.self).configuration.maxParallel == 7)
        stage.file("/mine.toml", "[database]\nmax_conns = 7")
        stage.environment["CERTCTL_CONFIG_FILE"] = "/mine.toml"
        #expect(
            stage.refusals(AgentConfiguration.self) == [
                "/mine.toml:2: \"database.max_conns\" is a setting of the server, not of the agent"
            ]
        )
    }

    @Test("unknown variables stop a strict agent")
    func strictEnvironment() {
        var stage = Stage()
        stage.environment["CERTCTL_AGENT_POL_WAIT"] = "1s"
        #expect(stage.refusals(AgentConfiguration.self) == [])
        stage.environment["CERTCTL_STRICT_ENV"] = "true"
        #expect(stage.refusals(AgentConfiguration.self).count == 1)
    }
}
