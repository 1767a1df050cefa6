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

    package init() {}
}

/// Counts requests by address before authentication and by actor after it.
package final class RateLimits: Sendable {
    /// Bearer tokens that nobody knows, for each address: 20 a minute.
    private static let failures = (rate: 20.0 / 60, burst: 20.0)
    /// Attempts to use the set-up token, for each address: 5 a minute.
    private static let bootstrap = (rate: 5.0 / 60, burst: 5.0)

    private let addresses = TokenBuckets()
    private let actors = TokenBuckets()
    private let failedAddresses = TokenBuckets()
    private let bootstrapAddresses = TokenBuckets()
    private let settings: Mutex<RateLimitSettings>
    private let exemption: (@Sendable (Principal) -> Bool)?

    /// `exemption` names principals that no general limit counts, for benchmarks. Requests with a credential are then
    /// counted by address after authentication instead of before it.
    package init(settings: RateLimitSettings, exemption: (@Sendable (Principal) -> Bool)? = nil) {
        self.settings = Mutex(settings)
        self.exemption = exemption
        setIdleLimit(settings.bucketTTL)
    }

    /// Takes effect with the next request.
    package func update(_ settings: RateLimitSettings) {
        self.settings.withLock { $0 = settings }
        setIdleLimit(settings.bucketTTL)
    }

    /// The accounts of failures keep their own: guessing must not become cheaper by a setting.
    private func setIdleLimit(_ limit: Duration) {
        for buckets in [addresses, actors] { buckets.setIdleLimit(limit) }
    }

    var countsAddressAfterAuthentication: Bool { exemption != nil }

    func isExempt(_ principal: Principal) -> Bool { exemption?(principal) ?? false }

    /// `nil` while limits are off.
    func address(_ address: String, at now: Timestamp) -> LimitOutcome? {
        let settings = settings.withLock { $0 }
        guard settings.isEnabled else { return nil }
        let (rate, burst) = (settings.requestsPerSecond, Double(settings.burst))
        return LimitOutcome(
            name: "address", burst: burst, rate: rate,
            verdict: addresses.take(address, rate: rate, burst: burst, at: now)
        )
    }

    func actor(_ id: String, at now: Timestamp) -> LimitOutcome? {
        let settings = settings.withLock { $0 }
        guard settings.isEnabled else { return nil }
        let (rate, burst) = (settings.actorRequestsPerSecond, Double(settings.actorBurst))
        return LimitOutcome(
            name: "actor", burst: burst, rate: rate, verdict: actors.take(id, rate: rate, burst: burst, at: now)
        )
    }

    /// Always on: guessing the set-up token is not a matter of load.
    func bootstrap(_ address: String, at now: Timestamp) -> LimitOutcome {
        let (rate, burst) = Self.bootstrap
        return LimitOutcome(
            name: "bootstrap", burst: burst, rate: rate,
            verdict: bootstrapAddresses.take(address, rate: rate, burst: burst, at: now)
        )
    }

    /// Whether an address may try a credential.
    func authentication(_ address: String, at now: Timestamp) -> LimitOutcome {
        let (rate, burst) = Self.failures
        return LimitOutcome(
            name: "authentication", burst: burst, rate: rate,
            verdict: failedAddresses.look(address, rate: rate, burst: burst, at: now)
        )
    }

    func noteFailedAuthentication(_ address: String, at now: Timestamp) {
        _ = failedAddresses.take(address, rate: Self.failures.rate, burst: Self.failures.burst, at: now)
    }
}

/// A verdict with the policy behind it, as the `RateLimit` header fields tell clients.
struct LimitOutcome: Sendable {
    let name: String
    let burst: Double
    let rate: Double
    let verdict: RateVerdict

    /// `"address";q=100;w=2`
    var policyField: String { "\"\(name)\";q=\(Int(burst));w=\(Int((burst / rate).rounded(.up)))" }

    /// `"address";r=99;t=1`
    var field: String { "\"\(name)\";r=\(verdict.remaining);t=\(max(1, retrySeconds))" }

    var retrySeconds: Int { Int(verdict.retryAfter.inSeconds.rounded(.up)) }
}
