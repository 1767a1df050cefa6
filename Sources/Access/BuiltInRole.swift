package import Domain

/// The seven roles that every installation has; they can be neither edited nor deleted (specification, security §3.2).
package enum BuiltInRole: String, Sendable, CaseIterable {
    case admin = "r-admin"
    case `operator` = "r-operator"
    case viewer = "r-viewer"
    case agent = "r-agent"
    case mcp = "r-mcp"
    case cli = "r-cli"
    case auditor = "r-auditor"

    /// The name that lists show; the raw value is the role's id.
    package var name: String { String(rawValue.dropFirst(2)) }

    /// What the role may do, everywhere.
    package var permissions: Set<Permission> {
        switch self {
        case .admin: Set(Permission.allCases).subtracting(Self.withoutEffect)
        case .operator: Self.operatorPermissions
        case .viewer: Self.viewerPermissions
        case .agent: Self.agentPermissions
        case .mcp: Self.mcpPermissions
        case .cli: Self.cliPermissions
        case .auditor: [.auditRead, .auditExport, .authUserRead, .auditVerify]
        }
    }

    /// Names that older clients may still grant; they open nothing.
    package static let withoutEffect: Set<Permission> = [.authBootstrapUse, .agentJobReport]

    /// What of some entitlements opens anything.
    package static func effective(_ entitlements: some Sequence<Entitlement>) -> [Entitlement] {
        entitlements.filter { !withoutEffect.contains($0.permission) }
    }

    private static let operatorPermissions: Set<Permission> = [
        .certRead, .certIssue, .certRevoke, .certDelete, .certEdit, .profileRead, .profileEdit, .issuerRead,
        .issuerEdit, .targetRead, .targetEdit, .targetDelete, .agentRead, .agentEdit, .jobRead, .jobCancel,
        .approvalRead, .approvalApprove, .approvalReject, .policyRead, .policyEdit, .policyDelete, .teamRead,
        .teamEdit, .teamDelete, .ownerRead, .ownerEdit, .ownerDelete, .notificationRead, .notificationEdit,
        .discoveryRead, .discoveryRun, .discoveryClaim, .networkScanRead, .networkScanEdit, .networkScanRun,
        .healthcheckRead, .healthcheckEdit, .healthcheckDelete, .healthcheckAcknowledge, .digestRead, .digestSend,
        .verificationRead, .verificationRun, .statsRead, .metricsRead, .auditRead, .authUserRead, .jobRetry,
    ]

    private static let viewerPermissions: Set<Permission> = [
        .certRead, .profileRead, .issuerRead, .targetRead, .agentRead, .jobRead, .approvalRead, .policyRead,
        .teamRead, .ownerRead, .notificationRead, .discoveryRead, .networkScanRead, .healthcheckRead, .digestRead,
        .verificationRead, .statsRead, .metricsRead, .auditRead,
    ]

    private static let agentPermissions: Set<Permission> = [
        .certRead, .agentHeartbeat, .agentJobPoll, .agentJobComplete, .discoveryRun, .verificationRun,
    ]

    private static let mcpPermissions: Set<Permission> = [
        .certRead, .certIssue, .certRevoke, .certEdit, .profileRead, .profileEdit, .issuerRead, .issuerEdit,
        .targetRead, .targetEdit, .agentRead, .jobRead, .jobCancel, .approvalRead, .approvalReject, .policyRead,
        .teamRead, .ownerRead, .notificationRead, .notificationEdit, .discoveryRead, .discoveryClaim,
        .networkScanRead, .networkScanRun, .healthcheckRead, .healthcheckAcknowledge, .digestRead,
        .verificationRead, .verificationRun, .statsRead, .metricsRead, .auditRead,
    ]

    private static let cliPermissions: Set<Permission> = [
        .certRead, .certIssue, .certRevoke, .certDelete, .certEdit, .profileRead, .profileEdit, .issuerRead,
        .issuerEdit, .targetRead, .targetEdit, .targetDelete, .agentRead, .agentEdit, .jobRead, .jobCancel,
        .approvalRead, .approvalApprove, .approvalReject, .policyRead, .policyEdit, .policyDelete, .teamRead,
        .teamEdit, .ownerRead, .ownerEdit, .notificationRead, .notificationEdit, .discoveryRead, .discoveryRun,
        .discoveryClaim, .networkScanRead, .networkScanEdit, .networkScanRun, .healthcheckRead, .healthcheckEdit,
        .healthcheckAcknowledge, .digestRead, .digestSend, .verificationRead, .verificationRun, .statsRead,
        .metricsRead, .auditRead, .authKeyList, .authKeyCreate, .authKeyRotate, .jobRetry,
    ]
}
