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
    private let settlement: ACMESettlement
    private let plan: @Sendable () -> ACMEPlan
    private let gcInterval: @Sendable () -> Duration
    private let metrics: ACMEMetrics

    init(
        _ context: LifecycleContext, issue: IssueFlow, registry: IssuerRegistry, revoke: RevokeFlow, sealer: Sealer,
        live: LiveConfiguration, limiter: AttemptLimiter, metrics registryOfMetrics: MetricsRegistry
    ) {
        isEnabled = live.read { $0.acme.isEnabled }
        switchedOff = isEnabled ? [] : [.acme]
        self.context = context
        let plan: @Sendable () -> ACMEPlan = { live.read { Self.plan($0.acme) } }
        self.plan = plan
        gcInterval = { live.read { $0.acme.gcInterval } }
        settlement = ACMESettlement(context, issue: issue)
        let metrics = ACMEMetrics(registryOfMetrics)
        self.metrics = metrics
        handlers = ACMEHandlers(
            ACMEServices(
                plan: plan,
                publicURL: { live.read { $0.listener.isPublicURLGiven ? $0.listener.publicURL.text : nil } },
                isTrustedProxy: { address in
                    live.read { Self.proxies($0.listener) }.isTrusted(address)
                },
                accounts: ACMEAccountFlow(context, sealer: sealer, plan: plan),
                orders: ACMEOrderFlow(context, plan: plan),
                finalize: ACMEFinalizeFlow(context, registry: registry, settlement: settlement),
                revocation: ACMERevocation(context, revoke: revoke),
                nonces: ACMENonces(
                    database: context.database, sealer: sealer, time: context.time, random: context.random,
                    lifetime: { plan().nonceTTL }),
                limiter: limiter, time: context.time, count: { metrics.count($0) }),
            sealer: sealer)
    }

    func loops(_ leadership: Leadership) -> [Loop] {
        guard isEnabled else { return [] }
        return ACMELoops(
            context, leadership: leadership, settlement: settlement, plan: plan, gcInterval: gcInterval,
            swept: { metrics.swept($0) }
        ).loops
    }

    private static func proxies(_ configuration: ListenerConfiguration) -> TrustedProxies {
        TrustedProxies(ranges: configuration.trustedProxies.compactMap { AddressRange($0) })
    }

    private static func plan(_ configuration: ACMEConfiguration) -> ACMEPlan {
        var plan = ACMEPlan()
        plan.defaultProfile = configuration.defaultProfile.flatMap { try? ProfileID($0) }
        plan.nonceTTL = configuration.nonceTTL
        plan.orderTTL = configuration.orderTTL
        plan.authorizationTTL = configuration.authorizationTTL
        plan.ordersPerHour = configuration.ordersPerHour
        plan.concurrentOrders = configuration.concurrentOrders
        plan.keyChangesPerHour = configuration.keyChangesPerHour
        plan.termsURL = configuration.termsURL
        plan.website = configuration.website
        plan.caaIdentities = configuration.caaIdentities
        plan.requiresBinding = configuration.requiresBinding
        plan.allowsOpenTrust = configuration.allowsOpenTrust
        return plan
    }
}

/// The metrics of the ACME server (protocol-servers §2.16).
struct ACMEMetrics: Sendable {
    private let events: [ACMEEvent: Counter]
    private let nonces: Counter
    private let authorizations: Counter
    private let orders: Counter
    private let runs: Counter
    private let failures: Counter

    init(_ registry: MetricsRegistry) {
        events = Dictionary(
            uniqueKeysWithValues: ACMEEvent.allCases.map { event in
                (event, registry.counter("certctl_acme_\(event.rawValue)_total", Self.help(event)).with())
            })
        nonces = registry.counter("certctl_acme_gc_nonces_reaped_total", "Used nonces that were forgotten.").with()
        authorizations = registry.counter(
            "certctl_acme_gc_authzs_expired_total", "Authorizations that ran out of time."
        ).with()
        orders = registry.counter("certctl_acme_gc_orders_invalidated_total", "Orders that ran out of time.").with()
        runs = registry.counter("certctl_acme_gc_runs_total", "Runs of the sweeper.").with()
        failures = registry.counter("certctl_acme_gc_run_failures_total", "Sweeps that failed.").with()
    }

    private static func help(_ event: ACMEEvent) -> String {
        let words = event.rawValue.split(separator: "_").joined(separator: " ")
        return "ACME requests, by what became of them: \(words)."
    }

    func count(_ event: ACMEEvent) { events[event]?.add() }

    func swept(_ sweep: ACMESweep) {
        nonces.add(sweep.nonces)
        authorizations.add(sweep.authorizations)
        orders.add(sweep.orders)
        runs.add()
        failures.add(sweep.failures)
    }
}
