package import Domain

/// Settings of the agent (specification, operations §4.13; targets §1.2).
package enum AgentSettings {
    package static let serverURL = Setting<ServerURL>(
        "server.url",
        .serverURL,
        fallback: .localhost,
        names: SettingNames(flagAliases: ["server"]),
        help: "Base URL of the control plane."
    )
    package static let apiKey = Setting<Secret?>(
        "api_key",
        .secret,
        derived: "the key received at enrolment",
        names: SettingNames(credential: "certctl-api-key"),
        help: "Key of this agent; overrides the stored one."
    )
    package static let agentID = Setting<AgentID?>(
        "agent.id",
        .agentID,
        derived: "the identifier received at enrolment",
        help: "Identifier of this agent, or the one to ask for at enrolment."
    )
    package static let name = Setting<String?>(
        "agent.name",
        ValueGrammar.string.refined("a text of at most 128 characters") { $0.count <= 128 },
        derived: "the host name",
        names: SettingNames(flagAliases: ["name"]),
        help: "Display name given at enrolment."
    )
    package static let stateDirectory = Setting<String>(
        "agent.state_dir",
        .path,
        fallback: "/var/lib/certctl-agent",
        names: SettingNames(flagAliases: ["state-dir"]),
        help: "Directory for identity, spool and locks; created with mode 0700."
    )
    package static let keyDirectory = Setting<String?>(
        "key_dir",
        .path,
        derived: "keys in the state directory",
        help: "Directory of the private keys that the agent generates."
    )
    package static let caBundlePath = Setting<String?>(
        "server.ca_bundle_path",
        .path,
        derived: "the CA pinned at enrolment, else the roots of the system",
        names: SettingNames(flagAliases: ["ca-bundle"]),
        help: "PEM file with the only CAs that may vouch for the control plane."
    )
    package static let caFingerprint = Setting<String?>(
        "server.ca_fingerprint",
        .fingerprint,
        names: SettingNames(flagAliases: ["ca-fingerprint"]),
        help: "SHA-256 of the control plane's CA certificate, for the first contact."
    )
    package static let insecureSkipVerify = Setting<Bool>(
        "server.tls.insecure_skip_verify",
        .bool,
        fallback: false,
        names: SettingNames(flagAliases: ["insecure-skip-verify"]),
        help: "Do not verify the certificate of the control plane. For development only."
    )
    package static let enrollToken = Setting<Secret?>(
        "agent.enroll_token",
        .secret,
        names: SettingNames(environmentAliases: ["CERTCTL_AGENT_ENROLLMENT_TOKEN"], flagAliases: ["token"]),
        help: "One-time token with which an agent without a key enrols itself."
    )
    package static let heartbeatInterval = Setting<Duration>(
        "agent.heartbeat_interval",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(60),
        names: SettingNames(environmentAliases: ["CERTCTL_HEARTBEAT_INTERVAL"]),
        help: "Time between two signs of life."
    )
    package static let pollInterval = Setting<Duration>(
        "agent.poll_interval",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(30),
        help: "Time between two questions for work when long polling is off, and the unit of the back-off."
    )
    package static let pollWait = Setting<Duration>(
        "agent.poll_wait",
        .duration.within(.zero ... .seconds(50)),
        fallback: .seconds(25),
        help: "Time that the server may hold a question for work open; 0 means plain polling."
    )
    package static let maxParallel = Setting<Int>(
        "agent.max_parallel",
        .int.within(1...64),
        fallback: 4,
        help: "Jobs at once, over different targets."
    )
    package static let allowedTargetTypes = Setting<[TargetType]>(
        "agent.allowed_target_types",
        .targetTypes,
        fallback: [],
        derived: "empty: all",
        help: "Target types that this host accepts work for."
    )
    package static let allowedPaths = Setting<[String]>(
        "agent.allowed_paths",
        .absolutePaths,
        fallback: [],
        derived: "empty: all",
        help: "Directories below which deployments may write."
    )
    package static let allowedCommands = Setting<[String]>(
        "agent.allowed_commands",
        .list,
        fallback: [],
        derived: "empty: all but interpreters",
        help: "Programs, by name or absolute path, that deployments may run besides the well-known ones; "
            + "a shell or other interpreter only when it is listed."
    )
    package static let verifyDeployment = Setting<Bool?>(
        "verify.deployment",
        .bool,
        derived: "the server's value",
        help: "Connect to the deployed endpoint and compare the certificate that it serves."
    )
    package static let verifyTimeout = Setting<Duration?>(
        "verify.timeout",
        .duration.within(.milliseconds(100) ... .minutes(10)),
        derived: "the server's value",
        help: "Time one look at a deployed endpoint may take."
    )
    package static let verifyDelay = Setting<Duration?>(
        "verify.delay",
        .duration.within(.zero ... .minutes(10)),
        derived: "the server's value",
        help: "Time between reloading a service and looking at what it serves."
    )
    package static let backupRetention = Setting<Int?>(
        "deploy.backup_retention",
        .int.within(-1...1000),
        derived: "the server's value",
        help: "Earlier files kept per target; -1 keeps none and so rules out roll-back, 0 means 3."
    )
    package static let logLevel = Setting<LogThresholds>(
        "log.level",
        .logThresholds,
        fallback: LogThresholds(),
        help: "Least severe level that is logged."
    )
    package static let logFormat = Setting<LogFormat>(
        "log.format",
        .choice,
        fallback: .auto,
        help: "auto: text on a terminal, JSON otherwise."
    )
    package static let configFile = Setting<String?>(
        "config_file",
        .path,
        derived: "the first of ~/.config/certctl/agent.toml and /etc/certctl/agent.toml that exists",
        names: SettingNames(flagAliases: ["config"], inFile: false),
        help: "TOML file with settings."
    )
    package static let strictEnvironment = Setting<Bool>(
        "strict_env",
        .bool,
        fallback: false,
        help: "Refuse to start when the environment holds an unknown CERTCTL_ variable, instead of warning."
    )

    /// Every setting of the agent.
    package static let all: [SettingDeclaration] =
        [
            serverURL.declaration, apiKey.declaration, agentID.declaration, name.declaration,
            stateDirectory.declaration,
            keyDirectory.declaration, caBundlePath.declaration, caFingerprint.declaration,
            insecureSkipVerify.declaration, enrollToken.declaration, heartbeatInterval.declaration,
            pollInterval.declaration, pollWait.declaration, maxParallel.declaration, allowedTargetTypes.declaration,
            allowedPaths.declaration, allowedCommands.declaration, verifyDeployment.declaration,
            verifyTimeout.declaration, verifyDelay.declaration, backupRetention.declaration, logLevel.declaration,
            logFormat.declaration, configFile.declaration, strictEnvironment.declaration,
        ] + vantageSettings
}
