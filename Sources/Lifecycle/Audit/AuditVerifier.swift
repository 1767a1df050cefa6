import AuditProof
package import Domain
import Encoding
import Query
package import Sealing
package import Store

/// Loop 17: holds the log in the database against itself and against what was signed (security §9.5).
package struct AuditVerifier: Sendable {
    private static let batch = 500
    /// How often everything is read again, whatever was found sound before.
    private static let fullInterval = Duration.days(7)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let keeper: CheckpointKeeper
    private let observers: AuditObservers
    private let ledger = AuditLedger()
    private let checkpoints = CheckpointStore()

    package init(
        _ context: LifecycleContext, leadership: Leadership, sealer: Sealer,
        observers: AuditObservers = AuditObservers()
    ) {
        self.context = context
        self.leadership = leadership
        keeper = CheckpointKeeper(sealer: sealer, random: context.random)
        self.observers = observers
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        let lastFull = try await context.database.read { try VerificationStore().last(.full, in: $0)?.finishedAt }
        let isFull = lastFull.map { now - $0 >= Self.fullInterval } ?? true
        let outcome = try await verify(isFull ? .full : .incremental, by: .system, fence: try leadership.fence())
        return LoopOutcome(rows: outcome.rows)
    }

    /// Verifies the whole log, or what is new since it was last found sound, and records the outcome.
    ///
    /// A divergence is an outcome, not an error. It is audited once, not at every verification.
    @discardableResult
    package func verify(
        _ kind: AuditVerification.Kind, by author: Authorship, fence: Fence? = nil
    ) async throws -> AuditVerification {
        let startedAt = context.time.now
        let found = try await walk(isFull: kind == .full)
        let outcome = AuditVerification(
            kind: kind, startedAt: startedAt, finishedAt: context.time.now, rows: found.rows,
            treeSize: found.walk.range.count, rootHash: found.walk.range.root.hex, rowHash: found.walk.rowHash,
            checkpointNumber: found.checkpointNumber, divergence: found.divergence?.description
        )
        try await context.database.write { tx in
            try fence?.check(in: tx)
            let store = VerificationStore()
            let before = try store.newest(in: tx)
            try store.record(outcome, as: kind, in: tx)
            if author.origin != nil {
                try context.recorder.record(
                    .auditVerified, found.logID.isEmpty ? "audit" : found.logID,
                    details: ["kind": .string(kind.rawValue), "ok": .bool(outcome.divergence == nil)], by: author,
                    in: tx)
            }
            if let divergence = outcome.divergence {
                try AuditBreakStore().note(divergence, in: tx)
                guard before?.divergence != divergence else { return }
                try context.recorder.record(
                    .auditBreakDetected, found.logID.isEmpty ? "audit" : found.logID,
                    details: ["divergence": .string(divergence)], by: author, in: tx)
            } else {
                try store.record(outcome, as: .sound, in: tx)
            }
        }
        observers.verified(
            AuditVerificationReport(
                rows: outcome.rows, finishedAt: outcome.finishedAt, divergence: outcome.divergence))
        return outcome
    }

    // MARK: The walk

    private struct Findings {
        var logID: String
        var walk: LogWalk
        var rows = 0
        var checkpointNumber: Int
        var divergence: Divergence?
    }

    /// What there is to verify, seen in one snapshot.
    private struct Extent: Sendable {
        let keys: LogKeys?
        let size: Int
        let lastCheckpoint: Int
        let archivedEnd: Int
        let base: Base?
    }

    /// The place at which the log was last found sound.
    private struct Base: Sendable {
        let range: CompactRange
        let rowHash: String
        let checkpoint: NumberedCheckpoint?
    }

    private func walk(isFull: Bool) async throws -> Findings {
        let extent: Extent
        do {
            extent = try await context.database.read { try self.extent(isFull: isFull, in: $0) }
        } catch let divergence as Divergence {
            let empty = LogWalk(logID: "", keys: CheckpointKeySet([]))
            return Findings(logID: "", walk: empty, checkpointNumber: -1, divergence: divergence)
        }
        let keys = extent.keys ?? LogKeys(logID: "", all: [])
        let base = extent.base
        var findings = Findings(
            logID: keys.logID,
            walk: LogWalk(
                logID: keys.logID, keys: keys.set, from: base?.range ?? CompactRange(),
                rowHash: base?.rowHash ?? AuditChain.start, after: base?.checkpoint?.signed),
            checkpointNumber: base?.checkpoint?.number ?? -1
        )
        do {
            try await follow(&findings, extent)
            try await checkRemains(findings, extent, isFull: isFull)
        } catch let divergence as Divergence {
            findings.divergence = divergence
        }
        return findings
    }

    private func extent(isFull: Bool, in tx: any Transaction) throws -> Extent {
        let keys: LogKeys?
        do {
            keys = try keeper.keys(in: tx)
        } catch let error as SealingError {
            throw Divergence(.signature, at: nil, expected: "checkpoint keys of this installation", found: "\(error)")
        } catch let error as AuditFailure {
            throw Divergence(.signature, at: nil, expected: "checkpoint keys of this installation", found: "\(error)")
        }
        return Extent(
            keys: keys,
            size: try ledger.size(in: tx),
            lastCheckpoint: try checkpoints.latest(in: tx)?.number ?? -1,
            archivedEnd: try ArchiveStore().end(in: tx),
            base: isFull ? nil : try base(in: tx)
        )
    }

    private func base(in tx: any Transaction) throws -> Base? {
        guard let sound = try VerificationStore().last(.sound, in: tx), sound.treeSize > 0 else { return nil }
        let range: CompactRange
        do {
            range = try ledger.tree(size: sound.treeSize, in: tx).frontier(sound.treeSize)
        } catch let error as MerkleTreeError {
            throw Divergence(.truncation, at: nil, expected: "\(sound.treeSize) leaves", found: "\(error)")
        }
        guard range.root.hex == sound.rootHash else {
            throw Divergence(
                .root, at: sound.treeSize, expected: "root \(sound.rootHash)", found: range.root.hex)
        }
        let checkpoint = try checkpoints.from(sound.checkpointNumber, limit: 1, in: tx).first
        return Base(
            range: range, rowHash: sound.rowHash,
            checkpoint: sound.checkpointNumber >= 0 ? checkpoint : nil
        )
    }

    private func follow(_ findings: inout Findings, _ extent: Extent) async throws {
        var pending: [NumberedCheckpoint] = []
        while true {
            try Task.checkCancellation()
            let from = findings.walk.nextSequence
            let leaves = try await context.database.read { tx in
                try ledger.leaves(from: from, limit: Self.batch, in: tx).filter { $0.sequence < extent.size }
            }
            for leaf in leaves {
                try await takeCheckpoints(&findings, &pending, extent, isEnd: false)
                if leaf.event == nil, leaf.sequence >= extent.archivedEnd {
                    throw Divergence(
                        .missing, at: leaf.sequence, expected: "event \(leaf.eventID)", found: "no row and no archive")
                }
                try findings.walk.leaf(
                    leaf.sequence, text: leaf.event.map { AuditLeaf($0.leafMembers).text }, leafHash: leaf.leafHash,
                    rowHash: leaf.rowHash)
                findings.rows += 1
            }
            if leaves.isEmpty { break }
        }
        try await takeCheckpoints(&findings, &pending, extent, isEnd: true)
    }

    /// Checks the checkpoints whose leaves have all been walked; at the end, every one.
    private func takeCheckpoints(
        _ findings: inout Findings, _ pending: inout [NumberedCheckpoint], _ extent: Extent, isEnd: Bool
    ) async throws {
        while true {
            if pending.isEmpty, findings.checkpointNumber < extent.lastCheckpoint {
                let next = findings.checkpointNumber + 1
                pending = try await context.database.read { try checkpoints.from(next, limit: Self.batch, in: $0) }
                guard pending.first?.number == next else {
                    throw Divergence(
                        .succession, at: nil, expected: "checkpoint \(next)",
                        found: pending.first.map { "checkpoint \($0.number)" } ?? "none")
                }
            }
            guard let first = pending.first,
                isEnd || first.signed.checkpoint.treeSize <= findings.walk.nextSequence
            else { return }
            try findings.walk.checkpoint(first.signed)
            findings.checkpointNumber = first.number
            pending.removeFirst()
        }
    }

    /// What a walk from leaf to leaf does not see.
    private func checkRemains(_ findings: Findings, _ extent: Extent, isFull: Bool) async throws {
        let root = findings.walk.range.root
        try await context.database.read { tx in
            do {
                let stored = try ledger.tree(size: extent.size, in: tx).root()
                guard stored == root else {
                    throw Divergence(.root, at: extent.size, expected: "stored root \(stored)", found: "\(root)")
                }
            } catch let error as MerkleTreeError {
                throw Divergence(.truncation, at: nil, expected: "\(extent.size) leaves", found: "\(error)")
            }
            if let lost = try ledger.lostIntake(in: tx) {
                throw Divergence(
                    .missing, at: nil, expected: "event \(lost), which waits to be sealed", found: "no row")
            }
            guard isFull else { return }
            if let lost = try ledger.lostEvent(in: tx) {
                throw Divergence(
                    .missing, at: nil, expected: "a leaf of event \(lost)",
                    found: "neither a leaf nor a place in the queue")
            }
            if let hidden = try ledger.misfiledEvent(in: tx) {
                throw Divergence(
                    .missing, at: nil, expected: "event \(hidden) under what it says",
                    found: "another row of audit_lookup, or none")
            }
        }
    }
}
