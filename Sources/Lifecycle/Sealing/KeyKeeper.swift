package import Domain
import Encoding
package import Query
package import Sealing
import Store

/// This process does not hold a key that it needs.
package enum KeyFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the database is sealed under is none of the configured keys.
    case wrongKey(activeID: String)
    /// A rotation is not finished, and its earlier keys are not configured.
    case missingPrevious([String])
    /// The key was replaced while this server could not be told.
    case lostKey(activeID: String)

    package var description: String {
        switch self {
        case .wrongKey(let id):
            "wrong encryption key: this database was sealed with another one (key id \(id)). Supply that key in "
                + "CERTCTL_CONFIG_ENCRYPTION_KEY, or beside a new one in CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS, or "
                + "restore keys/config.key of the data directory that belongs to this database"
        case .missingPrevious(let ids):
            "values of this database are still sealed with an earlier key (key id "
                + "\(ids.joined(separator: ", "))): keep it in CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS until "
                + "certctl admin rotate-key has finished"
        case .lostKey(let id):
            "the encryption key was rotated to one that this server does not have (key id \(id)); supply it in "
                + "CERTCTL_CONFIG_ENCRYPTION_KEY and start again"
        }
    }
}

/// Keeps the key ring of this process in step with what the database says, and says there what it holds (ADR-0012).
package struct KeyKeeper: Sendable {
    /// When another key sealed until now, or the start was with a key that seals only once it is activated.
    package struct Admission: Hashable, Sendable {
        package let activeID: String
        package let activeSince: Timestamp
        /// The configured key waits for its activation.
        package let isWaiting: Bool
    }

    private let database: any Database
    private let sealer: Sealer
    private let instance: String
    private let isAlone: Bool

    private var ring: KeyRing { sealer.ring }

    /// - `instance`: The name of this process that no other one ever had.
    /// - `isAlone`: Nobody else can use the database while this process does.
    package init(database: any Database, sealer: Sealer, instance: String, isAlone: Bool = false) {
        self.isAlone = isAlone
        self.database = database
        self.sealer = sealer
        self.instance = instance
    }

    // MARK: Start

    /// Records the first key of a database; at every later start, proves that this process holds what the database is
    /// sealed under, and enters it among those that do.
    ///
    /// - Throws: ``KeyFailure``.
    package func admit() async throws -> Admission {
        let active = try await database.write { [self] tx in
            try SealingKeyStore().recordFirst(ring.wanted.record(at: tx.now), in: tx)
            let inUse = try SealingKeyStore().inUse(in: tx)
            guard let active = try SealingKeyStore().active(in: tx), let key = ring.key(active.kekID),
                key.accepts(checkValue: active.checkValue)
            else { throw KeyFailure.wrongKey(activeID: try SealingKeyStore().active(in: tx)?.kekID ?? "unknown") }
            let missing = inUse.map(\.kekID).filter { ring.key($0) == nil }
            guard missing.isEmpty else { throw KeyFailure.missingPrevious(missing) }
            // Whoever else ran on an embedded database has ended, however it did.
            if isAlone { try SealingKeyHolderStore().removeAll(in: tx) }
            try SealingKeyHolderStore().note(instance, keyIDs: ring.ids, activeID: active.kekID, in: tx)
            return active
        }
        _ = ring.activate(active.kekID)
        try await loadCodeKeys()
        return Admission(
            activeID: active.kekID, activeSince: active.createdAt, isWaiting: active.kekID != ring.wanted.id)
    }

    /// The keys of authentication codes, which are stored at the first start and outlive the root that they came from.
    private func loadCodeKeys() async throws {
        let derived = ring.active.codeKeys
        let keys = try await database.write { [sealer] tx in
            var keys: [MACLabel: Secret] = [:]
            for (label, secret) in derived {
                let place = SealedPlace(table: CodeKeyStore.table, column: CodeKeyStore.column, rowID: label.rawValue)
                let store = CodeKeyStore()
                if try store.sealedKey(of: label.rawValue, in: tx) == nil {
                    try store.insert(sealer.seal(secret, for: place), label: label.rawValue, in: tx)
                }
                guard let sealed = try store.sealedKey(of: label.rawValue, in: tx) else { continue }
                keys[label] = try sealer.open(sealed, for: place)
            }
            return keys
        }
        ring.use(codeKeys: keys)
    }

    // MARK: While the process runs

    /// Seals with the key that the database names from now on, and says so there; whether it was another one before.
    ///
    /// - Throws: ``KeyFailure/lostKey(activeID:)``.
    @discardableResult
    package func refresh() async throws -> Bool {
        let active = try await database.read { try SealingKeyStore().active(in: $0) }
        guard let active else { return false }
        let isNew = active.kekID != ring.active.id
        guard ring.activate(active.kekID) else { throw KeyFailure.lostKey(activeID: active.kekID) }
        try await database.write { [self] tx in
            try SealingKeyHolderStore().note(instance, keyIDs: ring.ids, activeID: active.kekID, in: tx)
        }
        return isNew
    }

    /// The server stops: nobody waits for it.
    package func leave() async throws {
        try await database.write { [instance] tx in try SealingKeyHolderStore().remove(instance, in: tx) }
    }
}

extension KeyEncryptionKey {
    /// What the database keeps of it.
    func record(at time: Timestamp) -> SealingKeyRecord {
        SealingKeyRecord(
            kekID: id,
            derivation: derivation == .passphrase ? .pbkdf2 : .hkdf,
            salt: derivation == .passphrase ? MasterKey.passphraseSalt : nil,
            checkValue: Array(checkValue.utf8),
            createdAt: time
        )
    }
}
