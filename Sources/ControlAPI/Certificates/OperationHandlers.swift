import APIContract
import Access
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Query
import Store

/// Operations on many objects (specification, rest-api §6.6).
struct OperationHandlers: Sendable {
    let lists: Lists
    let context: LifecycleContext
    let flow: BulkRevokeFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(OperationRoutes.list, list)
        handlers.on(OperationRoutes.get, get)
        handlers.on(OperationRoutes.cancel, cancel)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = OperationFilter()
        filter.states = context.query.values("state")
        filter.kinds = context.query.values("kind")
        if !context.clearance.reach.isEverywhere { filter.createdBy = context.principal.actor }
        return try await lists.answer(
            context, filter: filter, natural: (OperationSort.createdAt, true),
            fetch: { request, tx in
                try OperationStore().list(request, in: tx).map { operation in
                    (operation, try OperationBody.errors(of: operation, limit: OperationBody.listedInPages, in: tx))
                }
            },
            body: { OperationBody($0.0, errors: $0.1, criteria: $0.0.briefCriteria) })
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let operation = try await visible(context)
        if context.request.prefers("application/x-ndjson", over: "application/json") {
            let (stream, time) = (OperationStream(context: self.context), self.context.time)
            return .stream("application/x-ndjson") { output in
                try await stream.follow(operation.id, output) { try await time.sleep(.milliseconds(500)) }
            }
        }
        return .json(try await OperationBody.read(operation, in: self.context))
    }

    private func cancel(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let operation = try await visible(context)
        let cancelled = try await flow.cancel(operation.id, by: context.authorship)
        return .json(try await OperationBody.read(cancelled, in: self.context))
    }

    /// Whoever began it, or holds the permission for everything; for all others there is none.
    private func visible(_ context: AuthenticatedContext) async throws -> Operation {
        let id: OperationID = try context.request.id()
        let operation = try await self.context.database.fetch { try OperationStore().get(id, in: $0) }
        guard operation.createdBy == context.principal.actor || context.clearance.reach.isEverywhere else {
            throw StoreError.notFound(.operation, id: id.text).serviceError
        }
        return operation
    }
}

/// Tells what becomes of the objects of an operation, a line for each, until it has ended.
struct OperationStream: Sendable {
    private static let batch = 500

    let context: LifecycleContext

    /// - `advance`: Works on the operation, or waits for others to.
    func follow(
        _ id: OperationID, _ output: ResponseStream, advance: @Sendable () async throws -> Void
    ) async throws {
        var position = ""
        while true {
            let after = position
            let (operation, items) = try await context.database.fetch { tx in
                // Read in this order, so that what has ended has no object that is not told.
                let operation = try OperationStore().get(id, in: tx)
                return (
                    operation,
                    try OperationStore().items(
                        of: id, OperationOutcome.allCases, after: after, limit: Self.batch, in: tx)
                )
            }
            let isOver = operation.finishedAt != nil
            // Objects are worked on in their order: what comes after a pending one is told when it is done.
            let told = isOver ? items.filter { $0.outcome != .pending } : Array(items.prefix { $0.outcome != .pending })
            for item in told { try await write(BulkItemBody(item).json, output) }
            position = (isOver ? items.last : told.last)?.subject ?? position
            if !told.isEmpty || (isOver && items.count == Self.batch) { continue }
            if isOver {
                let body = try await OperationBody.read(operation, in: context)
                return try await write(.object(["summary": body.result.json]), output)
            }
            try await advance()
        }
    }

    private func write(_ line: JSONValue, _ output: ResponseStream) async throws {
        try await output.write(line.octets + [0x0A])
    }
}

extension OperationBody {
    private static let listed = 1000
    /// The same on a page of operations, which can be 500.
    fileprivate static let listedInPages = 10

    /// With the first of its failures.
    static func read(_ operation: Operation, in context: LifecycleContext) async throws -> OperationBody {
        let errors = try await context.database.fetch { try Self.errors(of: operation, in: $0) }
        return OperationBody(operation, errors: errors, criteria: operation.criteria)
    }

    static func errors(
        of operation: Operation, limit: Int = listed, in tx: any Transaction
    ) throws -> [OperationItem] {
        guard operation.progress.failed > 0 else { return [] }
        return try OperationStore().items(of: operation.id, [.failed], limit: limit, in: tx)
    }

    init(_ operation: Operation, errors: [OperationItem], criteria: JSONObject) {
        self.init {
            $0.id = operation.id
            $0.kind = operation.kind
            $0.state = operation.state
            $0.progress.done = operation.progress.done
            $0.progress.total = operation.progress.total
            $0.result.totalMatched = operation.progress.total
            $0.result.totalRevoked = operation.progress.succeeded
            $0.result.totalSkipped = operation.progress.skipped
            $0.result.totalFailed = operation.progress.failed
            $0.result.errors = errors.map { BulkErrorBody($0) }
            $0.result.operationID = operation.id
            $0.reason = operation.reason
            $0.criteria = criteria
            $0.itemsSHA256 = operation.itemsSHA256
            $0.approvalID = operation.approvalID
            $0.createdBy = operation.createdBy.id
            $0.createdAt = operation.createdAt
            $0.startedAt = operation.startedAt
            $0.finishedAt = operation.finishedAt
        }
    }
}

extension BulkErrorBody {
    init(_ item: OperationItem) {
        self.init {
            $0.certificateID = CertificateID(stored: item.subject)
            $0.error = item.detail ?? ""
        }
    }
}

extension BulkItemBody {
    init(_ item: OperationItem) {
        self.init {
            $0.certificateID = CertificateID(stored: item.subject)
            $0.outcome = item.outcome == .succeeded ? "revoked" : item.outcome.rawValue
            $0.reason = item.detail
        }
    }
}
