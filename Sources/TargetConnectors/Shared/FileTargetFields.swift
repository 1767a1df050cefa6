import ConnectorKit
import Deployment
import Encoding
import HostEffects

/// Fields that every connector writing local files shares (specification, targets §4.2 and §2.5).
enum FileTargetFields {
    /// `<prefix>_file_mode`, `_owner`, `_group`.
    static func ownership(_ prefix: String, _ what: String) -> [ConfigField] {
        [
            ConfigField(
                "\(prefix)_file_mode",
                .fileMode,
                title: "Mode of the \(what)",
                description: "Octal text such as \"0640\", or the decimal value of the bits."
            ),
            ConfigField(
                "\(prefix)_file_owner",
                .string,
                title: "Owner of the \(what)",
                description: "A user name or number on the host.",
                check: FieldChecks.account
            ),
            ConfigField(
                "\(prefix)_file_group",
                .string,
                title: "Group of the \(what)",
                description: "A group name or number on the host.",
                check: FieldChecks.account
            ),
        ]
    }

    static func ownership(_ prefix: String, in config: JSONObject) -> Ownership {
        Ownership(
            mode: config["\(prefix)_file_mode"].flatMap(FileModeText.mode),
            owner: config["\(prefix)_file_owner"]?.stringValue,
            group: config["\(prefix)_file_group"]?.stringValue
        )
    }

    static let verification: [ConfigField] = [
        ConfigField(
            "post_deploy_verify",
            .object([
                ConfigField("enabled", .boolean, title: "Verify", description: "false switches verification off."),
                ConfigField(
                    "endpoint",
                    .string,
                    title: "Endpoint",
                    description: "host:port that must serve the new certificate after the reload.",
                    check: FieldChecks.endpoint
                ),
                ConfigField(
                    "timeout",
                    .duration(.milliseconds(100) ... .seconds(300)),
                    title: "Timeout",
                    description: "For each handshake; the agent's verify.timeout when absent."
                ),
                ConfigField(
                    "server_name",
                    .string,
                    title: "Server name",
                    description: "SNI, when it differs from the host of the endpoint.",
                    check: FieldChecks.serverName
                ),
            ]),
            title: "Verification",
            description: "How the target is looked at after a deployment."
        ),
        ConfigField(
            "post_deploy_verify_attempts",
            .integer(1...20),
            title: "Attempts",
            description: "How often verification is tried in total.",
            defaultValue: 3
        ),
        ConfigField(
            "post_deploy_verify_backoff",
            .duration(.zero ... .seconds(300)),
            title: "Backoff",
            description: "The wait after the first failed attempt; it doubles.",
            defaultValue: "1s"
        ),
        ConfigField(
            "post_deploy_verify_max_backoff",
            .duration(.zero ... .seconds(600)),
            title: "Longest backoff",
            description: "Where the doubling ends.",
            defaultValue: "16s"
        ),
    ]

    static let common: [ConfigField] = [
        ConfigField(
            "backup_retention",
            .integer(-1...100),
            title: "Backups",
            description: "How many old versions of each file remain; 0 means the agent's default, -1 none."
        ),
        ConfigField(
            "command_timeout",
            .duration(.milliseconds(100) ... .seconds(3600)),
            title: "Command timeout",
            description: "After which a command and everything it started is killed.",
            defaultValue: "60s"
        ),
    ]

    /// What the verification fields say; the agent's settings fill the gaps.
    static func verification(in config: JSONObject, defaults: TargetDefaults) -> VerificationChoice {
        let block = config["post_deploy_verify"]
        if block?["enabled"]?.boolValue == false {
            return .skip(reason: "post_deploy_verify.enabled is false for this target")
        }
        if !defaults.verifies { return .skip(reason: "verification is off on this agent (CERTCTL_VERIFY_DEPLOYMENT)") }
        let name = block?["server_name"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        let text = block?["endpoint"]?.stringValue ?? ""
        let plan = VerificationPlan(
            endpoint: text,
            serverName: name,
            timeout: block?["timeout"].flatMap(DurationText.duration) ?? defaults.verifyTimeout,
            attempts: config["post_deploy_verify_attempts"]?.integerValue.map { Int($0) } ?? 3,
            backoff: config["post_deploy_verify_backoff"].flatMap(DurationText.duration) ?? .seconds(1),
            longestBackoff: config["post_deploy_verify_max_backoff"].flatMap(DurationText.duration) ?? .seconds(16),
            delay: defaults.verifyDelay
        )
        return plan.map { .probe($0) } ?? .skip(reason: "post_deploy_verify.endpoint is not set for this target")
    }

    static func retention(in config: JSONObject, defaults: TargetDefaults) -> BackupRetention {
        let configured = config["backup_retention"]?.integerValue.map { Int($0) } ?? 0
        return BackupRetention(configured: configured == 0 ? defaults.backupRetention : configured)
    }
}
