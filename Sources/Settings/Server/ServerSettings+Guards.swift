package import Domain

/// How callers prove who they are.
package enum AuthenticationMode: String, Sendable, CaseIterable {
    case apiKey = "api-key"
    /// A demonstration: nobody proves anything and everybody administers.
    case none
}

/// What a start refuses, and what loosens it (specification, security §2.1, §2.6, §15.1).
extension ServerSettings {
    package static let authType = Setting<AuthenticationMode>(
        "auth.type",
        .authenticationMode,
        fallback: .apiKey,
        help: "api-key: callers present keys. none: a demonstration in which every caller administers; needs a fresh "
            + "acknowledgement."
    )
    package static let demoAck = Setting<Bool>(
        "demo_mode.ack",
        .bool,
        fallback: false,
        help: "Acknowledge a demonstration: allows auth.type none, and tokens and keys that are short or published."
    )
    package static let demoAckTime = Setting<Int?>(
        "demo_mode.ack_ts",
        .int,
        help: "When the demonstration was acknowledged, in Unix seconds (date +%s). It ends after 24 hours."
    )
    package static let demoResidueStrict = Setting<Bool>(
        "demo_mode.residual_strict",
        .bool,
        fallback: false,
        help: "Refuse to start when a demonstration has left its grant in the database, instead of removing it."
    )
    package static let allowRoot = Setting<Bool?>(
        "allow_root",
        .bool,
        derived: "allowed, and reported as a risk",
        help: "Whether the server may run as root. false refuses it."
    )

    static let guardSettings: [SettingDeclaration] = [
        authType.declaration, demoAck.declaration, demoAckTime.declaration, demoResidueStrict.declaration,
        allowRoot.declaration,
    ]
}

extension ValueGrammar where Value == AuthenticationMode {
    static let authenticationMode = Self(
        kind: "enum",
        expectation: "one of api-key, none (jwt was removed and API keys took its place; oidc is not in this release)",
        text: { AuthenticationMode(rawValue: $0) },
        render: { $0.rawValue }
    )
}

/// Whether this is a demonstration, and until when.
package struct DemoConfiguration: Sendable {
    /// How long an acknowledgement holds.
    package static let lifetime = Duration.hours(24)
    /// How far ahead of this host's clock an acknowledgement may lie.
    private static let tolerance = Duration.seconds(60)

    /// Every caller is an administrator.
    package let isActive: Bool
    /// When the acknowledgement ends; `nil` without a fresh one.
    package let acknowledgedUntil: Timestamp?
    /// What an earlier demonstration left ends the start.
    package let isResidueFatal: Bool

    init(reading reader: inout SettingReader) {
        let mode = reader.read(ServerSettings.authType)
        let isAcknowledged = reader.read(ServerSettings.demoAck)
        let time = reader.read(ServerSettings.demoAckTime)
        isResidueFatal = reader.read(ServerSettings.demoResidueStrict)
        isActive = mode == .none
        acknowledgedUntil = isAcknowledged ? Self.end(of: time, &reader) : nil
        if mode == .none, !isAcknowledged {
            reader.reject(
                ServerSettings.authType,
                because:
                    "none lets every caller administer this server. For a demonstration set CERTCTL_DEMO_MODE_ACK=true "
                    + "and CERTCTL_DEMO_MODE_ACK_TS=$(date +%s); otherwise use api-key"
            )
        }
    }

    private static func end(of seconds: Int?, _ reader: inout SettingReader) -> Timestamp? {
        let remedy = "set it to the output of: date +%s"
        guard let seconds else {
            if !reader.isRejected(ServerSettings.demoAckTime) {
                reader.reject(
                    ServerSettings.demoAckTime, because: "must be set together with CERTCTL_DEMO_MODE_ACK; \(remedy)")
            }
            return nil
        }
        guard (0...253_402_300_799).contains(seconds) else {
            reader.reject(ServerSettings.demoAckTime, because: "is no time; \(remedy)")
            return nil
        }
        let given = Timestamp(secondsSinceEpoch: Int64(seconds))
        guard given <= reader.host.now + tolerance else {
            reader.reject(ServerSettings.demoAckTime, because: "lies in the future; \(remedy)")
            return nil
        }
        guard reader.host.now - given <= lifetime else {
            reader.reject(
                ServerSettings.demoAckTime,
                because: "is older than 24 hours, so the acknowledgement has ended; \(remedy)")
            return nil
        }
        return given + lifetime
    }
}

extension ServerConfiguration {
    /// Refuses root where the operator says so.
    static func checkUser(_ reader: inout SettingReader) -> Bool {
        let isRoot = reader.host.effectiveUserID == 0
        if reader.read(ServerSettings.allowRoot) == false, isRoot {
            reader.reject(
                ServerSettings.allowRoot, because: "false forbids to run as root; start the server as another user",
                kind: .permission)
        }
        return isRoot
    }

    /// The protections that these settings loosen.
    package var risks: RiskRegister {
        var flags: Set<RiskFlag> = []
        func raise(_ flag: RiskFlag, when isLoosened: Bool) { if isLoosened { flags.insert(flag) } }
        raise(.demoMode, when: demo.isActive)
        raise(.demoAcknowledged, when: demo.acknowledgedUntil != nil)
        raise(.runningAsRoot, when: runsAsRoot)
        raise(.insecureDatabase, when: database.isUnverified)
        raise(.legacyKeys, when: access.hasLegacyKeys)
        raise(.sharedAgentKeys, when: access.sharedAgentKeys == .allow)
        raise(.staticAgentToken, when: secrets.agentBootstrapToken != nil)
        raise(.auditorOverlap, when: access.allowsAuditorOverlap)
        raise(.approvalBypass, when: access.bypassesApprovals)
        raise(.rateLimitsOff, when: !rateLimit.isEnabled)
        raise(.limitsPerReplica, when: rateLimit.backend == .memory && database.isShared)
        raise(.egressOpened, when: egress.isOpened)
        raise(.openTrust, when: acme.isEnabled && acme.allowsOpenTrust)
        raise(.validationPorts, when: acme.isEnabled && acme.validation.hasOtherPorts)
        raise(.plainSyslog, when: audit.syslog.map { !$0.location.isEncrypted } ?? false)
        return RiskRegister(flags)
    }
}
