import Crypto
package import Domain
import EmbeddedCA
import Encoding
package import Query
package import Store
import Synchronization

/// A list as it is served.
package struct ShelvedList: Sendable {
    package let row: RevocationListRow
    /// The octets, in order. Lists that follow on one another share the blocks that did not change, so that an old one
    /// that is still being sent to somebody costs little beside the new one.
    package let parts: [[UInt8]]

    /// Octets up to which a digest is nothing that anybody waits for.
    private static let short = 256 * 1024

    /// Lower-case hexadecimal digest of a list in parts, and how long it is.
    static func measure(_ parts: [[UInt8]]) async throws -> (sha256: String, length: Int) {
        let length = parts.reduce(0) { $0 + $1.count }
        if length <= short { return (digest(parts), length) }
        return (try await SigningExecutor.computing.compute { digest(parts) }, length)
    }

    private static func digest(_ parts: [[UInt8]]) -> String {
        var hash = SHA256()
        for part in parts { hash.update(data: part) }
        return Hex.encode(hash.finalize())
    }
}

/// The lists in memory, so that serving one costs no look into the database.
///
/// Whether there is a newer one is asked at most once in ``recheck`` for each list, and only while it is asked for; so a
/// replica serves a list of another one that much later, whatever becomes of signals.
package final class RevocationListShelf: Sendable {
    package static let recheck = Duration.seconds(1)

    private struct Key: Hashable {
        let authority: AuthorityID
        let scope: RevocationListScope
    }

    private struct Slot {
        var list: ShelvedList?
        var checkedAt: Timestamp
        var isLoading = false
    }

    private let database: any Database
    private let time: TimeSource
    private let store = RevocationListStore()
    private let slots = Mutex<[Key: Slot]>([:])
    /// However many ask for a list that nobody has read yet, it is read once.
    private let flights = SingleFlight<Key, ShelvedList?>()

    package init(database: any Database, time: TimeSource) {
        self.database = database
        self.time = time
    }

    /// The newest list; `nil` when there is none.
    package func list(of authority: AuthorityID, _ scope: RevocationListScope) async throws -> ShelvedList? {
        let key = Key(authority: authority, scope: scope)
        let now = time.now
        let (held, mustLook) = slots.withLock { slots -> (ShelvedList?, Bool) in
            guard var slot = slots[key] else { return (nil, true) }
            let age = now - slot.checkedAt
            if slot.list != nil, age >= .zero, age < Self.recheck || slot.isLoading { return (slot.list, false) }
            slot.isLoading = true
            slots[key] = slot
            return (slot.list, true)
        }
        guard mustLook else { return held }
        defer { slots.withLock { $0[key]?.isLoading = false } }
        return try await flights.run(key) { [self] in
            // Between the look and the flight another one may have landed.
            let (known, isRecent) = slots.withLock { slots -> (ShelvedList?, Bool) in
                guard let slot = slots[key], let list = slot.list else { return (nil, false) }
                let age = now - slot.checkedAt
                return (list, held == nil && age > .zero - Self.recheck && age < Self.recheck)
            }
            if isRecent { return known }
            let list = try await newest(key, than: known)
            if let list { shelve(list, key, at: now) } else { slots.withLock { $0[key] = nil } }
            return list
        }
    }

    /// Puts a list that was just made where the next request finds it.
    func place(_ list: ShelvedList, of authority: AuthorityID) {
        shelve(list, Key(authority: authority, scope: list.row.scope), at: time.now)
    }

    private func shelve(_ list: ShelvedList, _ key: Key, at now: Timestamp) {
        slots.withLock { slots in
            let isOlder = (slots[key]?.list?.row.number ?? 0) > list.row.number
            slots[key] = Slot(list: isOlder ? slots[key]?.list : list, checkedAt: now)
        }
    }

    private func newest(_ key: Key, than held: ShelvedList?) async throws -> ShelvedList? {
        let loaded = try await database.read { [store] tx -> Loaded? in
            guard let row = try store.row(of: key.authority, key.scope, in: tx) else { return nil }
            if let held, held.row.number == row.number { return .same(ShelvedList(row: row, parts: held.parts)) }
            guard let octets = try store.octets(of: key.authority, key.scope, in: tx) else { return nil }
            return .new(row, octets, try store.blocks(of: key.authority, key.scope, in: tx))
        }
        switch loaded {
        case nil: return nil
        case .same(let list): return list
        case .new(let row, let octets, let blocks):
            return try await Self.assemble(row, octets, blocks.map(\.entries), sharing: held?.parts ?? []) ?? held
        }
    }

    private enum Loaded: Sendable {
        case same(ShelvedList)
        case new(RevocationListRow, RevocationListOctets, [StoredBlock])
    }

    /// `nil` when the parts do not belong together: the list was replaced between two looks, or is damaged.
    ///
    /// - `before`: The parts of the list that is replaced; blocks that are the same are kept once.
    static func assemble(
        _ row: RevocationListRow, _ octets: RevocationListOctets, _ blocks: [[UInt8]], sharing before: [[UInt8]] = []
    ) async throws -> ShelvedList? {
        let parts =
            [octets.head]
            + blocks.enumerated().map { index, block in
                // The head comes first.
                before.indices.contains(index + 1) && before[index + 1] == block ? before[index + 1] : block
            } + [octets.tail]
        let (sha256, length) = try await ShelvedList.measure(parts)
        guard length == row.length, sha256 == row.sha256 else { return nil }
        return ShelvedList(row: row, parts: parts)
    }
}
