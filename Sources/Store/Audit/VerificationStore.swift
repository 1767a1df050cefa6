package import Domain
package import Query

/// The outcome of one verification of the log.
package struct AuditVerification: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable, Bindable {
        /// What was new since the last sound one.
        case incremental
        /// From the first leaf on.
        case full
        /// The last that found nothing: where the next incremental one begins.
        case sound
    }

    package let kind: Kind
    package let startedAt: Timestamp
    package let finishedAt: Timestamp
    package let rows: Int
    package let treeSize: Int
    package let rootHash: String
    /// The chain's hash at ``treeSize``.
    package let rowHash: String
    /// The number of the last checkpoint that was checked; -1 before the first.
    package let checkpointNumber: Int
    /// The first divergence; `nil` when there is none.
    package let divergence: String?

    package init(
        kind: Kind, startedAt: Timestamp, finishedAt: Timestamp, rows: Int, treeSize: Int, rootHash: String,
        rowHash: String, checkpointNumber: Int, divergence: String?
    ) {
        self.kind = kind
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.rows = rows
        self.treeSize = treeSize
        self.rootHash = rootHash
        self.rowHash = rowHash
        self.checkpointNumber = checkpointNumber
        self.divergence = divergence
    }

    init(_ row: Row) throws(DatabaseError) {
        kind = try row.value("kind")
        startedAt = try row.time("started_at")
        finishedAt = try row.time("finished_at")
        rows = try row.int("row_count")
        treeSize = try row.int("tree_size")
        rootHash = try row.text("root_hash")
        rowHash = try row.text("row_hash")
        checkpointNumber = try row.int("checkpoint_number")
        divergence = try row.optionalText("divergence")
    }
}

/// The last verification of each kind.
package struct VerificationStore: Sendable {
    package init() {}

    package func record(_ outcome: AuditVerification, as kind: AuditVerification.Kind, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO audit_verifications (
                kind, started_at, finished_at, row_count, tree_size, root_hash, row_hash, checkpoint_number, divergence
            ) VALUES (
                \(kind), \(outcome.startedAt), \(outcome.finishedAt), \(outcome.rows), \(outcome.treeSize),
                \(outcome.rootHash), \(outcome.rowHash), \(outcome.checkpointNumber), \(outcome.divergence)
            ) ON CONFLICT (kind) DO UPDATE SET
                started_at = excluded.started_at, finished_at = excluded.finished_at,
                row_count = excluded.row_count, tree_size = excluded.tree_size, root_hash = excluded.root_hash,
                row_hash = excluded.row_hash, checkpoint_number = excluded.checkpoint_number,
                divergence = excluded.divergence
            """
        )
    }

    package func last(_ kind: AuditVerification.Kind, in tx: any Transaction) throws -> AuditVerification? {
        try tx.row(
            """
            SELECT kind, started_at, finished_at, row_count, tree_size, root_hash, row_hash, checkpoint_number,
                divergence
            FROM audit_verifications WHERE kind = \(kind)
            """
        ).map { try AuditVerification($0) }
    }

    /// The newer one of the last incremental and the last full verification.
    package func newest(in tx: any Transaction) throws -> AuditVerification? {
        let outcomes = [try last(.incremental, in: tx), try last(.full, in: tx)].compactMap { $0 }
        return outcomes.max { $0.finishedAt < $1.finishedAt }
    }
}
