package import Domain
package import Query
package import Sealing
import Store
import Synchronization

/// The signing keys of sessions, opened and kept in memory: a request costs no key derivation and no look-up of a key
/// (specification, security §5.4).
package final class SessionKeyring: Sendable {
    struct Held: Sendable {
        let key: SessionMACKey
        let createdAt: Timestamp
        let retiredAt: Timestamp?
    }

    private struct State {
        var keys: [String: Held] = [:]
        var loadedAt: Timestamp?
        /// When the keys were last read because of a name that nobody knew.
        var missedAt: Timestamp?
    }

    /// After this long the keys are read again: other replicas rotate too.
    private static let lifetime = Duration.seconds(60)
    /// A name that nobody knows has the keys read again, but no more often than this, whoever sends such names.
    private static let pause = Duration.seconds(1)

    private let database: any Database
    private let sealer: Sealer
    private let time: TimeSource
    private let state = Mutex(State())

    package init(database: any Database, sealer: Sealer, time: TimeSource) {
        self.database = database
        self.sealer = sealer
        self.time = time
    }

    static func place(of id: String) -> SealedPlace {
        SealedPlace(table: SessionKeyStore.table, column: SessionKeyStore.column, rowID: id)
    }

    func seal(_ material: Secret, for id: String) -> [UInt8] { sealer.seal(material, for: Self.place(of: id)) }

    /// Reads every key. One that does not open is left out, unless it is the one that signs.
    ///
    /// - Throws: ``SealingError`` when the current key does not open.
    package func load() async throws {
        let now = time.now
        let records = try await database.read { try SessionKeyStore().all(in: $0) }
        var keys: [String: Held] = [:]
        for record in records {
            let place = Self.place(of: record.id)
            do throws(SealingError) {
                let key = SessionMACKey(id: record.id, material: try sealer.open(record.sealedMaterial, for: place))
                keys[record.id] = Held(key: key, createdAt: record.createdAt, retiredAt: record.retiredAt)
            } catch {
                if record.retiredAt == nil { throw error }
            }
        }
        state.withLock { state in
            state.keys = keys
            state.loadedAt = now
        }
    }

    /// The key that signs now.
    func current() async throws -> SessionMACKey {
        try await refreshIfOld()
        let current = state.withLock { $0.keys.values.first { $0.retiredAt == nil } }
        guard let current else { throw ServiceError(.unavailable, "there is no key to sign sessions with") }
        return current.key
    }

    /// The key of an id, signing or retired; `nil` when there is none.
    func key(_ id: String) async throws -> Held? {
        try await refreshIfOld()
        if let held = state.withLock({ $0.keys[id] }) { return held }
        let (now, pause) = (time.now, Self.pause)
        let mayTry = state.withLock { state in
            guard state.missedAt.map({ $0 > now || now >= $0 + pause }) ?? true else { return false }
            state.missedAt = now
            return true
        }
        guard mayTry else { return nil }
        try await load()
        return state.withLock { $0.keys[id] }
    }

    /// Another replica may have changed the keys: whatever was missed until now may be there.
    func noteChange() { state.withLock { $0.missedAt = nil } }

    private func refreshIfOld() async throws {
        let (now, lifetime) = (time.now, Self.lifetime)
        let isOld = state.withLock { state in state.loadedAt.map { $0 > now || now >= $0 + lifetime } ?? true }
        if isOld { try await load() }
    }
}
