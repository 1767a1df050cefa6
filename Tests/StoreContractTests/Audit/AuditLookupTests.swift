import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

/// Keeps the statements of one transaction.
private final class RecordingTransaction: Transaction {
    private let wrapped: any Transaction
    private(set) var statements: [SQL] = []

    init(_ wrapped: any Transaction) { self.wrapped = wrapped }

    var engine: Engine { wrapped.engine }
    var now: Timestamp { wrapped.now }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        statements.append(sql)
        return try wrapped.rows(sql)
    }

    func execute(_ sql: SQL) throws(DatabaseError) -> Int { try wrapped.execute(sql) }
    func notify(_ channel: SignalChannel, payload: String) throws(DatabaseError) {}
}

@Suite("Security §9.6: audit events are found by what they say, sealed or not, without indexes at the events")
struct AuditLookupTests {
    private static let filters: [(name: String, change: @Sendable (inout AuditFilter) -> Void)] = [
        ("actor", { $0.actors = ["a-1"] }), ("actors", { $0.actors = ["a-0", "a-2"] }),
        ("action", { $0.actions = ["act-2"] }), ("category", { $0.categories = [.config] }),
        ("type", { $0.resourceTypes = ["team"] }), ("resource", { $0.resourceIDs = ["r-3"] }),
        ("request", { $0.requestIDs = ["req-00000005"] }),
        (
            "several",
            {
                $0.actors = ["a-1"]
                $0.categories = [.certificateLifecycle]
            }
        ),
        (
            "with what has no index",
            {
                $0.actors = ["a-1"]
                $0.outcomes = [.denied]
                $0.actorTypes = [.user]
            }
        ),
        (
            "since",
            {
                $0.actors = ["a-1"]
                $0.since = Timestamp(secondsSinceEpoch: 1)
            }
        ),
        ("none", { _ in }),
    ]

    private static func append(_ numbers: Range<Int>, in database: any Database) async throws {
        for number in numbers {
            try await database.write { tx in
                try AuditLog().append(
                    AuditEntry(
                        id: Unique.id(),
                        author: Authorship(
                            actor: Actor(id: "a-\(number % 3)", type: .user),
                            origin: RequestOrigin(
                                requestID: "req-0000000\(number % 10)", clientAddress: "192.0.2.7", channel: "api"),
                            clearance: .system),
                        action: "act-\(number % 4)", resourceType: number % 5 == 0 ? "team" : "certificate",
                        resourceID: "r-\(number % 7)", category: number % 5 == 0 ? .config : .certificateLifecycle,
                        outcome: number % 2 == 0 ? .success : .denied),
                    in: tx)
            }
        }
    }

    private static func finishBackfill(_ database: any Database) async throws {
        var isFinished = false
        while !isFinished {
            isFinished = try await database.write { tx in
                try BackfillStore().advance(.auditLookup, limit: 7, by: "test", in: tx).state == .finished
            }
        }
    }

    /// Every page of a filter, and the total that the first one states.
    private static func all(
        _ filter: AuditFilter, descending: Bool, in database: any Database
    ) async throws -> (ids: [AuditEventID], total: Int?) {
        var ids: [AuditEventID] = []
        var total: Int?
        var cursor: KeysetPosition?
        repeat {
            let request = ListRequest(
                filter: filter, sort: AuditSort.timestamp, isDescending: descending,
                page: .keyset(after: cursor, limit: 7), total: cursor == nil ? .exact : .none)
            let page = try await database.read { try AuditLog().list(request, in: $0) }
            ids += page.rows.map(\.id)
            total = total ?? page.total
            cursor = page.nextCursor
        } while cursor != nil
        return (ids, total)
    }

    @Test("every filter finds the same with and without the table", arguments: Engine.available)
    func sameAnswers(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await Self.append(0..<40, in: database)
            _ = try await database.write { try AuditLedger().seal(limit: 30, in: $0) }
            try await Self.append(40..<50, in: database)
            for descending in [true, false] {
                var before: [String: [AuditEventID]] = [:]
                for (name, change) in Self.filters {
                    var filter = AuditFilter()
                    change(&filter)
                    before[name] = try await Self.all(filter, descending: descending, in: database).ids
                    #expect(before[name]?.isEmpty == false, "\(name)")
                }
                try await Self.finishBackfill(database)
                for (name, change) in Self.filters {
                    var filter = AuditFilter()
                    change(&filter)
                    let found = try await Self.all(filter, descending: descending, in: database)
                    #expect(found.ids == before[name] && found.total == before[name]?.count, "\(name)")
                    let sealed = try await database.read { [filter] tx in
                        let events = try AuditLog().sealed(filter, below: 30, after: nil, limit: 100, in: tx)
                        #expect(try AuditLog().countSealed(filter, below: 30, in: tx) == events.count)
                        return events
                    }
                    #expect(
                        sealed.allSatisfy { ($0.sequence ?? 30) < 30 } && Set(sealed.map(\.id)).count == sealed.count)
                }
                try await database.write { _ = try $0.execute("DELETE FROM data_migrations") }
            }
        }
    }

    @Test("what was sealed before there was the table is brought, once", arguments: Engine.available)
    func backfill(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { tx in
                _ = try tx.execute(
                    engine == .postgres
                        ? "DROP TRIGGER audit_leaves_lookup ON audit_leaves" : "DROP TRIGGER audit_leaves_lookup")
            }
            try await Self.append(0..<20, in: database)
            _ = try await database.write { try AuditLedger().seal(limit: 15, in: $0) }
            let misfiled = try await database.read { try AuditLedger().misfiledEvent(in: $0) }
            #expect(misfiled == nil)
            try await Self.finishBackfill(database)
            let rows = try await database.read { tx in
                #expect(try AuditLedger().misfiledEvent(in: tx) == nil)
                return try tx.row("SELECT count(*) AS n FROM audit_lookup")?.int("n")
            }
            #expect(rows == 15)
            // The trigger is gone: what is sealed now is not found, and the check says so.
            _ = try await database.write { try AuditLedger().seal(limit: 15, in: $0) }
            #expect(try await database.read { try AuditLedger().misfiledEvent(in: $0) } != nil)
        }
    }

    @Test("a filtered page is read from an index in its order", arguments: Engine.available)
    func plan(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await Self.append(0..<30, in: database)
            _ = try await database.write { try AuditLedger().seal(limit: 30, in: $0) }
            try await Self.finishBackfill(database)
            for (index, change) in [
                ("audit_lookup_actor_idx", { @Sendable in $0.actors = ["a-1"] }),
                ("audit_lookup_action_idx", { @Sendable in $0.actions = ["act-1"] }),
                ("audit_lookup_category_idx", { @Sendable in $0.categories = [.config] }),
                ("audit_lookup_resource_type_idx", { @Sendable in $0.resourceTypes = ["team"] }),
                ("audit_lookup_resource_id_idx", { @Sendable in $0.resourceIDs = ["r-1"] }),
            ] as [(String, @Sendable (inout AuditFilter) -> Void)] {
                var filter = AuditFilter()
                change(&filter)
                let request = ListRequest(
                    filter: filter, sort: AuditSort.timestamp, isDescending: true, page: .keyset(after: nil, limit: 5))
                let plan = try await database.write { tx in
                    let recording = RecordingTransaction(tx)
                    _ = try AuditLog().list(request, in: recording)
                    let statement = try #require(recording.statements.last)
                    return try Self.plan(of: statement, in: tx)
                }
                #expect(plan.contains(index), "\(plan)")
                #expect(plan.contains(engine == .postgres ? "Merge Append" : "MERGE (UNION ALL)"), "\(plan)")
                #expect(!plan.contains("SCAN audit_lookup") && !plan.contains("Seq Scan on audit_lookup"), "\(plan)")
            }
        }
    }

    private static func plan(of statement: SQL, in tx: any Transaction) throws -> String {
        if tx.engine == .postgres {
            // Thirty rows are read faster than an index is asked.
            try tx.execute("SET LOCAL enable_seqscan = off")
            try tx.execute("SET LOCAL enable_bitmapscan = off")
            return try tx.rows("EXPLAIN \(fragment: statement)").map { try $0.text("QUERY PLAN") }
                .joined(separator: "\n")
        }
        return try tx.rows("EXPLAIN QUERY PLAN \(fragment: statement)").map { try $0.text("detail") }
            .joined(separator: "\n")
    }

    @Test("the row of an event goes with it when an archive holds the event", arguments: Engine.available)
    func archived(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await Self.append(0..<4, in: database)
            _ = try await database.write { try AuditLedger().seal(limit: 4, in: $0) }
            let left = try await database.write { tx in
                try ArchiveStore().insert(
                    first: 0, end: 3, fileName: "a", sha256: String(repeating: "0", count: 64), in: tx)
                try tx.execute(
                    "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_leaves WHERE seq < 3)")
                return try tx.rows("SELECT seq FROM audit_lookup").map { try $0.int("seq") }
            }
            #expect(left == [3])
        }
    }
}
