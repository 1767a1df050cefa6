import APIContract
import Access
import ControlAPI
import Domain
import HTTPServing
import Lifecycle
import Logging
import Sealing
import Settings
import Store
import Telemetry

/// Wires the ACME server together: its routes and its loops.
struct ACMEAssembly: Sendable {
    let handlers: ACMEHandlers
    /// The routes that do not exist here.
    let switchedOff: Set<RouteFeature>
    private let isEnabled: Bool
    private let context: LifecycleContext
    /// Asks CAs for the orders of clients.
    let desk: ACMEIssuanceDesk
    /// Looks at orders again before approved requests are issued for.
    let gate: ACMEIssuanceGate
    private let plan: @Sendable () -> ACMEPlan
    private let gcInterval: @Sendable () -> Duration
    private let metrics: ACMEMetrics
    private let accounts: ACMEAccountFlow
    let perspectives: ACMEPerspectiveFlow
    /// `nil` while the ACME server is off.
    let validation: ACMEValidationPool?

    init(
        _ context: LifecycleContext, issue: IssueFlow, registry: IssuerRegistry, revoke: RevokeFlow, sealer: Sealer,
        live: LiveConfiguration, limiter: AttemptLimiter, instance: String,
        resolverFile: @escaping @Sendable () -> String?,
        metrics registryOfMetrics: MetricsRegistry, log: Logger
    ) {
        isEnabled = live.read { $0.acme.isEnabled }
        switchedOff = isEnabled ? [] : [.acme]
        self.context = context
        let publicURL: @Sendable () -> String? = {
            live.read { $0.listener.isPublicURLGiven ? $0.listener.publicURL.text : nil }
        }
        let plan: @Sendable () -> ACMEPlan = {
            var plan = live.read { Self.plan($0.acme) }
            plan.publicURL = publicURL()
            return plan
        }
        self.plan = plan
        gcInterval = { live.read { $0.acme.gcInterval } }
        let checkCAA = ACMEValidation.caaCheck(
            live: live, random: context.random, resolverFile: resolverFile, log: log)
        let metrics = ACMEMetrics(registryOfMetrics)
        self.metrics = metrics
        let perspectives = ACMEPerspectiveFlow(context, plan: plan)
        self.perspectives = perspectives
        let gate = ACMEIssuanceGate(
            context, plan: plan, checkCAA: checkCAA, perspectives: perspectives,
            observeVotes: { metrics.voted($0) })
        self.gate = gate
        desk = ACMEIssuanceDesk(
            ACMESettlement(context, issue: issue, gate: gate), time: context.time, log: log)
        let accounts = ACMEAccountFlow(context, sealer: sealer, plan: plan)
        self.accounts = accounts
        handlers = ACMEHandlers(
            ACMEServices(
                plan: plan,
                publicURL: publicURL,
                isTrustedProxy: { address in
                    live.read { Self.proxies($0.listener) }.isTrusted(address)
                },
                accounts: accounts,
                orders: ACMEOrderFlow(context, plan: plan), challenges: ACMEChallengeFlow(context),
                finalize: ACMEFinalizeFlow(
                    context, registry: registry, desk: desk, plan: plan, checkCAA: checkCAA,
                    perspectives: perspectives, observeVotes: { metrics.voted($0) }),
                revocation: ACMERevocation(context, revoke: revoke), renewal: ACMERenewalFlow(context),
                nonces: ACMENonces(
                    database: context.database, sealer: sealer, time: context.time, random: context.random,
                    lifetime: { plan().nonceTTL }),
                limiter: limiter, time: context.time, count: { metrics.count($0) },
                observe: { metrics.answered($0, $1) }),
            sealer: sealer)
        validation =
            isEnabled
            ? ACMEValidationPool(
                context, instance: instance, plan: plan,
                validate: ACMEValidation.validator(
                    live: live, random: context.random, time: context.time, resolverFile: resolverFile, log: log),
                checkCAA: checkCAA, perspectives: perspectives, observeVotes: { metrics.voted($0) },
                observe: { metrics.validated($0, $1, $2) }, log: log)
            : nil
    }

    /// The directories that clients find; none while the ACME server is off.
    func directories() async throws -> [ACMEDirectoryPath] {
        guard isEnabled else { return [] }
        let served = try await accounts.served().map { id in
            ACMEDirectoryPath(profile: id.text, path: "/acme/profile/\(id.text)/directory")
        }
        guard let fallback = plan().defaultProfile else { return served }
        return served + [ACMEDirectoryPath(profile: fallback.text, path: "/acme/directory")]
    }

    func loops(_ leadership: Leadership) -> [Loop] {
        guard isEnabled else { return [] }
        return ACMELoops(
            context, leadership: leadership, desk: desk, plan: plan, gcInterval: gcInterval,
            swept: { metrics.swept($0) }
        ).loops
    }

    private static func proxies(_ configuration: ListenerConfiguration) -> TrustedProxies {
        TrustedProxies(ranges: configuration.trustedProxies.compactMap { AddressRange($0) })
    }

    private static func plan(_ configuration: ACMEConfiguration) -> ACMEPlan {
        var plan = ACMEPlan()
        plan.isEnabled = configuration.isEnabled
        plan.defaultProfile = configuration.defaultProfile.flatMap { try? ProfileID($0) }
        plan.defaultMode = configuration.defaultMode
        plan.nonceTTL = configuration.nonceTTL
        plan.orderTTL = configuration.orderTTL
        plan.retention = configuration.retention
        plan.authorizationTTL = configuration.authorizationTTL
        plan.accountsPerHour = configuration.accountsPerHour
        plan.ordersPerHour = configuration.ordersPerHour
        plan.concurrentOrders = configuration.concurrentOrders
        plan.keyChangesPerHour = configuration.keyChangesPerHour
        plan.termsURL = configuration.termsURL
        plan.website = configuration.website
        plan.caaIdentities = configuration.caaIdentities
        plan.offersRenewalInfo = configuration.renewalInfo.isOffered
        plan.renewalInfoInterval = configuration.renewalInfo.interval
        plan.caaMode = configuration.validation.caaMode
        plan.authorizationReuse = configuration.validation.authorizationReuse
        plan.failuresPerHour = configuration.validation.failuresPerHour
        plan.nameFailuresPerHour = configuration.validation.nameFailuresPerHour
        plan.requiresBinding = configuration.requiresBinding
        plan.allowsOpenTrust = configuration.allowsOpenTrust
        plan.answersPerHour = configuration.validation.answersPerHour
        plan.validationTimeout = configuration.validation.timeout
        // Switched off, the server asks nobody.
        plan.perspectives = configuration.isEnabled ? configuration.perspectives.perspectives : []
        plan.perspectiveQuorum = configuration.perspectives.quorum
        plan.validations = [
            .http01: configuration.validation.http01Concurrency, .dns01: configuration.validation.dns01Concurrency,
            .tlsALPN01: configuration.validation.tlsALPN01Concurrency,
            .dnsAccount01: configuration.validation.dns01Concurrency,
            .dnsPersist01: configuration.validation.dns01Concurrency,
        ]
        return plan
    }
}
