package import APIContract
package import Access
package import Domain
package import HTTPServing
import HTTPTypes
package import Lifecycle
import Query
package import Sealing
import Store
package import Telemetry

/// Everything that the handlers of `/api/v1` work with.
package struct ControlPlaneServices: Sendable {
    package var context: LifecycleContext
    package var sealer: Sealer
    package var rekey: RekeyFlow
    /// Where the encryption key comes from.
    package var keyProvider: String
    package var audit: AuditLoops
    package var registry: IssuerRegistry
    package var revocationLists: RevocationListShelf
    package var issue: IssueFlow
    package var hierarchy: HierarchyFlow
    package var targetRules: TargetTypeRules
    package var authenticator: Authenticator
    package var access: AccessContext
    package var signIn: SignInServices
    package var approvals: ApprovalFlow
    /// `nil`: keys may live for ever.
    package var longestKeyLifetime: Duration?
    /// `nil` until start-up knows whether an administrator exists.
    package var bootstrap: @Sendable () -> BootstrapFlow?
    package var enrollment: EnrollmentFlow
    package var state: ServingState
    package var metrics: MetricsRegistry
    package var startedAt: Timestamp
    package var version: @Sendable () async -> VersionBody
    package var controlPlaneCA: @Sendable () -> String?
    /// What the answer to each heartbeat asks of agents.
    package var agentConfig: @Sendable () -> AgentRuntimeConfig
    package var onBootstrap: @Sendable () async -> Void
    /// Every caller is an administrator.
    package var isDemo = false
    package var relyingParties: PKIHandlers
    package var acme: ACMEHandlers
    package var perspectives: ACMEPerspectiveFlow
    /// What self-tests found wrong with protocols, by the name of the check.
    package var protocolFindings: @Sendable () -> [String: String] = { [:] }
    /// Told of every certificate that is revoked or released, in the same transaction.
    package var revocationObservers: [RevocationObserver] = []
    /// When a bulk revocation needs a second person.
    package var bulkRevocationRule: @Sendable () -> SecondPersonRule = { .always }

    package init(
        context: LifecycleContext,
        sealer: Sealer,
        rekey: RekeyFlow,
        keyProvider: String,
        audit: AuditLoops,
        registry: IssuerRegistry,
        revocationLists: RevocationListShelf,
        issue: IssueFlow,
        hierarchy: HierarchyFlow,
        targetRules: TargetTypeRules,
        authenticator: Authenticator,
        access: AccessContext,
        signIn: SignInServices,
        approvals: ApprovalFlow,
        relyingParties: PKIHandlers,
        acme: ACMEHandlers,
        perspectives: ACMEPerspectiveFlow,
        longestKeyLifetime: Duration?,
        bootstrap: @escaping @Sendable () -> BootstrapFlow?,
        enrollment: EnrollmentFlow,
        state: ServingState,
        metrics: MetricsRegistry,
        startedAt: Timestamp,
        version: @escaping @Sendable () async -> VersionBody,
        controlPlaneCA: @escaping @Sendable () -> String?,
        agentConfig: @escaping @Sendable () -> AgentRuntimeConfig,
        onBootstrap: @escaping @Sendable () async -> Void
    ) {
        self.context = context
        self.sealer = sealer
        self.rekey = rekey
        self.keyProvider = keyProvider
        self.audit = audit
        self.registry = registry
        self.revocationLists = revocationLists
        self.issue = issue
        self.hierarchy = hierarchy
        self.targetRules = targetRules
        self.authenticator = authenticator
        self.access = access
        self.signIn = signIn
        self.approvals = approvals
        self.relyingParties = relyingParties
        self.acme = acme
        self.perspectives = perspectives
        self.longestKeyLifetime = longestKeyLifetime
        self.bootstrap = bootstrap
        self.enrollment = enrollment
        self.state = state
        self.metrics = metrics
        self.startedAt = startedAt
        self.version = version
        self.controlPlaneCA = controlPlaneCA
        self.agentConfig = agentConfig
        self.onBootstrap = onBootstrap
    }
}

/// The handlers of every route.
package enum ControlPlaneAPI {
    package static func handlers(_ services: ControlPlaneServices) -> HandlerTable {
        var table = HandlerTable()
        registerServer(services, in: &table)
        registerIdentity(services, in: &table)
        registerInventory(services, in: &table)
        registerCertificates(services, in: &table)
        registerAgents(services, in: &table)
        registerRelyingParties(services, in: &table)
        registerACME(services, in: &table)
        return table
    }

    /// The handlers of ``PKIRoutes`` alone, for the listener in the clear.
    package static func relyingPartyHandlers(_ services: ControlPlaneServices) -> HandlerTable {
        var table = HandlerTable()
        registerRelyingParties(services, in: &table)
        return table
    }

    private static func registerRelyingParties(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        services.relyingParties.register(in: &table)
        RevocationListHandlers(
            database: services.context.database, shelf: services.revocationLists, time: services.context.time
        ).register(in: &table)
    }

    private static func registerACME(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        services.acme.register(in: &table)
        ACMEAdminHandlers(
            lists: lists(services), keys: EABFlow(services.context, sealer: services.sealer),
            accounts: services.acme.services.accounts, renewal: services.acme.services.renewal
        ).register(in: &table)
    }

    private static func registerServer(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        let context = services.context
        ServerHandlers(
            database: context.database, state: services.state, registry: services.metrics, time: context.time,
            startedAt: services.startedAt, agentOfflineAfter: { context.timing.agentOfflineAfter },
            version: services.version,
            complaints: { [acme = services.acme, findings = services.protocolFindings] in
                await acme.complaints().merging(findings()) { "\($1); \($0)" }
            },
            controlPlaneCA: services.controlPlaneCA
        ).register(in: &table)
        EventHandlers(
            database: context.database, authenticator: services.authenticator,
            sessions: services.signIn.recogniser, state: services.state, time: context.time
        ).register(in: &table)
        CryptoHandlers(
            rekey: services.rekey, provider: services.keyProvider, time: context.time
        ).register(in: &table)
        CryptoInventoryHandlers(context: context, controlPlaneCA: services.controlPlaneCA).register(in: &table)
        AuditHandlers(lists: lists(services)).register(in: &table)
        AuditLogHandlers(
            database: context.database, export: AuditExport(context),
            bundle: AuditBundle(context, sealer: services.sealer), verifier: services.audit.verifier,
            retention: services.audit.retention,
            keeper: CheckpointKeeper(sealer: services.sealer, random: context.random),
            custody: AuditCustody(context)
        ).register(in: &table)
    }

    private static func registerIdentity(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        let database = services.context.database
        IdentityHandlers(
            database: database, bootstrap: services.bootstrap, isDemo: services.isDemo,
            onBootstrap: services.onBootstrap
        ).register(in: &table)
        SessionHandlers(signIn: services.signIn).register(in: &table)
        UserHandlers(signIn: services.signIn).register(in: &table)
        KeyHandlers(
            database: database,
            keys: APIKeyFlow(
                services.access, sealer: services.sealer, longestLifetime: services.longestKeyLifetime)
        ).register(in: &table)
        RoleHandlers(
            database: database, roles: RoleFlow(services.access), grants: GrantFlow(services.access)
        ).register(in: &table)
    }

    private static func registerInventory(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        let (context, lists) = (services.context, lists(services))
        TeamHandlers(lists: lists, flow: TeamFlow(context)).register(in: &table)
        OwnerHandlers(lists: lists, flow: OwnerFlow(context)).register(in: &table)
        RenewalPolicyHandlers(lists: lists, flow: PolicyFlow(context)).register(in: &table)
        ProfileHandlers(
            lists: lists, flow: ProfileFlow(context),
            defaultMode: { [plan = services.acme.services.plan] in plan().defaultMode }
        ).register(in: &table)
        ProfileTrialHandlers(trial: ProfileTrial(context)).register(in: &table)
        IssuerHandlers(
            lists: lists, flow: IssuerFlow(context, sealer: services.sealer, registry: services.registry),
            registry: services.registry
        ).register(in: &table)
        IntermediateHandlers(lists: lists, flow: services.hierarchy).register(in: &table)
        SuccessionHandlers(flow: services.hierarchy).register(in: &table)
        CeremonyHandlers(flow: services.hierarchy).register(in: &table)
        TargetHandlers(
            lists: lists, flow: TargetFlow(context, sealer: services.sealer, rules: services.targetRules),
            tests: TargetTestFlow(context)
        ).register(in: &table)
    }

    private static func registerCertificates(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        let (context, lists) = (services.context, lists(services))
        CertificateHandlers(lists: lists, time: context.time, flow: CertificateFlow(context)).register(in: &table)
        CertificateActionHandlers(
            lists: lists, renewal: RenewFlow(context), deployment: DeployFlow(context), issuance: services.issue
        ).register(in: &table)
        ExportHandlers(exports: CertificateExportFlow(context), time: context.time, random: context.random)
            .register(in: &table)
        ImportHandlers(flow: CertificateImportFlow(context)).register(in: &table)
        RevocationHandlers(
            lists: lists, flow: RevokeFlow(context, observers: services.revocationObservers),
            upstream: UpstreamRevocations(context, registry: services.registry)
        ).register(in: &table)
        let bulk = BulkRevokeFlow(
            context, observers: services.revocationObservers, rule: services.bulkRevocationRule)
        BulkRevocationHandlers(context: context, flow: bulk).register(in: &table)
        OperationHandlers(lists: lists, context: context, flow: bulk).register(in: &table)
        JobHandlers(
            lists: lists, time: context.time, flow: JobFlow(context), verification: VerificationFlow(context)
        ).register(in: &table)
        ApprovalHandlers(lists: lists, flow: services.approvals).register(in: &table)
    }

    private static func registerAgents(_ services: ControlPlaneServices, in table: inout HandlerTable) {
        let (context, lists) = (services.context, lists(services))
        AgentHandlers(
            lists: lists, store: AgentStore(offlineAfter: context.timing.agentOfflineAfter),
            enrollment: services.enrollment, retirement: RetireFlow(context),
            rotation: AgentKeyFlow(
                database: context.database, authenticator: services.authenticator, random: context.random
            ),
            authenticator: services.authenticator, perspectives: services.perspectives.perspectives
        ).register(in: &table)
        AgentWorkHandlers(
            lists: lists, heartbeats: HeartbeatFlow(context), queue: WorkFlow(context, sealer: services.sealer),
            issuance: services.issue, reports: ReportFlow(context), config: services.agentConfig
        ).register(in: &table)
        KeyAdoptionHandlers(flow: CertificateImportFlow(context)).register(in: &table)
        PerspectiveHandlers(flow: services.perspectives).register(in: &table)
    }

    private static func lists(_ services: ControlPlaneServices) -> Lists {
        Lists(database: services.context.database, cursors: CursorCodec(sealer: services.sealer))
    }
}
