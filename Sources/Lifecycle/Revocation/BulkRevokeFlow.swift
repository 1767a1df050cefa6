package import Domain
package import Encoding
import Query
package import Store

/// Which certificates are to be revoked together, and why.
package struct BulkRevocation: Sendable {
    /// What chooses them; empty members choose nothing away.
    package let filter: CertificateFilter
    /// The same as the client said it, for people to read.
    package let criteria: JSONObject
    package let order: RevocationOrder
    /// How many the client expects.
    package let confirmedCount: Int?

    package init(filter: CertificateFilter, criteria: JSONObject, order: RevocationOrder, confirmedCount: Int? = nil) {
        self.filter = filter
        self.criteria = criteria
        self.order = order
        self.confirmedCount = confirmedCount
    }
}

/// What a bulk revocation would do.
package struct BulkRevocationPreview: Sendable {
    package let total: Int
    package let revocable: Int
    package let skipped: Int
    /// Identifiers that name nothing in reach.
    package let unknown: [CertificateID]
    /// The first of them by identifier.
    package let sample: [OperationItem]
    /// Whether a second person would have to agree.
    package let needsApproval: Bool
}

/// Revokes many certificates as one operation (specification, rest-api §7.3, domain §10).
///
/// The operation and its exact certificates are stored before the first is revoked. Then whoever comes works on it: the
/// request that began it, and the loop of any replica. Each takes some certificates in one transaction with what became
/// of them, under the lock of the operation, so that nothing is lost or done twice.
package struct BulkRevokeFlow: Sendable {
    /// Certificates of one transaction.
    static let chunk = 200
    /// More than these have to be confirmed by their number.
    package static let unconfirmed = 10_000
    private static let sample = 100

    private let context: LifecycleContext
    private let revoke: RevokeFlow
    private let rule: @Sendable () -> SecondPersonRule
    private let store = OperationStore()
    private let gate = ApprovalGate()
    private let desk: OperationDesk

    /// - `rule`: `CERTCTL_APPROVAL_BULK_REVOCATION`.
    package init(
        _ context: LifecycleContext, observers: [RevocationObserver], rule: @escaping @Sendable () -> SecondPersonRule
    ) {
        self.context = context
        revoke = RevokeFlow(context, observers: observers)
        self.rule = rule
        desk = OperationDesk(context)
    }

    // MARK: Before

    /// What would be done, which changes nothing.
    package func preview(_ wanted: BulkRevocation, by author: Authorship) async throws -> BulkRevocationPreview {
        try Self.validate(wanted)
        return try await context.database.read { tx in
            let choice = try store.preview(
                wanted.filter, for: wanted.order.reason, isCompromise: wanted.order.reason.isCompromise,
                within: author.clearance, sample: Self.sample, in: tx)
            let unknown = try store.unknown(wanted.filter.certificateIDs, within: author.clearance, in: tx)
            let needsNobody = try gate.permit(OperationID(stored: "op-preview"), by: rule(), in: tx) != nil
            return BulkRevocationPreview(
                total: choice.total + unknown.count, revocable: choice.total - choice.skipped,
                skipped: choice.skipped, unknown: unknown, sample: choice.sample.map(Self.item),
                needsApproval: !needsNobody && choice.total > 0)
        }
    }

    private static func item(_ match: OperationStore.Choice.Match) -> OperationItem {
        guard !match.isRevocable else { return OperationItem(match.id.text, .succeeded) }
        let why =
            switch match.status {
            case .revoked: "it is revoked already"
            case .archived: "it is archived"
            default: match.isIssued ? "nothing of it is left to revoke" : "it was never issued"
            }
        return OperationItem(match.id.text, .skipped, why)
    }

    /// Stores the operation; it waits when a second person has to agree.
    ///
    /// Throws 409 `confirmation_required` when the number of certificates is not the one that was confirmed, or needs to be
    /// confirmed.
    package func begin(_ wanted: BulkRevocation, by author: Authorship) async throws -> Operation {
        try Self.validate(wanted)
        let operation = try await context.write { tx in
            if let date = wanted.order.invalidityDate, date > tx.now {
                throw Self.invalid("/invalidity_date", "must not lie in the future")
            }
            return try begin(wanted, by: author, in: tx)
        }
        if operation.finishedAt != nil { context.observers.operationEnded(operation) }
        return operation
    }

    private func begin(
        _ wanted: BulkRevocation, by author: Authorship, in tx: any Transaction
    ) throws -> Operation {
        let unknown = try store.unknown(wanted.filter.certificateIDs, within: author.clearance, in: tx)
        // The work goes by what is stored and approved, and so does the key.
        var criteria = wanted.criteria
        criteria[Operation.keyMember] = wanted.filter.spkiSHA256.map { .string($0) }
        var new = NewOperation(
            id: context.newID(), kind: .bulkRevocation, createdBy: author.actor, criteria: criteria,
            reason: wanted.order.reason, invalidityDate: wanted.order.invalidityDate)
        new.requestID = author.origin?.requestID
        let isFree = try gate.permit(new.id, by: rule(), in: tx) != nil
        let stored = try store.insert(
            new, choosing: wanted.filter, unknown: unknown, within: author.clearance, awaitingApproval: !isFree, in: tx)
        try Self.confirm(wanted.confirmedCount, stored.progress.total)
        try desk.record(.bulkRevocationInitiated, stored, by: author, in: tx)
        if stored.progress.done == stored.progress.total { return try end(stored, by: author, in: tx) }
        guard !isFree else { return stored }
        let approval = try ApprovalDesk(context).requestBulkRevocation(BulkRevocationTerms(stored), by: author, in: tx)
        let waiting = try store.setApproval(approval.id, of: stored.id, in: tx)
        guard approval.state == .approved else { return waiting }
        return try desk.begin(under: approval.id, by: author, in: tx)
    }

    /// An operation without anything to look at.
    private func end(_ operation: Operation, by author: Authorship, in tx: any Transaction) throws -> Operation {
        let isFailure = operation.progress.failed > 0
        let ended = try store.finish(operation.id, as: isFailure ? .failed : .succeeded, in: tx)
        try desk.record(.bulkRevocationFinished, ended, by: author, in: tx)
        return ended
    }

    private static func confirm(_ confirmed: Int?, _ total: Int) throws(ServiceError) {
        if let confirmed {
            guard confirmed == total else {
                throw ServiceError(
                    .confirmationRequired,
                    "\(total) certificates match, not \(confirmed): look at them again, and confirm with "
                        + "confirm_count \(total)")
            }
        } else if total > unconfirmed {
            throw ServiceError(
                .confirmationRequired, "\(total) certificates match: confirm with confirm_count \(total)")
        }
    }

    private static func validate(_ wanted: BulkRevocation) throws(ServiceError) {
        guard wanted.order.reason != .removeFromCRL else {
            throw invalid("/reason", "holds are released one by one")
        }
    }

    private static func invalid(_ pointer: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: "invalid_value", detail: detail)])
    }

    // MARK: Work

    /// Takes the next certificates of an operation; as it is afterwards. Does nothing to one that is not under way.
    package func step(_ id: OperationID) async throws -> (operation: Operation, items: [OperationItem]) {
        let result: (operation: Operation, items: [OperationItem])
        do {
            result = try await work(id, Self.chunk)
        } catch let error where Self.isOfRecord(error) {
            result = try await alone(id)
        }
        if result.operation.finishedAt != nil, !result.items.isEmpty {
            context.observers.operationEnded(result.operation)
        }
        return result
    }

    /// Whether an error is about what is stored, and so comes again however often it is tried.
    private static func isOfRecord(_ error: any Error) -> Bool {
        switch error {
        case let error as ServiceError: error.code != .transient && error.code != .unavailable
        case let error as DatabaseError:
            switch error.kind {
            case .corrupt, .statement, .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation: true
            case .retryable, .unavailable, .authenticationFailed, .permissionDenied, .readOnly, .diskFull: false
            }
        default: error is IllegalCertificateTransition
        }
    }

    private func work(
        _ id: OperationID, _ count: Int
    ) async throws -> (operation: Operation, items: [OperationItem]) {
        try await context.write { tx in
            let operation = try store.lock(id, in: tx)
            guard operation.state == .running else { return (operation, []) }
            let ids = try store.next(count, of: id, in: tx).map { CertificateID(stored: $0) }
            var order = RevocationOrder(operation.reason, invalidityDate: operation.invalidityDate)
            order.operation = id
            let author = Authorship(actor: operation.createdBy, origin: nil, clearance: .system)
            let selection = operation.keySHA256.map { RevocationTarget.Selection.key($0) } ?? .standard
            let items = try revoke.revoke(ids, selection, order, by: author, in: tx)
            return (try record(items, of: id, by: author, in: tx), items)
        }
    }

    /// One certificate that cannot be read must not keep the others: the first is tried by itself, and fails by itself.
    private func alone(_ id: OperationID) async throws -> (operation: Operation, items: [OperationItem]) {
        do {
            return try await work(id, 1)
        } catch let error where Self.isOfRecord(error) {
            return try await fail(id, (error as? ServiceError)?.detail ?? "its record cannot be read or changed")
        }
    }

    private func fail(
        _ id: OperationID, _ detail: String
    ) async throws -> (operation: Operation, items: [OperationItem]) {
        try await context.write { tx in
            let operation = try store.lock(id, in: tx)
            guard operation.state == .running else { return (operation, []) }
            let items = try store.next(1, of: id, in: tx).map { OperationItem($0, .failed, detail) }
            let author = Authorship(actor: operation.createdBy, origin: nil, clearance: .system)
            return (try record(items, of: id, by: author, in: tx), items)
        }
    }

    private func record(
        _ items: [OperationItem], of id: OperationID, by author: Authorship, in tx: any Transaction
    ) throws -> Operation {
        let operation = try store.record(items, of: id, in: tx)
        if operation.finishedAt != nil { try desk.record(.bulkRevocationFinished, operation, by: author, in: tx) }
        return operation
    }

    // MARK: The end

    /// Ends an operation before its next certificates; what is revoked stays revoked. Throws 409 when it has ended.
    package func cancel(_ id: OperationID, by author: Authorship) async throws -> Operation {
        let cancelled = try await context.write { tx in
            // Whoever decides locks the approval first, and then the operation.
            let request = try store.get(id, in: tx).approvalID.map {
                try ApprovalStore().lock($0, within: .system, in: tx)
            }
            let operation = try store.lock(id, in: tx)
            guard operation.finishedAt == nil else {
                throw ServiceError(.invalidState, "\(id.text) has ended: it is \(operation.state.rawValue)")
            }
            let cancelled = try desk.cancel(operation, reason: "by \(author.actor.id)", by: author, in: tx)
            if let request, request.state == .pending {
                _ = try ApprovalDesk(context).expire(request, note: "\(id.text) was cancelled", in: tx)
            }
            return cancelled
        }
        context.observers.operationEnded(cancelled)
        return cancelled
    }
}
