import APIContract
import Access
import ControlAPI
import Domain
import HTTPServing
import Lifecycle
import Logging
import Query
import Sealing
import Settings
import Store
import Telemetry

/// Wires sessions, local accounts and people together.
struct SignInAssembly: Sendable {
    let services: SignInServices
    let cookies: SessionCookies
    let switchedOff: Set<RouteFeature>
    private let loopsOf: @Sendable (Leadership) -> [Loop]

    init(
        _ context: AccessContext, database: any Database, sealer: Sealer, live: LiveConfiguration,
        metrics: MetricsRegistry, limiter: AttemptLimiter, time: TimeSource, random: RandomSource, log: Logger
    ) {
        let configuration = live.read { $0.signIn }
        let policy = Self.policy(configuration)
        let keyring = SessionKeyring(database: database, sealer: sealer, time: time)
        let sessions = SessionFlow(context, keyring: keyring, policy: policy, limiter: limiter)
        let keys = SessionKeyFlow(database: database, keyring: keyring, policy: policy, random: random)
        let hasher = PasswordHasher(random: random, time: time)
        let attempts = metrics.counter(
            "certctl_breakglass_logins_total", "Attempts to sign in to local accounts.", labels: ["outcome"])
        cookies = SessionCookies(sameSite: configuration.sameSite == .strict ? .strict : .lax)
        switchedOff = configuration.isBreakglassEnabled ? [] : [.breakglass]
        services = SignInServices(
            sessions: sessions,
            recogniser: SessionAuthenticator(context, keyring: keyring, policy: policy),
            keys: keys,
            breakglass: BreakglassFlow(
                context, sessions: sessions, keyring: keyring, hasher: hasher, sealer: sealer, sessionPolicy: policy,
                policy: { live.read { Self.breakglass($0.signIn) } }, limiter: limiter,
                observe: { outcome in
                    attempts.with(outcome.rawValue).add()
                    let field = LogField("outcome", outcome.rawValue)
                    if outcome == .success {
                        log.warn("somebody signed in to a local account", field)
                    } else {
                        log.info("sign-in to a local account refused", field)
                    }
                }
            ),
            localUsers: LocalUserFlow(context, hasher: hasher, sealer: sealer), users: UserFlow(context),
            cookies: cookies, time: time, runtimeConfig: { live.read(Self.runtimeConfig) }
        )
        let retention = UserRetention(
            context, window: configuration.retentionWindow, batch: configuration.retentionBatch)
        loopsOf = { leadership in
            [
                Loop(
                    name: .sessionGC, interval: live.read { $0.signIn.gcInterval }, budget: .minutes(5),
                    placement: .leader,
                    tick: { _ in
                        let fence = try leadership.fence()
                        return LoopOutcome(rows: try await sessions.collect { try fence.check(in: $0) })
                    }
                ),
                Loop(
                    name: .sessionKeys, interval: Self.upkeepInterval(policy),
                    budget: .minutes(1), placement: .leader,
                    tick: { _ in
                        let fence = try leadership.fence()
                        return LoopOutcome(rows: try await keys.upkeep { try fence.check(in: $0) })
                    }
                ),
                Loop(
                    name: .userRetention, interval: configuration.retentionInterval, budget: .minutes(5),
                    placement: .leader,
                    tick: { _ in
                        let fence = try leadership.fence()
                        return LoopOutcome(rows: try await retention.run { try fence.check(in: $0) })
                    }
                ),
            ]
        }
    }

    func loops(_ leadership: Leadership) -> [Loop] { loopsOf(leadership) }

    /// Often enough for the age at which a key is replaced.
    private static func upkeepInterval(_ policy: SessionPolicy) -> Duration {
        policy.keyRotation == .zero ? .hours(1) : min(.hours(1), max(.seconds(1), policy.keyRotation / 4))
    }

    private static func policy(_ configuration: SignInConfiguration) -> SessionPolicy {
        var policy = SessionPolicy()
        policy.idleTimeout = configuration.idleTimeout
        policy.absoluteTimeout = configuration.absoluteTimeout
        policy.keyRetention = configuration.keyRetention
        policy.keyRotation = configuration.keyRotation
        policy.maxPerUser = configuration.maxPerUser
        policy.bindsAddress = configuration.bindsAddress
        policy.bindsUserAgent = configuration.bindsUserAgent
        return policy
    }

    private static func breakglass(_ configuration: SignInConfiguration) -> BreakglassPolicy {
        var policy = BreakglassPolicy()
        policy.lockoutThreshold = configuration.lockoutThreshold
        policy.lockoutDuration = configuration.lockoutDuration
        policy.resetInterval = configuration.lockoutResetInterval
        policy.allowedNetworks = configuration.breakglassNetworks
        return policy
    }

    /// By the names that earlier clients know, as far as there is such a setting.
    private static func runtimeConfig(_ configuration: ServerConfiguration) -> [String: String] {
        let signIn = configuration.signIn
        return [
            "CERTCTL_AUTH_TYPE": configuration.demo.isActive ? "none" : "api-key",
            "CERTCTL_SESSION_SAMESITE": signIn.sameSite.rawValue,
            "CERTCTL_SESSION_IDLE_TIMEOUT": DurationText.text(signIn.idleTimeout),
            "CERTCTL_SESSION_ABSOLUTE_TIMEOUT": DurationText.text(signIn.absoluteTimeout),
            "CERTCTL_BREAKGLASS_ENABLED": String(signIn.isBreakglassEnabled),
            "CERTCTL_BREAKGLASS_LOCKOUT_THRESHOLD": String(signIn.lockoutThreshold),
            "CERTCTL_TRUSTED_PROXIES_COUNT": String(configuration.listener.trustedProxies.count),
            "CERTCTL_BOOTSTRAP_TOKEN_SET": String(configuration.secrets.bootstrapToken != nil),
            "CERTCTL_RISK_FLAGS": configuration.risks.flags.map(\.rawValue).joined(separator: ","),
        ]
    }
}
