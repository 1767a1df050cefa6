extension Permission {
    /// Whether the permission lets nothing change: what may stand beside the role of an auditor (specification,
    /// security §3.2).
    package var isReadOnly: Bool {
        switch self {
        case .certRead, .profileRead, .issuerRead, .targetRead, .agentRead, .jobRead, .approvalRead, .policyRead,
            .teamRead, .ownerRead, .notificationRead, .discoveryRead, .networkScanRead, .healthcheckRead, .digestRead,
            .verificationRead, .statsRead, .metricsRead, .auditRead, .auditExport, .auditVerify, .authRoleList,
            .authKeyList, .authSessionList, .authSessionListAll, .authOidcList, .authUserRead, .authRuntimeRead:
            true
        case .certIssue, .certRevoke, .certDelete, .certBulkRevoke, .certEdit, .profileEdit, .profileDelete,
            .issuerEdit, .issuerDelete, .targetEdit, .targetDelete, .agentEdit, .agentRetire, .agentHeartbeat,
            .agentJobPoll, .agentJobComplete, .agentJobReport, .jobCancel, .approvalApprove, .approvalReject,
            .policyEdit, .policyDelete, .teamEdit, .teamDelete, .ownerEdit, .ownerDelete, .notificationEdit,
            .discoveryRun, .discoveryClaim, .networkScanEdit, .networkScanRun, .healthcheckEdit, .healthcheckDelete,
            .healthcheckAcknowledge, .digestSend, .verificationRun, .crlAdmin, .scepAdmin, .estAdmin,
            .caHierarchyManage, .authRoleCreate, .authRoleEdit, .authRoleDelete, .authRoleAssign, .authRoleRevoke,
            .authKeyCreate, .authKeyRotate, .authKeyDelete, .authBootstrapUse, .authSessionRevoke, .authOidcCreate,
            .authOidcEdit, .authOidcDelete, .authBreakglassAdmin, .authBreakglassLogin, .authUserDeactivate,
            .certExportKey, .caKeyUse, .auditCheckpoint, .authUserEdit, .authUserPurge, .authScimUse, .authPolicyEdit,
            .authElevate, .authDemoCleanup, .cryptoRekey, .tenantManage, .jobRetry, .acmeAdmin, .schedulerAdmin:
            false
        }
    }
}
