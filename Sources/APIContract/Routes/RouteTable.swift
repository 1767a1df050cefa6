/// Every operation of the server. A path that is not here does not exist.
package enum RouteTable {
    package static let all: [Route] =
        ServerRoutes.all + AuthRoutes.all + SignInRoutes.all + RoleRoutes.all + CertificateRoutes.all
        + ExportRoutes.all + ImportRoutes.all + RevocationRoutes.all + OperationRoutes.all + IssuerRoutes.all
        + IntermediateRoutes.all + SuccessionRoutes.all + CeremonyRoutes.all
        + TargetRoutes.all + AgentRoutes.all + JobRoutes.all + ApprovalRoutes.all + ProfileRoutes.all
        + RenewalPolicyRoutes.all + TeamRoutes.all + OwnerRoutes.all + AuditRoutes.all + CryptoRoutes.all
        + PKIRoutes.all + ACMERoutes.all + ACMEAdminRoutes.all
}
