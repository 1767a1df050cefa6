/// Why a connection is opened. Every outgoing connection states one (specification, security §13).
package enum EgressPurpose: String, Sendable, CaseIterable {
    /// Agent and command line to the control plane.
    case controlPlane = "control_plane"
    /// Looking at what a deployment target serves.
    case target
    /// Telling a receiver of security events about the audit log.
    case audit

    /// The control plane speaks nothing older; an observed endpoint may.
    var requiresTLS13: Bool {
        switch self {
        case .controlPlane: true
        case .target, .audit: false
        }
    }
}
