import Domain
import Settings
import Testing

@Suite("security §15.1: what a start refuses, all at once")
struct StartUpGuardTests {
    private static let start: Int64 = 1_800_000_000
    private static let generated = "0123456789abcdef-0123456789abcdef"

    private static func load(
        _ environment: [String: String], userID: UInt32 = 1000
    ) -> Result<ServerConfiguration, InvalidConfiguration> {
        let host = SettingHost(
            environment: ["HOME": "/home/ada"].merging(environment) { $1 },
            files: FileAccess { _ in .failure(.missing) }, effectiveUserID: userID, groups: [userID],
            now: Timestamp(secondsSinceEpoch: start))
        do throws(InvalidConfiguration) {
            return .success(try SettingsLoader.load(ServerConfiguration.self, host: host).configuration)
        } catch {
            return .failure(error)
        }
    }

    private static func subjects(_ environment: [String: String]) -> [String] {
        guard case .failure(let refusal) = load(environment) else { return [] }
        return refusal.violations.map(\.subject)
    }

    private static func acknowledged(_ age: Int64 = 0, _ more: [String: String] = [:]) -> [String: String] {
        ["CERTCTL_DEMO_MODE_ACK": "true", "CERTCTL_DEMO_MODE_ACK_TS": "\(start - age)"].merging(more) { $1 }
    }

    @Test("everything that is wrong is said together, with names and without secrets, and the status is 78")
    func together() {
        let environment = [
            "CERTCTL_AUTH_TYPE": "jwt", "CERTCTL_CORS_ORIGINS": "*", "CERTCTL_RATE_LIMIT_ENABLED": "maybe",
            "CERTCTL_RATE_LIMIT_JANITOR_INTERVAL": "10s", "CERTCTL_RATE_LIMIT_BACKEND": "redis",
            "CERTCTL_CONFIG_ENCRYPTION_KEY": "change-me-32-char-encryption-key",
            "CERTCTL_BOOTSTRAP_TOKEN": "short-token",
            "CERTCTL_AGENT_BOOTSTRAP_TOKEN": "short-agent-token", "CERTCTL_EGRESS_ALLOW_AUDIT": "10.0.0.300",
            "CERTCTL_DATABASE_URL": "postgres://u:p@db.example.com/c?sslmode=disable",
        ]
        guard case .failure(let refusal) = Self.load(environment) else {
            Issue.record("accepted")
            return
        }
        #expect(Set(refusal.violations.map(\.subject)) == Set(environment.keys), "\(refusal)")
        #expect(refusal.exitCode == 78)
        #expect(refusal.description.contains("jwt was removed"))
        for secret in ["short-token", "short-agent", "change-me-32", "u:p@"] {
            #expect(!refusal.description.contains(secret), "\(secret)")
        }
    }

    @Test(
        "A-41: booleans are read in every spelling, and what is none is refused instead of read as false",
        arguments: [
            ("TRUE", true), ("True", true), ("on", true), ("YES", true), ("t", true), ("1", true), ("off", false),
            ("FALSE", false), ("0", false), ("No", false), ("enabled", nil), ("2", nil), ("ture", nil),
        ] as [(String, Bool?)])
    func booleans(text: String, value: Bool?) {
        let loaded = Self.load(["CERTCTL_RATE_LIMIT_ENABLED": text])
        switch loaded {
        case .success(let configuration): #expect(configuration.rateLimit.isEnabled == value)
        case .failure(let refusal):
            #expect(value == nil && refusal.violations.map(\.subject) == ["CERTCTL_RATE_LIMIT_ENABLED"])
        }
    }

    @Test(
        "A-32: a security setting that cannot be read ends the start, and never becomes its default",
        arguments: [
            ("CERTCTL_RATE_LIMIT_RPS", "fifty"), ("CERTCTL_RATE_LIMIT_BURST", "1e9"),
            ("CERTCTL_AUTH_FAILURE_LIMIT_PER_MIN", "-1"), ("CERTCTL_AUTH_FAILURE_LIMIT_PER_MIN", "0"),
            ("CERTCTL_RATE_LIMIT_JANITOR_INTERVAL", "5"), ("CERTCTL_SERVER_READ_HEADER_TIMEOUT", "5 s"),
            ("CERTCTL_TRUSTED_PROXIES", "10.0.0.0/33"), ("CERTCTL_TRUSTED_PROXIES", "proxy.example.com"),
            ("CERTCTL_MAX_BODY_SIZE", "1 MB"), ("CERTCTL_DEMO_MODE_RESIDUAL_STRICT", "si"),
            ("CERTCTL_ALLOW_ROOT", "maybe"),
            ("CERTCTL_API_KEY_MAX_LIFETIME", "1y"), ("CERTCTL_BLOCK_RFC1918_OUTBOUND", "y"),
            ("CERTCTL_CERT_EXPORT_RATE_LIMIT_PER_ACTOR_HR", "many"), ("CERTCTL_CORS_ORIGINS", "http://ops.example.com"),
            ("CERTCTL_CORS_ORIGINS", "null"),
        ])
    func malformed(name: String, value: String) {
        #expect(Self.subjects([name: value]) == [name])
    }

    @Test("A-40: named keys are enough; the deprecated variable is not asked for")
    func namedKeys() throws {
        let loaded = Self.load(["CERTCTL_API_KEYS_NAMED": "ops:\(Self.generated):admin"])
        #expect(try loaded.get().access.declaredKeys.map(\.name) == ["ops"])
    }

    @Test(
        "values that documents have published, and values that nobody generated, are refused",
        arguments: [
            "change-me-in-production-please-change-me", "CHANGE-ME-0123456789-0123456789-0123456789",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababababababababababababab",
            "12345671234567123456712345671234567",
        ])
    func trivialValues(value: String) {
        for name in ["CERTCTL_CONFIG_ENCRYPTION_KEY", "CERTCTL_BOOTSTRAP_TOKEN", "CERTCTL_AGENT_BOOTSTRAP_TOKEN"] {
            #expect(Self.subjects([name: value]) == [name])
            #expect(Self.subjects(Self.acknowledged(0, [name: value])) == [])
        }
        #expect(Self.subjects(["CERTCTL_AUTH_SECRET": value]) == ["CERTCTL_AUTH_SECRET"])
    }

    @Test(
        "T8: a demonstration needs an acknowledgement that is fresh",
        arguments: [
            (0, true), (86_400, true), (86_401, false), (-60, true), (-61, false), (1_800_000_000, false),
        ] as [(Int64, Bool)])
    func freshness(age: Int64, isFresh: Bool) throws {
        let environment = Self.acknowledged(age, ["CERTCTL_AUTH_TYPE": "none"])
        switch Self.load(environment) {
        case .success(let configuration):
            #expect(isFresh && configuration.demo.isActive)
            #expect(configuration.demo.acknowledgedUntil == Timestamp(secondsSinceEpoch: Self.start - age + 86_400))
        case .failure(let refusal):
            #expect(!isFresh && refusal.violations.map(\.subject) == ["CERTCTL_DEMO_MODE_ACK_TS"])
        }
    }

    @Test("approvals are bypassed in an acknowledged demonstration only")
    func approvalBypass() {
        let bypass = ["CERTCTL_APPROVAL_BYPASS": "true"]
        #expect(Self.subjects(bypass) == ["CERTCTL_APPROVAL_BYPASS"])
        #expect(Self.subjects(Self.acknowledged(0, bypass)) == [])
    }

    @Test(
        "T8: without one it is refused wherever the server listens",
        arguments: [
            "127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "192.0.2.1", "demo.example.com",
        ])
    func unacknowledged(host: String) {
        #expect(Self.subjects(["CERTCTL_AUTH_TYPE": "none", "CERTCTL_SERVER_HOST": host]) == ["CERTCTL_AUTH_TYPE"])
        let untimed = ["CERTCTL_AUTH_TYPE": "none", "CERTCTL_SERVER_HOST": host, "CERTCTL_DEMO_MODE_ACK": "true"]
        #expect(Self.subjects(untimed) == ["CERTCTL_DEMO_MODE_ACK_TS"])
    }

    @Test("root is reported, and refused where the operator forbids it")
    func root() throws {
        #expect(try Self.load([:], userID: 0).get().risks.flags == [.runningAsRoot])
        #expect(try Self.load([:]).get().risks.flags == [])
        #expect(try Self.load(["CERTCTL_ALLOW_ROOT": "false"]).get().risks.flags == [])
        guard case .failure(let refusal) = Self.load(["CERTCTL_ALLOW_ROOT": "false"], userID: 0) else {
            Issue.record("root was let in")
            return
        }
        #expect(refusal.violations.map(\.subject) == ["CERTCTL_ALLOW_ROOT"] && refusal.exitCode == 77)
    }

    @Test("every loosened protection is in the risk register")
    func risks() throws {
        let cases: [(RiskFlag, [String: String])] = [
            (
                .insecureDatabase,
                [
                    "CERTCTL_DATABASE_URL": "postgres://u:p@db.example.com/c?sslmode=disable",
                    "CERTCTL_DATABASE_INSECURE_ACK": "true", "CERTCTL_CONFIG_ENCRYPTION_KEY": Self.generated,
                ]
            ),
            (.legacyKeys, ["CERTCTL_AUTH_SECRET": Self.generated]),
            (.sharedAgentKeys, ["CERTCTL_AGENT_SHARED_KEY_MODE": "allow"]),
            (.staticAgentToken, ["CERTCTL_AGENT_BOOTSTRAP_TOKEN": Self.generated]),
            (.auditorOverlap, ["CERTCTL_RBAC_ALLOW_AUDITOR_OVERLAP": "true"]),
            (.rateLimitsOff, ["CERTCTL_RATE_LIMIT_ENABLED": "false"]),
            (
                .limitsPerReplica,
                [
                    "CERTCTL_RATE_LIMIT_BACKEND": "memory", "CERTCTL_DATABASE_URL": "postgres://u:p@localhost/c",
                    "CERTCTL_CONFIG_ENCRYPTION_KEY": Self.generated,
                ]
            ),
            (.egressOpened, ["CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.1"]),
            (
                .openTrust,
                ["CERTCTL_ACME_SERVER_ENABLED": "true", "CERTCTL_ACME_SERVER_ALLOW_OPEN_TRUST": "true"]
            ),
            (.egressOpened, ["CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": "10.0.0.0/8"]),
            (
                .validationPorts,
                ["CERTCTL_ACME_SERVER_ENABLED": "true", "CERTCTL_ACME_SERVER_HTTP01_PORT": "8080"]
            ),
            (.demoAcknowledged, Self.acknowledged()),
        ]
        for (flag, environment) in cases {
            #expect(try Self.load(environment).get().risks.flags == [flag], "\(flag)")
        }
        let demo = try Self.load(Self.acknowledged(0, ["CERTCTL_AUTH_TYPE": "none"])).get()
        #expect(demo.risks.flags == [.demoMode, .demoAcknowledged])
        let bypass = try Self.load(Self.acknowledged(0, ["CERTCTL_APPROVAL_BYPASS": "true"])).get()
        #expect(bypass.risks.flags == [.demoAcknowledged, .approvalBypass])
        let plain = ["CERTCTL_AUDIT_SYSLOG_URL": "tcp://127.0.0.1:601", "CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.1"]
        #expect(try Self.load(plain).get().risks.flags == [.egressOpened, .plainSyslog])
        #expect(Set(RiskFlag.allCases.map(\.meaning)).count == RiskFlag.allCases.count)
    }
}
