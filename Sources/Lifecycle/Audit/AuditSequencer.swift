package import AuditProof
import Domain
import Encoding
import Query
package import Sealing
import Store

/// Loop 26: gives committed events their place in the log, and signs for what the log holds (security §9.5).
///
/// Writers of events never wait for it. Each batch is one transaction that proves leadership, so a crash between two
/// steps leaves whole batches, and two processes that both believe to lead cannot make two orders.
package struct AuditSequencer: Sendable {
    static let batch = 500
    /// The pause between two looks at an empty queue.
    static let pace = Duration.milliseconds(200)
    /// Looks of one run: its state is stored about twice a minute, not at every look.
    static let looks = 150
    /// A checkpoint without anything new says that the log is still there.
    static let heartbeat = Duration.hours(1)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let keeper: CheckpointKeeper
    private let plan: AuditPlan
    private let ledger = AuditLedger()
    private let checkpoints = CheckpointStore()

    package init(_ context: LifecycleContext, leadership: Leadership, sealer: Sealer, plan: AuditPlan) {
        self.context = context
        self.leadership = leadership
        keeper = CheckpointKeeper(sealer: sealer, random: context.random)
        self.plan = plan
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        var rows = 0
        for look in 0..<Self.looks {
            if look > 0 { try await context.time.sleep(Self.pace) }
            rows += try await sealPending()
            try await signIfDue()
        }
        return LoopOutcome(rows: rows)
    }

    /// Seals everything that waits; how many events that were.
    package func sealPending() async throws -> Int {
        var rows = 0
        while try await context.database.read({ try ledger.hasPending(in: $0) }) {
            try Task.checkCancellation()
            let fence = try leadership.fence()
            let count = try await context.database.write { tx in
                try fence.check(in: tx)
                return try ledger.seal(limit: Self.batch, in: tx)
            }
            rows += count
            if count < Self.batch { break }
        }
        return rows
    }

    /// Signs a checkpoint when sealed events have waited long enough for one, or nothing was signed for an hour.
    @discardableResult
    package func signIfDue() async throws -> SignedCheckpoint? {
        let interval = plan.checkpointInterval
        let isDue = try await context.database.read { tx in
            let size = try ledger.size(in: tx)
            guard size > 0 else { return false }
            guard let last = try checkpoints.latest(in: tx)?.signed.checkpoint else { return true }
            let age = tx.now - last.timestamp
            return size > last.treeSize && age >= interval || age >= Self.heartbeat
        }
        return isDue ? try await sign() : nil
    }

    /// Signs for every leaf there is.
    ///
    /// - Throws: ``AuditFailure`` when the log does not contain what was signed before: a fork is never signed.
    @discardableResult
    package func sign() async throws -> SignedCheckpoint? {
        let fence = try leadership.fence()
        return try await context.database.write { tx -> SignedCheckpoint? in
            try fence.check(in: tx)
            let size = try ledger.size(in: tx)
            guard size > 0 else { return nil }
            let (key, logID, isNew) = try keeper.signingKey(in: tx)
            let last = try checkpoints.latest(in: tx)
            if let stated = last?.signed.checkpoint {
                guard stated.treeSize <= size,
                    try ledger.tree(size: stated.treeSize, in: tx).root() == stated.rootHash
                else {
                    throw AuditFailure(
                        "the log no longer contains the \(stated.treeSize) leaves that were signed; no checkpoint is "
                            + "issued. Run: certctl audit verify --full")
                }
            }
            if isNew {
                try context.recorder.record(
                    .auditKeyCreated, key.publicKey.id, details: ["log_id": .string(logID)], by: .system, in: tx)
            }
            let signed = try SignedCheckpoint(
                Checkpoint(
                    logID: logID,
                    treeSize: size,
                    rootHash: try ledger.tree(size: size, in: tx).root(),
                    timestamp: max(tx.now, last?.signed.checkpoint.timestamp ?? tx.now),
                    previous: last?.signed.digest
                ),
                by: key
            )
            try checkpoints.insert(signed, number: (last?.number ?? -1) + 1, in: tx)
            return signed
        }
    }
}
