import APIContract
import Domain
import Encoding
import HTTPServing
import Store

/// The audit trail (specification, rest-api §7.16).
struct AuditHandlers: Sendable {
    let lists: Lists

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuditRoutes.list, list)
        handlers.on(AuditRoutes.get, get)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let query = context.query
        var filter = AuditFilter(query)
        filter.since = query.time("since")
        filter.until = query.time("until")
        if let since = filter.since, let until = filter.until, until <= since {
            throw ServiceError(.invalidParameter, "until must be later than since")
        }
        return try await lists.answer(
            context, filter: filter, natural: (AuditSort.timestamp, query.text("order") != "asc"),
            fetch: { try AuditLog().list($0, in: $1) }, body: Self.body
        )
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: AuditEventID = try context.request.id()
        let event = try await lists.database.fetch { tx in
            guard let event = try AuditLog().find(id, in: tx) else {
                throw StoreError.notFound(.auditEvent, id: id.text)
            }
            return event
        }
        return .json(Self.body(event))
    }

    static func body(_ event: AuditEvent) -> AuditEventBody {
        AuditEventBody {
            $0.id = event.id
            $0.actor = event.actor.id
            $0.actorType = event.actor.type
            $0.action = event.action
            $0.resourceType = event.resourceType
            $0.resourceID = event.resourceID
            $0.details = event.details.objectValue ?? [:]
            $0.timestamp = event.timestamp
            $0.eventCategory = APIContract.AuditCategory(rawValue: event.category.rawValue)
            $0.requestID = event.requestID
            $0.clientIP = event.clientAddress
            $0.channel = event.channel
            $0.outcome = event.outcome.rawValue
            $0.reason = event.reason
            $0.credentialID = event.credentialID
            $0.sequence = event.sequence
            $0.previousHash = event.sequence == nil ? nil : event.previousRowHash
            $0.rowHash = event.rowHash
        }
    }
}
