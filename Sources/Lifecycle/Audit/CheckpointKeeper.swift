package import AuditProof
package import Domain
package import Query
package import Sealing
import Store

/// The keys that sign checkpoints. They come from the generator of random octets, never from the master key, which
/// only seals them at rest (security §9.5, §10.4).
package struct CheckpointKeeper: Sendable {
    /// A private key signs for a year; its public half stays for ever.
    static let cryptoperiod = Duration.days(365)

    let sealer: Sealer
    let random: RandomSource

    package init(sealer: Sealer, random: RandomSource) {
        self.sealer = sealer
        self.random = random
    }

    /// The keys that this installation itself made.
    ///
    /// A row that somebody else inserted does not open under the master key, and ends this with an error.
    package func keys(in tx: any Transaction) throws -> LogKeys? {
        let stored = try CheckpointStore().keys(in: tx)
        guard let first = stored.first else { return nil }
        for key in stored { _ = try open(key) }
        return LogKeys(logID: first.publicKey.id, all: stored.map(\.publicKey))
    }

    /// The key that signs now; made when there is none, or when the last is a cryptoperiod old.
    func signingKey(in tx: any Transaction) throws -> (key: CheckpointSigningKey, logID: String, isNew: Bool) {
        let stored = try CheckpointStore().keys(in: tx)
        if let newest = stored.last, tx.now - newest.createdAt < Self.cryptoperiod {
            return (try open(newest), stored[0].publicKey.id, false)
        }
        let octets = random.bytes(32)
        guard let key = CheckpointSigningKey(octets: octets) else {
            throw AuditFailure("32 random octets are no Ed25519 key")
        }
        try CheckpointStore().insert(
            StoredCheckpointKey(
                publicKey: key.publicKey,
                sealedPrivateKey: sealer.seal(octets, for: Self.place(key.publicKey)),
                createdAt: tx.now
            ),
            in: tx
        )
        return (key, stored.first?.publicKey.id ?? key.publicKey.id, true)
    }

    private func open(_ stored: StoredCheckpointKey) throws -> CheckpointSigningKey {
        let secret = try sealer.open(stored.sealedPrivateKey, for: Self.place(stored.publicKey))
        guard let key = secret.withBytes({ CheckpointSigningKey(octets: Array($0)) }),
            key.publicKey == stored.publicKey
        else { throw AuditFailure("the checkpoint key \(stored.publicKey.id) is not the one that was sealed") }
        return key
    }

    private static func place(_ key: CheckpointPublicKey) -> SealedPlace {
        SealedPlace(table: CheckpointStore.keyTable, column: CheckpointStore.keyColumn, rowID: key.id)
    }
}

/// A log by name, with the keys that speak for it.
package struct LogKeys: Sendable {
    /// The thumbprint of the first key.
    package let logID: String
    package let all: [CheckpointPublicKey]

    package var set: CheckpointKeySet { CheckpointKeySet(all) }
}

/// The audit subsystem cannot do its work.
package struct AuditFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
