import Domain
import Synchronization

/// The networks that a credential may be used from.
enum AllowedNetworks: Sendable {
    case any
    /// Of text that is no network nothing is left, so that it admits nobody.
    case only([AddressRange])

    init(_ texts: [String]) { self = texts.isEmpty ? .any : .only(texts.compactMap { AddressRange($0) }) }

    func admit(_ address: String) -> Bool {
        switch self {
        case .any: true
        case .only(let ranges): ranges.contains { $0.contains(address) }
        }
    }
}

/// Principals of credentials that were verified a moment ago, by the hash of the credential.
///
/// An entry is used for five seconds at most; a change of keys or grants on any replica is signalled and forgets them
/// all at once, so that the five seconds matter only while signals are lost.
///
/// Only successes are kept: an unknown credential costs a look-up each time, so a new key works at once and a guess
/// leaves nothing behind. A generation number keeps an answer that was read before an invalidation from being stored
/// after it.
final class PrincipalCache: Sendable {
    struct Entry {
        let principal: Principal
        /// Where the credential may be used from.
        let networks: AllowedNetworks
        /// The end of the credential or of the first of its grants, honoured to the instant although the entry is
        /// still fresh.
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

    init(lifetime: Duration = .seconds(5), capacity: Int = 4096) {
        self.lifetime = lifetime
        self.capacity = capacity
    }

    var generation: Int { state.withLock { $0.generation } }

    /// The principal of a credential, wherever it came from: the caller compares that with the networks.
    func entry(for digest: [UInt8], at now: Timestamp) -> Entry? {
        state.withLock { state in
            guard let entry = state.entries[digest] else { return nil }
            guard isFresh(entry, at: now) else {
                state.entries[digest] = nil
                return nil
            }
            return entry
        }
    }

    /// Keeps a principal that was read while `generation` was current.
    func store(
        _ principal: Principal,
        for digest: [UInt8],
        networks: AllowedNetworks = .any,
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
                networks: networks,
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
