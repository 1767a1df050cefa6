package import Domain
import Encoding
import Query
package import Sealing
import Store

/// What is sealed, and under which keys.
package struct SealingStatus: Hashable, Sendable {
    package var activeID = ""
    /// Since when the active key seals.
    package var activeSince = Timestamp(secondsSinceEpoch: 0)
    /// The key that a rotation would go to; `nil` when there is none, or when it will be generated.
    package var nextID: String?
    /// Keys of before that values are still sealed under, or may be.
    package var previousIDs: [String] = []
    /// By format: `v4`, and `legacy` for whatever is older.
    package var countsByFormat: [String: Int] = [:]
    package var countsByKey: [String: Int] = [:]
    /// Values that are not under the active key.
    package var remaining = 0
    /// Running servers that do not hold the next key.
    package var serversWithoutNext: [String] = []
    /// Values that could not be opened in the pass that was just made.
    package var failures: [String] = []
}

/// Replaces the key that seals, while everybody works (specification, security §10.3; ADR-0012).
///
/// First every server gets the new key beside the old one; then it is activated, which is refused while a running server
/// lacks it; then every value is sealed again; then the old key is given up, once every server has sealed with the new
/// one for a while and nothing is left.
package struct RekeyFlow: Sendable {
    private let context: LifecycleContext
    private let sealer: Sealer
    private let keeper: KeyKeeper
    /// Makes a key and keeps it where the next start finds it; `nil` when the operator supplies keys.
    private let makeKey: (@Sendable () throws -> KeyEncryptionKey)?
    package let resealer: Resealer
    private let settling: Duration

    /// - `settling`: How long after a server changed its key a transaction of before may still commit.
    package init(
        _ context: LifecycleContext,
        sealer: Sealer,
        keeper: KeyKeeper,
        makeKey: (@Sendable () throws -> KeyEncryptionKey)?,
        settling: Duration = .seconds(10)
    ) {
        self.context = context
        self.sealer = sealer
        self.keeper = keeper
        self.makeKey = makeKey
        self.settling = settling
        resealer = Resealer(context, sealer: sealer)
    }

    // MARK: Status

    package func status() async throws -> SealingStatus {
        try await context.read { [self] tx in try state(in: tx) }
    }

    private func state(in tx: any Transaction) throws -> SealingStatus {
        var status = SealingStatus()
        guard let active = try SealingKeyStore().active(in: tx) else { return status }
        status.activeID = active.kekID
        status.activeSince = active.createdAt
        status.previousIDs = try SealingKeyStore().inUse(in: tx).map(\.kekID).filter { $0 != active.kekID }
        if makeKey == nil, sealer.ring.wanted.id != active.kekID {
            let next = sealer.ring.wanted.id
            status.nextID = next
            status.serversWithoutNext = try Self.servers(without: next, in: tx)
        }
        try Self.count(into: &status, in: tx)
        return status
    }

    private static func servers(without id: String, in tx: any Transaction) throws -> [String] {
        try SealingKeyHolderStore().live(in: tx).filter { !$0.keyIDs.contains(id) }.map(\.instance)
    }

    private static func count(into status: inout SealingStatus, in tx: any Transaction) throws {
        for column in SealedColumn.all {
            for (format, keyID, count) in try column.census(in: tx) {
                if format == 4 {
                    let id = Hex.encode(keyID)
                    status.countsByFormat["v4", default: 0] += count
                    status.countsByKey[id, default: 0] += count
                    if id != status.activeID { status.remaining += count }
                } else if !column.isMixed {
                    status.countsByFormat["legacy", default: 0] += count
                    status.remaining += count
                }
            }
        }
    }

    // MARK: Rotation

    /// Seals with the next key from now on; ``advance(observe:)`` does the rest.
    ///
    /// - `isRehearsal`: Everything is checked and counted, and nothing is changed.
    package func rotate(rehearsing isRehearsal: Bool, by author: Authorship) async throws -> SealingStatus {
        let before = try await status()
        let next = try nextKey(before, rehearsing: isRehearsal)
        guard !isRehearsal, let next else {
            try Self.requireHeld(before.serversWithoutNext, before.nextID)
            return before
        }
        // This server holds it as soon as it is made; others have to have been given it.
        try await keeper.refresh()
        let record = next.record(at: context.time.now)
        let status = try await context.write { [self] tx in
            try SealingKeyStore().lock(in: tx)
            guard let active = try SealingKeyStore().active(in: tx), active.kekID != record.kekID else {
                throw Self.nothingToDo
            }
            try Self.requireHeld(try Self.servers(without: record.kekID, in: tx), record.kekID)
            try SealingKeyStore().activate(record, in: tx)
            try context.recorder.record(
                .rekeyStarted, record.kekID, details: ["previous_kek_id": .string(active.kekID)], by: author, in: tx)
            try tx.notify(.sealing, payload: record.kekID)
            return try state(in: tx)
        }
        try await keeper.refresh()
        return status
    }

    private func nextKey(_ status: SealingStatus, rehearsing isRehearsal: Bool) throws -> KeyEncryptionKey? {
        if let makeKey {
            guard !isRehearsal else { return nil }
            let key = try makeKey()
            sealer.ring.add(key)
            return key
        }
        guard status.nextID != nil else { throw Self.nothingToDo }
        return sealer.ring.wanted
    }

    private static let nothingToDo = ServiceError(
        .invalidState,
        "there is no other key to rotate to: set CERTCTL_CONFIG_ENCRYPTION_KEY to the new one and "
            + "CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS to the one of now, and restart every server"
    )

    private static func requireHeld(_ without: [String], _ id: String?) throws(ServiceError) {
        guard !without.isEmpty else { return }
        throw ServiceError(
            .invalidState,
            "these servers do not have the new key \(id ?? "") yet: \(without.joined(separator: ", ")). Restart them with "
                + "it in CERTCTL_CONFIG_ENCRYPTION_KEY and the one of now in CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS; one "
                + "that has ended is forgotten after a minute"
        )
    }

    /// Seals again whatever is not under the active key, at once.
    package func reseal(rehearsing isRehearsal: Bool, by author: Authorship) async throws -> SealingStatus {
        guard !isRehearsal else { return try await status() }
        let outcome = try await resealer.run()
        try await context.write { [self] tx in
            try context.recorder.record(
                .resealed, sealer.keyID,
                details: ["values": JSONValue(outcome.resealed), "failed": JSONValue(outcome.failures.count)],
                by: author, in: tx
            )
        }
        var status = try await status()
        status.failures = outcome.failures
        return status
    }

    /// Whether there is something for ``advance(observe:)`` to do.
    package func isUnfinished() async throws -> Bool {
        try await context.read { tx in
            if try SealingKeyStore().inUse(in: tx).count > 1 { return true }
            return try LegacySealStore().count(in: tx) > 0
        }
    }

    /// Goes on with a rotation: a pass, and the end when nothing is left; the ids of the keys that were given up.
    package func advance(
        observe: @Sendable (Int) -> Void = { _ in }
    ) async throws -> (outcome: Resealer.Outcome, retired: [String]) {
        let outcome = try await resealer.run(observe: observe)
        guard outcome.failures.isEmpty else { return (outcome, []) }
        let retired = try await context.write { [self] tx in try finish(in: tx) }
        return (outcome, retired)
    }

    private func finish(in tx: any Transaction) throws -> [String] {
        try SealingKeyStore().lock(in: tx)
        let status = try state(in: tx)
        guard !status.previousIDs.isEmpty, status.remaining == 0, status.activeID == sealer.keyID else { return [] }
        let isSettled = try SealingKeyHolderStore().live(in: tx).allSatisfy { holder in
            holder.activeID == status.activeID && holder.activeSince <= tx.now - settling
        }
        guard isSettled else { return [] }
        let retired = try SealingKeyStore().retireOthers(than: status.activeID, in: tx)
        try SealingKeyHolderStore().purge(in: tx)
        try context.recorder.record(
            .rekeyFinished, status.activeID, details: ["retired_kek_ids": JSONValue(retired)], by: .system, in: tx)
        return retired
    }
}
