import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("Security §9.1–§9.3: the audit trail is complete, free of secrets and append-only")
struct AuditLogTests {
    private let log = AuditLog()

    private static func entry(
        _ action: String,
        resource: String = "cert-1",
        category: AuditCategory = .certificateLifecycle,
        details: AuditDetails = [:]
    ) -> AuditEntry {
        AuditEntry(
            id: Unique.id(),
            author: Authorship(
                actor: Seed.operatorActor,
                origin: RequestOrigin(requestID: "req-1", clientAddress: "192.0.2.7", channel: "cli"),
                clearance: .system
            ),
            action: action,
            resourceType: "certificate",
            resourceID: resource,
            category: category,
            reason: "because",
            credentialID: "ak-1",
            details: details
        )
    }

    /// Every way to change what was written.
    static let attempts: [(engines: [Engine], sql: SQL)] = [
        (Engine.allCases, "UPDATE audit_events SET actor = 'nobody'"),
        (Engine.allCases, "DELETE FROM audit_events"),
        (Engine.allCases, "UPDATE audit_leaves SET seq = seq + 1"),
        (Engine.allCases, "DELETE FROM audit_leaves"),
        ([.postgres], "TRUNCATE audit_events CASCADE"),
        ([.postgres], "TRUNCATE audit_leaves"),
        (
            [.sqlite],
            """
            INSERT OR REPLACE INTO audit_events (id, actor, actor_type, action, resource_type, resource_id)
            SELECT id, 'nobody', actor_type, action, resource_type, resource_id FROM audit_events
            """
        ),
        (
            [.sqlite],
            """
            INSERT OR REPLACE INTO audit_leaves (seq, event_id, leaf_hash)
            SELECT seq, event_id, zeroblob(32) FROM audit_leaves
            """
        ),
    ]

    @Test("nothing that was written can be changed or removed", arguments: Engine.available)
    func appendOnly(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let entry = Self.entry("certificate_created")
            let before = try await database.write { [log] tx in
                try log.append(entry, in: tx)
                let hash = [UInt8](repeating: 7, count: 32)
                _ = try tx.execute(
                    "INSERT INTO audit_leaves (seq, event_id, leaf_hash) VALUES (0, \(entry.id), \(hash))")
                return try log.find(entry.id, in: tx)
            }
            #expect(before?.sequence == 0)
            for (engines, sql) in Self.attempts where engines.contains(engine) {
                await #expect(throws: DatabaseError.self) {
                    try await database.write { _ = try $0.execute(sql) }
                }
            }
            let after = try await database.read { [log] in try log.find(entry.id, in: $0) }
            #expect(after == before)
        }
    }

    @Test("an event says who, whence, what and how it ended", arguments: Engine.available)
    func content(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let entry = Self.entry("certificate_updated", details: ["before": ["name": "a"], "serial": "ff"])
            let stored = try await database.write { [log] tx in
                try log.append(entry, in: tx)
                let stored = try #require(try log.find(entry.id, in: tx))
                #expect(stored.timestamp == tx.now)
                return stored
            }
            #expect(stored.actor == Seed.operatorActor && stored.action == "certificate_updated")
            #expect(stored.requestID == "req-1" && stored.clientAddress == "192.0.2.7" && stored.channel == "cli")
            #expect(stored.outcome == .success && stored.reason == "because" && stored.credentialID == "ak-1")
            #expect(stored.details["before"]?["name"] == "a" && stored.details["serial"] == "ff")
            #expect(stored.sequence == nil)
        }
    }

    @Test("what looks like a credential is replaced, however deep")
    func redaction() {
        let details: AuditDetails = [
            "Password": "hunter2", "config": ["api_key": "k", "list": [["db_token": "t", "name": "fine"]]],
            "note": "ctk_abcdefghijkl_secret", "pem": "-----BEGIN EC PRIVATE KEY-----\nAAAA", "key_size": 256,
        ]
        let text = JSONValue.object(details.json).text
        for secret in ["hunter2", "\"k\"", "\"t\"", "ctk_abc", "AAAA"] { #expect(!text.contains(secret), "\(secret)") }
        #expect(text.contains("fine") && text.contains("256"))
    }

    @Test("the list filters by every member, newest first", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let entries = [
                Self.entry("certificate_created"), Self.entry("create_team", resource: "t-1", category: .config),
                Self.entry("certificate_created", resource: "cert-2"),
            ]
            for entry in entries { try await database.write { [log] in try log.append(entry, in: $0) } }
            func found(_ change: (inout AuditFilter) -> Void) async throws -> [AuditEventID] {
                var filter = AuditFilter()
                change(&filter)
                let request = ListRequest(
                    filter: filter,
                    sort: AuditSort.timestamp,
                    isDescending: true,
                    page: .keyset(after: nil, limit: 10)
                )
                return try await database.read { [log] in try log.list(request, in: $0).rows.map(\.id) }
            }
            #expect(try await found { _ in } == entries.reversed().map(\.id))
            #expect(try await found { $0.actions = ["create_team"] } == [entries[1].id])
            #expect(try await found { $0.categories = [.config] } == [entries[1].id])
            #expect(try await found { $0.resourceIDs = ["cert-2"] } == [entries[2].id])
            #expect(
                try await found {
                    $0.requestIDs = ["req-1"]; $0.actors = ["ops"]
                }.count == 3)
            #expect(try await found { $0.actorTypes = [.agent] }.isEmpty)
            #expect(try await found { $0.until = Timestamp(secondsSinceEpoch: 1) }.isEmpty)
        }
    }
}
