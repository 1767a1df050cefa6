import Domain
import Synchronization

/// Principals of credentials that were verified a moment ago, by the hash of the credential.
///
/// Only successes are kept: an unknown credential costs a look-up each time, so a new key works at once and a guess
/// leaves nothing behind. A generation number keeps an answer that was read before an invalidation from being stored
/// after it.
final class PrincipalCache: Sendable {
    struct Entry {
        let principal: Principal
        /// The credential's own expiry, honoured to the instant although the entry is still fresh.
        let credentialExpiresAt: Timestamp?
        let storedAt: Timestamp
    }

    private struct State {
        var entries: [[UInt8]: Entry] = [:]
        var generation = 0
    }

    private let lifetime: Duration
    private let capacity: Int
    private let state = Mutex(State())

    init(lifetime: Duration = .seconds(30), capacity: Int = 4096) {
        self.lifetime = lifetime
        self.capacity = capacity
    }

    var generation: Int { state.withLock { $0.generation } }

    func principal(for digest: [UInt8], at now: Timestamp) -> Principal? {
        state.withLock { state in
            guard let entry = state.entries[digest] else { return nil }
            guard isFresh(entry, at: now) else {
                state.entries[digest] = nil
                return nil
            }
            return entry.principal
        }
    }

    /// Keeps a principal that was read while `generation` was current.
    func store(
        _ principal: Principal,
        for digest: [UInt8],
        credentialExpiresAt: Timestamp?,
        at now: Timestamp,
        generation: Int
    ) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.entries.count >= capacity {
                state.entries = state.entries.filter { isFresh($0.value, at: now) }
                if state.entries.count >= capacity { state.entries.removeAll(keepingCapacity: true) }
            }
            state.entries[digest] = Entry(
                principal: principal,
                credentialExpiresAt: credentialExpiresAt,
                storedAt: now
            )
        }
    }

    /// Forgets everything: some key, grant or agent changed.
    func invalidate() {
        state.withLock { state in
            state.entries.removeAll(keepingCapacity: true)
            state.generation += 1
        }
    }

    private func isFresh(_ entry: Entry, at now: Timestamp) -> Bool {
        guard entry.storedAt <= now, now < entry.storedAt + lifetime else { return false }
        guard let expiresAt = entry.credentialExpiresAt else { return true }
        return now < expiresAt
    }
}
