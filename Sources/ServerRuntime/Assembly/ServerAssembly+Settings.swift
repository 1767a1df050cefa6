import Access
import Domain
import HTTPServing
import Lifecycle
import Query
import Settings
import Telemetry

/// What settings say, in the terms of those who follow them.
extension ServerAssembly {
    /// The counter of attempts that all limiters of the process share.
    static func attempts(
        _ configuration: RateLimitConfiguration, _ database: any Database, _ metrics: MetricsRegistry
    ) -> AttemptLimiter {
        let limited = metrics.counter(
            "certctl_rate_limited_total", "Requests refused by a rate limit.", labels: ["limiter"])
        let backend: any LimitBackend =
            switch configuration.backend {
            case .database: DatabaseLimitBackend(database)
            case .memory: MemoryLimitBackend()
            }
        return AttemptLimiter(backend: backend, observe: { limited.with($0).add() })
    }

    static func intervals(_ configuration: ServerConfiguration) -> LoopIntervals {
        let schedule = configuration.schedule
        var intervals = LoopIntervals()
        intervals.renewalCheck = schedule.renewalCheck
        intervals.jobRetry = schedule.retry
        intervals.jobTimeout = schedule.jobTimeout
        intervals.agentHealth = schedule.agentHealthCheck
        intervals.expiry = schedule.shortLivedExpiryCheck
        intervals.orders = schedule.jobProcessor
        intervals.rateLimitJanitor = configuration.rateLimit.janitorInterval
        return intervals
    }

    static func listPlan(_ configuration: PKIConfiguration) -> RevocationListPlan {
        var plan = RevocationListPlan()
        plan.validity = configuration.crlValidity
        plan.interval = configuration.crlGenerationInterval
        plan.publicURL = configuration.publicURL
        return plan
    }

    static func rateLimits(_ configuration: RateLimitConfiguration) -> RateLimitSettings {
        var settings = RateLimitSettings()
        settings.isEnabled = configuration.isEnabled
        settings.requestsPerSecond = configuration.rate
        settings.burst = configuration.burst
        settings.actorRequestsPerSecond = configuration.userRate
        settings.actorBurst = configuration.userBurst
        settings.bucketTTL = configuration.bucketTTL
        settings.failuresPerMinute = configuration.failuresPerMinute
        settings.exportsPerHour = configuration.exportsPerHour
        return settings
    }

    static func apply(_ configuration: ListenerConfiguration, to rules: ServingRules) {
        rules.cors = CORSPolicy(origins: configuration.corsOrigins)
        rules.proxies = TrustedProxies(ranges: configuration.trustedProxies.compactMap { AddressRange($0) })
        rules.limits = limits(configuration)
    }

    static func limits(_ configuration: ListenerConfiguration) -> ListenerLimits {
        var limits = ListenerLimits()
        limits.headerTimeout = configuration.readHeaderTimeout
        limits.requestTimeout = configuration.readTimeout
        limits.responseTimeout = configuration.writeTimeout
        limits.idleTimeout = configuration.idleTimeout
        limits.maximumConnections = configuration.maxConnections
        limits.bodyBytes = configuration.maxBodySize
        return limits
    }
}
