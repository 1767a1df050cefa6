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
/// Keys live in two generations; when the young one is full the old one is forgotten. A forgotten bucket was not used
/// for a while or the table is under attack by very many keys; either way it starts full again.
final class TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var updated: Timestamp
    }

    private struct State {
        var young: [String: Bucket] = [:]
        var old: [String: Bucket] = [:]
    }

    private let state = Mutex(State())
    private let maximumKeys: Int

    init(maximumKeys: Int = 65_536) { self.maximumKeys = maximumKeys }

    /// Takes one token.
    func take(_ key: String, rate: Double, burst: Double, at now: Timestamp) -> RateVerdict {
        decide(key, rate: rate, burst: burst, at: now, cost: 1)
    }

    /// Says whether a token is left, and takes none.
    func look(_ key: String, rate: Double, burst: Double, at now: Timestamp) -> RateVerdict {
        decide(key, rate: rate, burst: burst, at: now, cost: 0)
    }

    private func decide(_ key: String, rate: Double, burst: Double, at now: Timestamp, cost: Double) -> RateVerdict {
        state.withLock { state in
            var bucket = state.young[key] ?? state.old[key] ?? Bucket(tokens: burst, updated: now)
            let elapsed = max(0, (now - bucket.updated).inSeconds)
            bucket.tokens = min(burst, bucket.tokens + elapsed * rate)
            bucket.updated = now
            let isAllowed = bucket.tokens >= 1
            if isAllowed { bucket.tokens -= cost }
            if state.young[key] == nil, state.young.count >= maximumKeys / 2 {
                state.old = state.young
                state.young = [:]
            }
            state.young[key] = bucket
            let wait = isAllowed ? 0 : (1 - bucket.tokens) / max(rate, 0.000_001)
            return RateVerdict(
                isAllowed: isAllowed, remaining: Int(bucket.tokens), retryAfter: .milliseconds(Int(wait * 1000))
            )
        }
    }

    var keyCount: Int { state.withLock { $0.young.count + $0.old.count } }
}
