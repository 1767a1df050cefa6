import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

@Suite("Security §9.1, §9.8: every change has its event, in its transaction, by whoever made it")
struct AuditCompletenessTests {
    private static func events(_ world: World, on id: String) async throws -> [AuditEvent] {
        var filter = AuditFilter()
        filter.resourceIDs = [id]
        let request = ListRequest(
            filter: filter, sort: AuditSort.timestamp, isDescending: false, page: .keyset(after: nil, limit: 100))
        return try await world.database.read { try AuditLog().list(request, in: $0).rows }
    }

    @Test("an event holds who, whence and the digests of the state before and after", arguments: Engine.available)
    func digests(engine: Engine) async throws {
        try await World.with(engine) { world in
            let team = try await world.teams.create(id: "t-dig", TeamFields(name: "one"), by: world.author)
            world.clock.advance(by: .seconds(1))
            _ = try await world.teams.update(
                team.id, name: .set("two"), description: .keep, expecting: nil, by: world.author)
            world.clock.advance(by: .seconds(1))
            try await world.teams.delete(team.id, expecting: nil, by: world.author)
            let events = try await Self.events(world, on: "t-dig")
            #expect(events.map(\.action) == ["create_team", "update_team", "delete_team"])
            func digest(_ index: Int, _ name: String) -> String? { events[index].details[name]?.stringValue }
            #expect(digest(0, "before_digest") == nil && digest(2, "after_digest") == nil)
            // Each change begins where the one before it ended.
            #expect(digest(0, "after_digest") != nil && digest(0, "after_digest") == digest(1, "before_digest"))
            #expect(digest(1, "after_digest") != nil && digest(1, "after_digest") == digest(2, "before_digest"))
            #expect(digest(0, "after_digest") != digest(1, "after_digest"))
            for event in events {
                #expect(event.actor == world.author.actor && event.outcome == .success)
                #expect(event.requestID == "req-1" && event.clientAddress == "192.0.2.1" && event.channel == "api")
            }
        }
    }

    @Test("A-20: when the event cannot be written, the change is undone", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await World.with(engine) { world in
            try await world.certificate("api")
            try await Self.refuseEvents(world)
            let before = try await world.stored("api")
            await #expect(throws: (any Error).self) {
                try await world.teams.create(id: "t-new", TeamFields(name: "new"), by: world.author)
            }
            await #expect(throws: (any Error).self) {
                try await world.certificates.archive(CertificateID(stored: "api"), expecting: nil, by: world.author)
            }
            await #expect(throws: (any Error).self) {
                try await world.issuers.create(IssuerDraft(id: "iss-2", name: "Two", type: "local"), by: world.author)
            }
            await #expect(throws: (any Error).self) { try await world.agent("web-01") }
            #expect(try await world.count("SELECT count(*) AS n FROM teams WHERE id = 't-new'") == 0)
            #expect(try await world.count("SELECT count(*) AS n FROM issuers WHERE id = 'iss-2'") == 0)
            #expect(try await world.count("SELECT count(*) AS n FROM agents WHERE id = 'web-01'") == 0)
            #expect(try await world.stored("api") == before)
        }
    }

    /// Makes every further audit event impossible, as a fault of the database would.
    private static func refuseEvents(_ world: World) async throws {
        let statements: [SQL] =
            world.engine == .sqlite
            ? [
                """
                CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no events'); END
                """
            ]
            : ["ALTER TABLE audit_events ADD CONSTRAINT no_events CHECK (false) NOT VALID"]
        try await world.database.write { tx in for statement in statements { try tx.execute(statement) } }
    }

    @Test("A-14: refusals are in the trail, counted together, and cannot flood it", arguments: Engine.available)
    func refusals(engine: Engine) async throws {
        try await World.with(engine) { world in
            let audit = RefusalAudit(world.context)
            for number in 0..<5000 {
                audit.note(
                    RequestRefusal(
                        actor: nil, clientAddress: "192.0.2.\(number % 2)", operation: "GET /api/v1/teams",
                        reason: "invalid_api_key", requestID: "req-\(number)"))
            }
            world.database.dieAtWrite(1)
            await #expect(throws: FaultyDatabase.Died.self) { try await audit.flush() }
            audit.note(
                RequestRefusal(
                    actor: world.author.actor, clientAddress: "192.0.2.9", operation: "DELETE /api/v1/teams/{id}",
                    reason: "insufficient_permissions", requestID: "req-x"))
            #expect(try await audit.flush() == 3)
            #expect(try await audit.flush() == 0)
            let events = try await Self.events(world, on: "GET /api/v1/teams")
            #expect(events.count == 2 && events.allSatisfy { $0.outcome == .denied && $0.actor.type == .anonymous })
            // What could not be written at first was not lost.
            #expect(events.compactMap { $0.details["count"]?.integerValue } == [2500, 2500])
            let denied = try #require(try await Self.events(world, on: "DELETE /api/v1/teams/{id}").first)
            #expect(denied.actor == world.author.actor && denied.reason == "insufficient_permissions")
            for (number, profile) in ["prof-a", "prof-a", "prof-b"].enumerated() {
                audit.note(
                    RequestRefusal(
                        actor: nil, clientAddress: "192.0.2.7", operation: "POST /acme/new-account",
                        reason: "acme_externalAccountRequired", requestID: "req-\(number)",
                        subject: .acmeAccount(ProfileID(stored: profile))))
            }
            #expect(try await audit.flush() == 2)
            let rejected = try await Self.events(world, on: "POST /acme/new-account")
            #expect(rejected.allSatisfy { $0.action == "acme_account_rejected" && $0.resourceType == "acme_account" })
            #expect(
                rejected.map { $0.details["profile_id"]?.stringValue }.sorted { ($0 ?? "") < ($1 ?? "") } == [
                    "prof-a", "prof-b",
                ])
            #expect(Set(rejected.map { $0.details["count"]?.integerValue }) == [1, 2])
            for number in 0..<(2 * RefusalAudit.mostKinds) {
                audit.note(
                    RequestRefusal(
                        actor: nil, clientAddress: "\(number)", operation: "x", reason: "r", requestID: "y"))
            }
            #expect(try await audit.flush() == RefusalAudit.mostKinds + 1)
        }
    }

    @Test("A-20: the actor is who acted, never a stand-in", arguments: Engine.available)
    func actors(engine: Engine) async throws {
        try await World.with(engine) { world in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await world.certificate("api", targets: ["edge"], issue: true)
            let rows = try await world.database.read { tx in
                try tx.rows("SELECT actor, actor_type FROM audit_events").map { row in
                    (try row.text("actor"), try row.text("actor_type"))
                }
            }
            #expect(!rows.isEmpty)
            for (actor, type) in rows {
                #expect(!["api", "operator", "unknown", ""].contains(actor))
                #expect((actor == "alice") == (type == "APIKey"), "\(actor) \(type)")
            }
        }
    }
}
