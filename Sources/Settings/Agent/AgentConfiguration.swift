package import Domain

/// The validated configuration of an agent.
package struct AgentConfiguration: Configuration {
    package static let program = Program.agent

    package let server: AgentServerConfiguration
    /// Given by the operator; what enrolment stored applies otherwise.
    package let apiKey: Secret?
    package let agentID: AgentID?
    /// `nil` means the host name.
    package let name: String?
    package let enrollToken: Secret?
    package let stateDirectory: String
    package let keyDirectory: String
    package let heartbeatInterval: Duration
    package let pollInterval: Duration
    /// Zero means plain polling.
    package let pollWait: Duration
    package let maxParallel: Int
    package let policy: AgentHostPolicy
    package let deployment: AgentDeploymentOverrides
    package let vantage: AgentVantageConfiguration
    package let logging: LoggingConfiguration

    package init(reading reader: inout SettingReader) {
        _ = reader.read(AgentSettings.configFile)
        _ = reader.read(AgentSettings.strictEnvironment)
        server = AgentServerConfiguration(reading: &reader)
        apiKey = reader.read(AgentSettings.apiKey)
        agentID = reader.read(AgentSettings.agentID)
        name = reader.read(AgentSettings.name)
        enrollToken = reader.read(AgentSettings.enrollToken)
        stateDirectory = reader.read(AgentSettings.stateDirectory)
        keyDirectory = reader.read(AgentSettings.keyDirectory) ?? "\(stateDirectory)/keys"
        reader.derive(AgentSettings.keyDirectory, keyDirectory)
        heartbeatInterval = reader.read(AgentSettings.heartbeatInterval)
        pollInterval = reader.read(AgentSettings.pollInterval)
        pollWait = reader.read(AgentSettings.pollWait)
        maxParallel = reader.read(AgentSettings.maxParallel)
        policy = AgentHostPolicy(
            targetTypes: reader.read(AgentSettings.allowedTargetTypes),
            paths: reader.read(AgentSettings.allowedPaths),
            commands: reader.read(AgentSettings.allowedCommands)
        )
        deployment = AgentDeploymentOverrides(reading: &reader)
        vantage = AgentVantageConfiguration(reading: &reader)
        logging = LoggingConfiguration(
            thresholds: reader.read(AgentSettings.logLevel),
            format: reader.read(AgentSettings.logFormat)
        )
    }
}

/// The control plane as the agent reaches and verifies it.
package struct AgentServerConfiguration: Sendable {
    package let url: ServerURL
    /// Replaces the roots of the system and what enrolment stored.
    package let caBundlePath: String?
    /// 64 lower-case hexadecimal digits.
    package let caFingerprint: String?
    package let skipsVerification: Bool

    init(reading reader: inout SettingReader) {
        url = reader.read(AgentSettings.serverURL)
        caBundlePath = reader.read(AgentSettings.caBundlePath)
        caFingerprint = reader.read(AgentSettings.caFingerprint)
        skipsVerification = reader.read(AgentSettings.insecureSkipVerify)
        if skipsVerification, caFingerprint != nil {
            reader.reject(
                AgentSettings.insecureSkipVerify,
                because: "contradicts CERTCTL_SERVER_CA_FINGERPRINT; unset one of the two"
            )
        }
    }
}

/// What this host lets deployments do; an empty list allows everything.
package struct AgentHostPolicy: Hashable, Sendable {
    package let targetTypes: [TargetType]
    /// Absolute directories.
    package let paths: [String]
    package let commands: [String]
}

/// Local values that win over the fleet's defaults; `nil` leaves the server's.
package struct AgentDeploymentOverrides: Hashable, Sendable {
    package enum Backups: Hashable, Sendable {
        case none
        case keep(Int)
    }

    package let backups: Backups?
    package let verifies: Bool?
    package let verifyTimeout: Duration?
    package let verifyDelay: Duration?

    package init(
        backups: Backups? = nil,
        verifies: Bool? = nil,
        verifyTimeout: Duration? = nil,
        verifyDelay: Duration? = nil
    ) {
        self.backups = backups
        self.verifies = verifies
        self.verifyTimeout = verifyTimeout
        self.verifyDelay = verifyDelay
    }

    init(reading reader: inout SettingReader) {
        backups = reader.read(AgentSettings.backupRetention).map { value in
            BackupRetention.count(value).map(Backups.keep) ?? Backups.none
        }
        verifies = reader.read(AgentSettings.verifyDeployment)
        verifyTimeout = reader.read(AgentSettings.verifyTimeout)
        verifyDelay = reader.read(AgentSettings.verifyDelay)
    }
}
