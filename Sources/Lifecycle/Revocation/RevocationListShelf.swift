import Crypto
package import Domain
import Encoding
package import Query
package import Store
import Synchronization

/// A list as it is served.
package struct ShelvedList: Sendable {
    package let row: RevocationListRow
    package let der: [UInt8]
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
        do {
            let list = try await newest(key, than: held)
            if let list { shelve(list, key, at: now) } else { slots.withLock { $0[key] = nil } }
            return list
        } catch {
            slots.withLock { $0[key]?.isLoading = false }
            throw error
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
            if let held, held.row.number == row.number { return .same(ShelvedList(row: row, der: held.der)) }
            guard let octets = try store.octets(of: key.authority, key.scope, in: tx) else { return nil }
            return .new(row, octets, try store.blocks(of: key.authority, key.scope, in: tx))
        }
        switch loaded {
        case nil: return nil
        case .same(let list): return list
        case .new(let row, let octets, let blocks):
            return Self.assemble(row, octets, blocks.map(\.entries)) ?? held
        }
    }

    private enum Loaded: Sendable {
        case same(ShelvedList)
        case new(RevocationListRow, RevocationListOctets, [StoredBlock])
    }

    /// `nil` when the parts do not belong together: the list was replaced between two looks, or is damaged.
    static func assemble(
        _ row: RevocationListRow, _ octets: RevocationListOctets, _ blocks: [[UInt8]]
    ) -> ShelvedList? {
        var der: [UInt8] = []
        der.reserveCapacity(row.length)
        der += octets.head
        for block in blocks { der += block }
        der += octets.tail
        guard der.count == row.length, Hex.encode(SHA256.hash(data: der)) == row.sha256 else { return nil }
        return ShelvedList(row: row, der: der)
    }
}
