import Domain
import Synchronization

/// What a limiter says about one request.
package struct RateVerdict: Sendable, Hashable {
    package let isAllowed: Bool
    /// Requests that would be allowed now.
    package let remaining: Int
    /// Until a request is allowed again.
    package let retryAfter: Duration
}

/// A token bucket for each key (an address, an actor), in bounded memory.
///
/// Keys live in two generations; when the young one is full, or as old as an idle bucket may become, the old one is
/// forgotten. A forgotten bucket was not used for a while or the table is under attack by very many keys; either way
/// it starts full again.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var updated: Timestamp
    }

    private struct State {
        var young: [String: Bucket] = [:]
        var old: [String: Bucket] = [:]
        /// Since when keys go into the young generation.
        var youngSince: Timestamp?
    }

    private let state = Mutex(State())
    private let maximumKeys: Int

    /// How long the bucket of a key that is not used is kept, as far as it matters.
    private let idleLimit: Mutex<Duration>

    init(maximumKeys: Int = 65_536, idleLimit: Duration = .hours(1)) {
        self.maximumKeys = maximumKeys
        self.idleLimit = Mutex(idleLimit)
    }

    /// Takes effect with the next request.
    func setIdleLimit(_ limit: Duration) { idleLimit.withLock { $0 = limit } }

    /// Takes one token.
    func take(_ key: String, rate: Double, burst: Double, at now: Timestamp) -> RateVerdict {
        decide(key, rate: rate, burst: burst, at: now, cost: 1)
    }

    /// Says whether a token is left, and takes none.
    func look(_ key: String, rate: Double, burst: Double, at now: Timestamp) -> RateVerdict {
        decide(key, rate: rate, burst: burst, at: now, cost: 0)
    }

    private func decide(_ key: String, rate: Double, burst: Double, at now: Timestamp, cost: Double) -> RateVerdict {
        let idleLimit = idleLimit.withLock { $0 }
        return state.withLock { state in
            var bucket = state.young[key] ?? state.old[key] ?? Bucket(tokens: burst, updated: now)
            if now - bucket.updated >= idleLimit { bucket = Bucket(tokens: burst, updated: now) }
            let elapsed = max(0, (now - bucket.updated).inSeconds)
            bucket.tokens = min(burst, bucket.tokens + elapsed * rate)
            bucket.updated = now
            let isAllowed = bucket.tokens >= 1
            if isAllowed { bucket.tokens -= cost }
            let isFull = state.young[key] == nil && state.young.count >= maximumKeys / 2
            if isFull || now - (state.youngSince ?? now) >= idleLimit {
                state.old = state.young
                state.young = [:]
                state.youngSince = nil
            }
            state.youngSince = state.youngSince ?? now
            state.young[key] = bucket
            let wait = isAllowed ? 0 : (1 - bucket.tokens) / max(rate, 0.000_001)
            return RateVerdict(
                isAllowed: isAllowed, remaining: Int(bucket.tokens), retryAfter: .milliseconds(Int(wait * 1000))
            )
        }
    }

    var keyCount: Int { state.withLock { $0.young.count + $0.old.count } }
}
