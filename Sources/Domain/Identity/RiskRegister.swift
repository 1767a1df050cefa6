/// A protection that the operator loosened.
package enum RiskFlag: String, Sendable, CaseIterable {
    case demoMode = "demo_mode"
    case demoAcknowledged = "demo_ack"
    case runningAsRoot = "running_as_root"
    case insecureDatabase = "database_insecure"
    case legacyKeys = "legacy_keys"
    case sharedAgentKeys = "agent_shared_keys"
    case staticAgentToken = "agent_bootstrap_token"
    case auditorOverlap = "auditor_overlap"
    case approvalBypass = "approval_bypass"
    case rateLimitsOff = "rate_limits_off"
    case limitsPerReplica = "rate_limits_per_replica"
    case egressOpened = "egress_opened"
    case plainSyslog = "audit_syslog_plain"
    case openTrust = "acme_open_trust"
    case validationPorts = "acme_validation_ports"

    /// What it means, for a log and for a person.
    package var meaning: String {
        switch self {
        case .demoMode: "every caller administers this server without a credential (CERTCTL_AUTH_TYPE=none)"
        case .demoAcknowledged: "guards are loosened by CERTCTL_DEMO_MODE_ACK"
        case .runningAsRoot: "the server runs as root; a user of its own is enough (CERTCTL_ALLOW_ROOT)"
        case .insecureDatabase: "a remote database is reached unverified (CERTCTL_DATABASE_INSECURE_ACK)"
        case .legacyKeys: "keys without names are accepted (CERTCTL_AUTH_SECRET)"
        case .sharedAgentKeys: "one key acts for any agent (CERTCTL_AGENT_SHARED_KEY_MODE=allow)"
        case .staticAgentToken: "a token without end lets agents in (CERTCTL_AGENT_BOOTSTRAP_TOKEN)"
        case .auditorOverlap: "auditors may change what they audit (CERTCTL_RBAC_ALLOW_AUDITOR_OVERLAP)"
        case .approvalBypass: "requests are approved at once, and nobody is asked (CERTCTL_APPROVAL_BYPASS)"
        case .rateLimitsOff: "requests are not limited (CERTCTL_RATE_LIMIT_ENABLED=false)"
        case .limitsPerReplica: "each replica counts guesses by itself (CERTCTL_RATE_LIMIT_BACKEND=memory)"
        case .egressOpened: "connections may go to networks that are closed otherwise (CERTCTL_EGRESS_ALLOW_…)"
        case .openTrust: "whoever reaches the ACME server gets every name (CERTCTL_ACME_SERVER_ALLOW_OPEN_TRUST)"
        case .validationPorts:
            "names are validated at other ports than 80 and 443 (CERTCTL_ACME_SERVER_HTTP01_PORT, _TLSALPN01_PORT)"
        case .plainSyslog: "audit events leave unencrypted (CERTCTL_AUDIT_SYSLOG_URL=tcp://)"
        }
    }
}

/// The protections that are loosened in a configuration, in the order of ``RiskFlag``.
package struct RiskRegister: Sendable, Hashable {
    package let flags: [RiskFlag]

    package init(_ flags: Set<RiskFlag>) { self.flags = RiskFlag.allCases.filter(flags.contains) }
}
