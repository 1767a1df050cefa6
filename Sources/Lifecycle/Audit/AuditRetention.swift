import AuditProof
package import Domain
import Encoding
import Query
package import Sealing
package import Store

/// A place outside the database that archived events go to.
package struct ArchiveTarget: Sendable {
    /// Writes a new file under a name from what the closure feeds it, durable before this returns; the SHA-256 of the
    /// file in lower-case hexadecimal.
    package let write: @Sendable (_ name: String, _ feed: Feed) async throws -> String

    package typealias Append = @Sendable ([UInt8]) async throws -> Void
    package typealias Feed = @Sendable (_ append: @escaping Append) async throws -> Void

    package init(write: @escaping @Sendable (String, Feed) async throws -> String) { self.write = write }
}

/// Moves old events out of the database into bundles that prove themselves (security §9.7).
///
/// Leaves, subtrees and checkpoints stay, so that every later proof still holds. The database lets an event go only when
/// an archive is recorded over its place; the event that tells of the archive is signed for before any event goes.
package struct AuditRetention: Sendable {
    private static let batch = 500

    private let context: LifecycleContext
    private let leadership: Leadership
    private let bundle: AuditBundle
    private let target: ArchiveTarget
    private let plan: AuditPlan
    private let archives = ArchiveStore()
    private let checkpoints = CheckpointStore()

    package init(
        _ context: LifecycleContext, leadership: Leadership, sealer: Sealer, target: ArchiveTarget, plan: AuditPlan
    ) {
        self.context = context
        self.leadership = leadership
        bundle = AuditBundle(context, sealer: sealer)
        self.target = target
        self.plan = plan
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        let fence = try leadership.fence()
        let removed = try await removeArchived(fence)
        if plan.retention > .zero { _ = try await archive(before: now - plan.retention, by: .system, fence: fence) }
        return LoopOutcome(rows: removed)
    }

    /// Archives every signed run of events older than `time` and removes the events; `nil` when there is none.
    package func archive(
        before time: Timestamp, by author: Authorship, fence: Fence? = nil
    ) async throws -> AuditArchive? {
        _ = try await removeArchived(fence)
        guard let extent = try await extent(before: time) else { return nil }
        let end = extent.last.signed.checkpoint.treeSize
        let name = "audit-\(extent.firstSequence)-\(end).ndjson"
        let digest = try await target.write(name) { append in try await bundle.write(extent, to: append) }
        try await context.write { tx in
            try fence?.check(in: tx)
            try archives.insert(
                first: extent.firstSequence, end: end, fileName: name, sha256: digest, in: tx)
            try context.recorder.record(
                .auditArchived, name,
                details: [
                    "first_seq": JSONValue(extent.firstSequence), "end_seq": JSONValue(end), "sha256": .string(digest),
                ],
                by: author, in: tx)
        }
        return try await context.database.read { try archives.all(in: $0).last }
    }

    /// From the end of the last archive to the last checkpoint under which every event is old enough.
    private func extent(before time: Timestamp) async throws -> BundleExtent? {
        let run = try await context.database.read { tx -> (first: Int, last: NumberedCheckpoint)? in
            let size = try checkpoints.latest(in: tx)?.signed.checkpoint.treeSize ?? 0
            let end = try archives.archivableEnd(before: time, within: size, in: tx)
            let first = try archives.end(in: tx)
            // What the last archive holds must be gone before the next one is made.
            guard try archives.isRemoved(in: tx), let last = try checkpoints.last(coveringAtMost: end, in: tx),
                last.signed.checkpoint.treeSize > first
            else { return nil }
            return (first, last)
        }
        guard let run else { return nil }
        return BundleExtent(
            logID: run.last.signed.checkpoint.logID, firstSequence: run.first, until: nil, last: run.last)
    }

    private func removeArchived(_ fence: Fence?) async throws -> Int {
        var rows = 0
        while true {
            try Task.checkCancellation()
            let count = try await context.database.write { tx in
                try fence?.check(in: tx)
                return try archives.removeEvents(limit: Self.batch, in: tx)
            }
            rows += count
            if count < Self.batch { return rows }
        }
    }
}
