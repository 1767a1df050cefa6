import AuditProof
package import Domain
import Encoding
import Query
package import Sealing
package import Store

/// Which part of the log a bundle holds.
package struct BundleExtent: Sendable {
    package let logID: String
    package let firstSequence: Int
    package let until: Timestamp?
    /// The checkpoint that the bundle ends with.
    package let last: NumberedCheckpoint
}

/// Writes the log as a file that proves itself (``AuditProof/BundleLine``), a batch of leaves at a time.
package struct AuditBundle: Sendable {
    private static let batch = 500

    private let context: LifecycleContext
    private let keeper: CheckpointKeeper
    private let ledger = AuditLedger()
    private let checkpoints = CheckpointStore()

    package init(_ context: LifecycleContext, sealer: Sealer) {
        self.context = context
        keeper = CheckpointKeeper(sealer: sealer, random: context.random)
    }

    /// The run from the first event at or after `since` up to the last checkpoint. From the first event
    /// at or after `until` on, there are hashes alone.
    ///
    /// - Throws: A ``Domain/ServiceError`` when nothing of the period is signed yet.
    package func extent(since: Timestamp?, until: Timestamp?) async throws -> BundleExtent {
        try await context.database.read { tx in
            guard let last = try checkpoints.latest(in: tx), let keys = try keeper.keys(in: tx) else {
                throw ServiceError(.invalidState, "no checkpoint was signed yet; ask again in a minute")
            }
            let first: Int
            if let since {
                first = try ledger.firstSequence(since: since, in: tx) ?? last.signed.checkpoint.treeSize
            } else {
                first = 0
            }
            guard first < last.signed.checkpoint.treeSize else {
                throw ServiceError(.invalidState, "no event of that time is under a checkpoint yet")
            }
            return BundleExtent(logID: keys.logID, firstSequence: first, until: until, last: last)
        }
    }

    /// Writes every line; `write` may suspend while its reader is slow.
    package func write(
        _ extent: BundleExtent, to write: ([UInt8]) async throws -> Void
    ) async throws {
        let (header, firstCheckpoint) = try await context.database.read { tx in
            let first = extent.firstSequence
            let frontier = try ledger.tree(size: first, in: tx).frontier(first)
            let header = BundleLine.header(
                logID: extent.logID, firstSequence: first, frontier: frontier.hashes,
                previousRowHash: try ledger.rowHash(at: first - 1, in: tx), until: extent.until?.rfc3339)
            let next = try checkpoints.first(coveringAtLeast: first + 1, in: tx)
            return (header, next?.number ?? extent.last.number)
        }
        try await write(header.octets)
        var nextCheckpoint = firstCheckpoint
        var pending: [NumberedCheckpoint] = []
        var sequence = extent.firstSequence
        var isPastEnd = false
        let size = extent.last.signed.checkpoint.treeSize
        while sequence < size {
            let from = sequence
            let leaves = try await context.database.read { tx in
                try ledger.leaves(from: from, limit: min(Self.batch, size - from), in: tx)
            }
            guard !leaves.isEmpty else { throw AuditFailure("the log lacks the leaves from \(from) on") }
            var octets: [UInt8] = []
            for leaf in leaves {
                if let until = extent.until, let event = leaf.event, event.timestamp >= until { isPastEnd = true }
                octets += Self.line(leaf, withEvent: !isPastEnd).octets
                sequence = leaf.sequence + 1
                while nextCheckpoint <= extent.last.number {
                    if pending.isEmpty {
                        let number = nextCheckpoint
                        pending = try await context.database.read {
                            try checkpoints.from(number, limit: Self.batch, in: $0)
                        }
                    }
                    guard let next = pending.first, next.signed.checkpoint.treeSize <= sequence else { break }
                    octets += BundleLine.checkpoint(next.signed).octets
                    pending.removeFirst()
                    nextCheckpoint = next.number + 1
                }
            }
            try await write(octets)
        }
        try await write(BundleLine.end(treeSize: size).octets)
    }

    private static func line(_ leaf: LedgerLeaf, withEvent: Bool) -> BundleLine {
        guard withEvent, let event = leaf.event else {
            return .hashes(sequence: leaf.sequence, leafHash: leaf.leafHash, rowHash: leaf.rowHash)
        }
        return .leaf(
            sequence: leaf.sequence, text: AuditLeaf(event.leafMembers).text, leafHash: leaf.leafHash,
            rowHash: leaf.rowHash)
    }
}
