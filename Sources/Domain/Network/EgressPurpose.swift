/// Why a connection is opened. Every outgoing connection states one (specification, security §13).
package enum EgressPurpose: String, Sendable, CaseIterable {
    /// Agent and command line to the control plane that the operator of their host names.
    case controlPlane = "control_plane"
    /// An agent looks at what a deployment target serves, most often on its own host.
    case target
    /// The control plane tells a receiver of security events about the audit log.
    case audit
    /// The control plane looks whether a client of the ACME server controls a name (RFC 8555 §8).
    case acmeValidation = "acme_validation"
    /// The control plane asks a name server that the operator of its host named.
    case resolver

    /// Where connections may go without an entry in an allow-list.
    ///
    /// What agents and the command line talk to is named on their own host, and lies there or beside it; the control
    /// plane holds power over others and stays away from its own host.
    var open: Set<AddressReach> {
        switch self {
        case .controlPlane, .target: [.global, .private, .local]
        case .audit, .acmeValidation: [.global, .private]
        case .resolver: [.global, .private, .local, .reserved]
        }
    }

    /// The setting that opens more; `nil` where the configuration of the host already is that decision.
    var allowListSetting: String? {
        switch self {
        case .controlPlane, .target, .resolver: nil
        case .audit: "CERTCTL_EGRESS_ALLOW_AUDIT"
        case .acmeValidation: "CERTCTL_EGRESS_ALLOW_ACME_VALIDATION"
        }
    }
}
