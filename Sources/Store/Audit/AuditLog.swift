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
    package var outcomes: [AuditOutcome] = []
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}

    /// Whether an index of `audit_lookup` serves the filter.
    var isLookUp: Bool {
        !(categories.isEmpty && actors.isEmpty && actions.isEmpty && resourceTypes.isEmpty && resourceIDs.isEmpty
            && requestIDs.isEmpty)
    }

    /// The conditions on `table`, which has the members that events are looked up by, and on `audit_events e`.
    func conditions(on table: SQL) -> [SQL] {
        var all: [SQL] = []
        if !categories.isEmpty { all.append("\(fragment: table).event_category IN \(list: categories)") }
        if !actors.isEmpty { all.append("\(fragment: table).actor IN \(list: actors)") }
        if !actions.isEmpty { all.append("\(fragment: table).action IN \(list: actions)") }
        if !resourceTypes.isEmpty { all.append("\(fragment: table).resource_type IN \(list: resourceTypes)") }
        if !resourceIDs.isEmpty { all.append("\(fragment: table).resource_id IN \(list: resourceIDs)") }
        if !requestIDs.isEmpty { all.append("\(fragment: table).request_id IN \(list: requestIDs)") }
        if let since { all.append("\(fragment: table).timestamp >= \(since)") }
        if let until { all.append("\(fragment: table).timestamp < \(until)") }
        if !actorTypes.isEmpty { all.append("e.actor_type IN \(list: actorTypes)") }
        if !outcomes.isEmpty { all.append("e.outcome IN \(list: outcomes)") }
        return all
    }
}

package enum AuditSort: String, ListSort {
    case timestamp
}

/// The append-only audit trail.
package struct AuditLog: Sendable {
    package init() {}

    /// The columns of an event, of `audit_events e`.
    static let eventColumns: SQL = """
        e.id, e.actor, e.actor_type, e.action, e.resource_type, e.resource_id, e.details, e.timestamp,
        e.event_category, e.outcome, e.reason, e.request_id, e.credential_id, e.client_ip, e.channel
        """
    private static let columns: SQL = """
        \(fragment: eventColumns), l.seq, l.row_hash, p.row_hash AS prev_hash
        """
    private static let places: SQL = """
        LEFT JOIN audit_leaves l ON l.event_id = e.id LEFT JOIN audit_leaves p ON p.seq = l.seq - 1
        """
    private static let source: SQL = "audit_events e \(fragment: places)"
    private static let lookupColumns: SQL = """
        event_category, actor, action, resource_type, resource_id, request_id
        """
    /// What is sealed by the indexes of `audit_lookup`, merged with the few events that wait.
    private static let lookupSource: SQL = """
        (
            SELECT event_id, timestamp, \(fragment: lookupColumns) FROM audit_lookup
            UNION ALL
            SELECT w.id, w.timestamp, \(fragment: lookupColumns)
            FROM audit_intake i JOIN audit_events w ON w.id = i.event_id
        ) f JOIN audit_events e ON e.id = f.event_id \(fragment: places)
        """

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

    /// The sealed events of a filter with smaller numbers than `end`, oldest first, after a position.
    ///
    /// Whatever is sealed is committed and never changes, so pages read one after the other make one consistent whole.
    package func sealed(
        _ filter: AuditFilter, below end: Int, after position: (timestamp: Timestamp, id: AuditEventID)?, limit: Int,
        in tx: any Transaction
    ) throws -> [AuditEvent] {
        if try usesLookup(filter, in: tx) {
            var conditions = filter.conditions(on: "f") + ["f.seq < \(end)"]
            if let position { conditions.append("(f.timestamp, f.event_id) > (\(position.timestamp), \(position.id))") }
            return try tx.rows(
                """
                SELECT \(fragment: Self.columns)
                FROM audit_lookup f JOIN audit_events e ON e.id = f.event_id \(fragment: Self.places)
                WHERE \(fragment: SQL.joined(conditions, by: " AND "))
                ORDER BY f.timestamp, f.event_id LIMIT \(limit)
                """
            ).map { try AuditEvent($0) }
        }
        var conditions = filter.conditions(on: "e") + ["l.seq < \(end)"]
        if let position { conditions.append("(e.timestamp, e.id) > (\(position.timestamp), \(position.id))") }
        return try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM \(fragment: Self.source)
            WHERE \(fragment: SQL.joined(conditions, by: " AND ")) ORDER BY e.timestamp, e.id LIMIT \(limit)
            """
        ).map { try AuditEvent($0) }
    }

    package func countSealed(_ filter: AuditFilter, below end: Int, in tx: any Transaction) throws -> Int {
        let isLookUp = try usesLookup(filter, in: tx)
        let source: SQL =
            isLookUp
            ? "audit_lookup l JOIN audit_events e ON e.id = l.event_id"
            : "audit_events e JOIN audit_leaves l ON l.event_id = e.id"
        let conditions = filter.conditions(on: isLookUp ? "l" : "e") + ["l.seq < \(end)"]
        return try tx.row(
            """
            SELECT count(*) AS n FROM \(fragment: source) WHERE \(fragment: SQL.joined(conditions, by: " AND "))
            """
        )?.int("n") ?? 0
    }

    package func list(
        _ request: ListRequest<AuditFilter, AuditSort>,
        in tx: any Transaction
    ) throws -> Page<AuditEvent> {
        let isLookUp = try usesLookup(request.filter, in: tx)
        let listing = Listing(
            request,
            columns: Self.columns,
            source: isLookUp ? Self.lookupSource : Self.source,
            conditions: request.filter.conditions(on: isLookUp ? "f" : "e"),
            key: isLookUp ? "f.timestamp" : "e.timestamp",
            id: isLookUp ? "f.event_id" : "e.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try AuditEvent($0) }
    }

    /// Until the events that were sealed before are brought, filters read the events themselves in the order of time.
    private func usesLookup(_ filter: AuditFilter, in tx: any Transaction) throws -> Bool {
        try filter.isLookUp && BackfillStore().isFinished(.auditLookup, in: tx)
    }
}
