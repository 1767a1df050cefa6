package import Domain
import Encoding
package import Query

/// Which audit events a list shows; several values of one member mean any of them.
package struct AuditFilter: Hashable, Sendable {
    package var categories: [AuditCategory] = []
    package var actors: [String] = []
    package var actorTypes: [ActorType] = []
    package var actions: [String] = []
    package var resourceTypes: [String] = []
    package var resourceIDs: [String] = []
    package var requestIDs: [String] = []
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !categories.isEmpty { all.append("e.event_category IN \(list: categories)") }
        if !actors.isEmpty { all.append("e.actor IN \(list: actors)") }
        if !actorTypes.isEmpty { all.append("e.actor_type IN \(list: actorTypes)") }
        if !actions.isEmpty { all.append("e.action IN \(list: actions)") }
        if !resourceTypes.isEmpty { all.append("e.resource_type IN \(list: resourceTypes)") }
        if !resourceIDs.isEmpty { all.append("e.resource_id IN \(list: resourceIDs)") }
        if !requestIDs.isEmpty { all.append("e.request_id IN \(list: requestIDs)") }
        if let since { all.append("e.timestamp >= \(since)") }
        if let until { all.append("e.timestamp < \(until)") }
        return all
    }
}

package enum AuditSort: String, ListSort {
    case timestamp
}

/// The append-only audit trail.
package struct AuditLog: Sendable {
    package init() {}

    private static let columns: SQL = """
        e.id, e.actor, e.actor_type, e.action, e.resource_type, e.resource_id, e.details, e.timestamp,
        e.event_category, e.outcome, e.reason, e.request_id, e.credential_id, e.client_ip, e.channel, l.seq
        """
    private static let source: SQL = "audit_events e LEFT JOIN audit_leaves l ON l.event_id = e.id"

    /// Writes an event in the transaction that has the effect it tells of.
    package func append(_ entry: AuditEntry, in tx: any Transaction) throws {
        let origin = entry.author.origin
        try tx.submit(
            DeferredStatement(
                head: """
                    INSERT INTO audit_events (
                        id, actor, actor_type, action, resource_type, resource_id, details, timestamp, event_category,
                        outcome, reason, request_id, credential_id, client_ip, channel
                    ) VALUES
                    """,
                member: """
                     (
                        \(entry.id), \(entry.author.actor.id), \(entry.author.actor.type), \(entry.action),
                        \(entry.resourceType), \(entry.resourceID), \(JSONColumn.value(.object(entry.details.json))),
                        \(tx.now), \(entry.category), \(entry.outcome), \(entry.reason), \(origin?.requestID),
                        \(entry.credentialID), \(origin?.clientAddress), \(origin?.channel)
                    )
                    """
            )
        )
    }

    package func find(_ id: AuditEventID, in tx: any Transaction) throws -> AuditEvent? {
        try tx.row("SELECT \(fragment: Self.columns) FROM \(fragment: Self.source) WHERE e.id = \(id)")
            .map { try AuditEvent($0) }
    }

    package func list(
        _ request: ListRequest<AuditFilter, AuditSort>,
        in tx: any Transaction
    ) throws -> Page<AuditEvent> {
        let listing = Listing(
            request,
            columns: Self.columns,
            source: Self.source,
            conditions: request.filter.conditions,
            key: "e.timestamp",
            id: "e.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try AuditEvent($0) }
    }
}
