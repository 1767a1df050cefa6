import Domain
import Encoding
import Query
import Store

/// Begins and ends operations on many objects, in the transaction of whoever calls.
struct OperationDesk: Sendable {
    private let context: LifecycleContext
    private let store = OperationStore()
    private let gate = ApprovalGate()

    init(_ context: LifecycleContext) { self.context = context }

    /// Begins what waited for this approval. Throws 409 `stale_approval` when it waits no longer, or is about other
    /// certificates than were approved.
    @discardableResult
    func begin(under approval: ApprovalID, by author: Authorship, in tx: any Transaction) throws -> Operation {
        guard let waiting = try store.awaiting(approval, in: tx) else {
            throw ApprovalGate.stale(approval, "its operation no longer waits")
        }
        return try begin(try gate.permit(waiting, under: approval, in: tx), by: author, in: tx)
    }

    private func begin(
        _ permit: consuming BulkRevocationPermit, by author: Authorship, in tx: any Transaction
    ) throws -> Operation {
        let operation = try store.start(permit.operation, in: tx)
        try record(.bulkRevocationStarted, operation, by: author, in: tx)
        return operation
    }

    /// Ends what waited for an approval that nobody gave.
    func cancel(
        awaiting approval: ApprovalID, reason: String, by author: Authorship, in tx: any Transaction
    ) throws {
        guard let waiting = try store.awaiting(approval, in: tx) else { return }
        try cancel(waiting, reason: reason, by: author, in: tx)
    }

    @discardableResult
    func cancel(
        _ operation: Operation, reason: String, by author: Authorship, in tx: any Transaction
    ) throws -> Operation {
        let cancelled = try store.finish(operation.id, as: .cancelled, in: tx)
        try record(.bulkRevocationCancelled, cancelled, reason: reason, by: author, in: tx)
        return cancelled
    }

    func record(
        _ action: RecordedAction, _ operation: Operation, reason: String? = nil, by author: Authorship,
        in tx: any Transaction
    ) throws {
        let progress = operation.progress
        var details: JSONObject = [
            "kind": .string(operation.kind.rawValue), "state": .string(operation.state.rawValue),
            "reason": .string(operation.reason.rawValue), "criteria": .object(operation.briefCriteria),
            "items_sha256": .string(operation.itemsSHA256), "total": .integer(Int64(progress.total)),
            "succeeded": .integer(Int64(progress.succeeded)), "skipped": .integer(Int64(progress.skipped)),
            "failed": .integer(Int64(progress.failed)),
        ]
        if let approval = operation.approvalID { details["approval_id"] = .string(approval.text) }
        if let reason { details["note"] = .string(reason) }
        try context.recorder.record(action, operation.id.text, details: details, by: author, in: tx)
    }
}
