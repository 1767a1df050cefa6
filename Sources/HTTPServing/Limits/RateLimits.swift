package import Access
import Domain
import Synchronization

/// The limits of requests (specification, rest-api §6.4).
package struct RateLimitSettings: Sendable, Hashable {
    package var isEnabled = true
    package var requestsPerSecond = 50.0
    package var burst = 100
    package var actorRequestsPerSecond = 100.0
    package var actorBurst = 200
    /// How long the account of a client that asks nothing is kept.
    package var bucketTTL = Duration.hours(1)
    /// Bearer tokens that nobody knows, for each address and minute.
    package var failuresPerMinute = 20
    /// Exports of an actor in an hour.
    package var exportsPerHour = 50

    package init() {}
}

/// Counts requests by address before authentication and by actor after it.
///
/// Two kinds: what protects the capacity of this process is counted in its memory, cannot fail, and is divided by the
/// replicas that share the work; what must not be guessed or emptied goes through an ``AttemptLimiter``.
package final class RateLimits: Sendable {
    private let addresses = LimitTable()
    private let actors = LimitTable()
    private let attempts: AttemptLimiter
    private let settings: Mutex<RateLimitSettings>
    private let replicas: @Sendable () -> Int
    private let exemption: (@Sendable (Principal) -> Bool)?

    /// - Parameters:
    ///   - settings: As they are now; see ``update(_:)``.
    ///   - attempts: Counts what a setting cannot switch off.
    ///   - replicas: How many servers share the work at the moment.
    ///   - exemption: Names principals that no general limit counts, for benchmarks. Requests with a credential are then
    ///     counted by address after authentication instead of before it.
    package init(
        settings: RateLimitSettings, attempts: AttemptLimiter = AttemptLimiter(),
        replicas: @escaping @Sendable () -> Int = { 1 }, exemption: (@Sendable (Principal) -> Bool)? = nil
    ) {
        self.settings = Mutex(settings)
        self.attempts = attempts
        self.replicas = replicas
        self.exemption = exemption
        setIdleLimit(settings.bucketTTL)
    }

    /// Takes effect with the next request.
    package func update(_ settings: RateLimitSettings) {
        self.settings.withLock { $0 = settings }
        setIdleLimit(settings.bucketTTL)
    }

    /// The accounts of attempts keep their own: guessing must not become cheaper by a setting.
    private func setIdleLimit(_ limit: Duration) {
        for table in [addresses, actors] { table.setIdleLimit(limit) }
    }

    var countsAddressAfterAuthentication: Bool { exemption != nil }

    func isExempt(_ principal: Principal) -> Bool { exemption?(principal) ?? false }

    /// `nil` while limits are off.
    func address(_ address: String, at now: Timestamp) -> LimitOutcome? {
        let settings = settings.withLock { $0 }
        guard settings.isEnabled else { return nil }
        let policy = share("address", settings.requestsPerSecond, settings.burst)
        let key = LimitSubject.address(address, isCrowded: addresses.isCrowded)
        return LimitOutcome(policy: policy, verdict: addresses.take(policy, key, at: now))
    }

    func actor(_ actor: Actor, at now: Timestamp) -> LimitOutcome? {
        let settings = settings.withLock { $0 }
        guard settings.isEnabled else { return nil }
        let policy = share("actor", settings.actorRequestsPerSecond, settings.actorBurst)
        return LimitOutcome(policy: policy, verdict: actors.take(policy, LimitSubject.actor(actor), at: now))
    }

    /// This replica's part of a limit that all replicas keep together.
    private func share(_ name: String, _ rate: Double, _ burst: Int) -> LimitPolicy {
        let parts = max(1, replicas())
        return LimitPolicy(name, rate: rate / Double(parts), burst: (burst + parts - 1) / parts)
    }

    /// Counts an attempt of an address at what a setting cannot switch off.
    func attempt(_ policy: LimitPolicy, from address: String, at now: Timestamp) async throws -> LimitOutcome {
        LimitOutcome(policy: policy, verdict: try await attempts.take(policy, LimitSubject.address(address), at: now))
    }

    func export(by actor: Actor, at now: Timestamp) async throws -> LimitOutcome {
        let policy = LimitPolicy.export(perHour: settings.withLock { $0.exportsPerHour })
        return LimitOutcome(
            policy: policy, verdict: try await attempts.take(policy, LimitSubject.actor(actor), at: now))
    }

    private var failures: LimitPolicy { .authentication(perMinute: settings.withLock { $0.failuresPerMinute }) }

    /// Whether an address guessed so often that its credentials are not looked at; costs no question to the database.
    func authenticationRefusal(_ address: String, at now: Timestamp) -> LimitOutcome? {
        let policy = failures
        return attempts.refusal(policy, LimitSubject.address(address), at: now).map {
            LimitOutcome(policy: policy, verdict: $0)
        }
    }

    /// Counts a bearer token that nobody knows.
    func failedAuthentication(_ address: String, at now: Timestamp) async throws -> LimitOutcome {
        try await attempt(failures, from: address, at: now)
    }
}

/// A verdict with the policy behind it, as the `RateLimit` header fields tell clients.
struct LimitOutcome: Sendable {
    let policy: LimitPolicy
    let verdict: LimitVerdict

    var name: String { policy.name }

    /// `"address";q=100;w=2`
    var policyField: String { "\"\(policy.name)\";q=\(policy.burst);w=\(policy.windowSeconds)" }

    /// `"address";r=99;t=1`
    var field: String { "\"\(policy.name)\";r=\(verdict.remaining);t=\(max(1, retrySeconds))" }

    var retrySeconds: Int { Int(verdict.retryAfter.inSeconds.rounded(.up)) }
}
