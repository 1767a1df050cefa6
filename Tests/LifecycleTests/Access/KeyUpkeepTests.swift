import Access
import DatabaseTestSupport
import Domain
import Query
import Store
import Synchronization
import Testing

@Suite("Keys that end are spoken of in time, and keys that nobody uses are switched off (security §2.2)")
struct KeyUpkeepTests {
    /// One pass; what was said, sorted.
    private static func pass(_ world: World, _ rule: UnusedKeyRule? = nil) async throws -> [String] {
        let said = Mutex<[String]>([])
        let upkeep = KeyUpkeep(world.access(world.authenticator), unused: rule) { notice in
            let text =
                switch notice.kind {
                case .expiring: "expiring"
                case .expired: "expired"
                case .unused: "unused"
                case .switchedOff: "off"
                }
            said.withLock { $0.append("\(notice.name) \(text)") }
        }
        let count = try await upkeep.run { _ in }
        let texts = said.withLock { $0.sorted() }
        #expect(count == texts.count)
        return texts
    }

    /// Makes a key look as if it had last been used and changed so long ago.
    private static func age(_ world: World, _ name: String, by days: Int64) async throws {
        _ = try await world.database.write { tx in
            let then = tx.now - .days(days)
            try tx.execute(
                "UPDATE api_keys SET created_at = \(then), updated_at = \(then), last_used_at = NULL WHERE name = \(name)"
            )
        }
    }

    @Test("an end is told a month, a week and a day before, and when it has come; each once")
    func ends() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let (flow, start) = (world.keys(world.authenticator), world.clock.now)
            for (name, days) in [("year", 40), ("week", 5), ("endless", 0)] as [(String, Int64)] {
                var draft = APIKeyDraft(name: name)
                if days > 0 { draft.expiresAt = start + .days(days) }
                _ = try await flow.create(draft, by: admin, origin: world.origin)
            }
            var told: [Int: [String]] = [:]
            for day in 0...41 {
                let said = try await Self.pass(world)
                if !said.isEmpty { told[day] = said }
                #expect(try await Self.pass(world) == [], "nothing is said twice")
                world.clock.advance(by: .days(1))
            }
            #expect(
                told == [
                    4: ["week expiring"], 5: ["week expired"], 10: ["year expiring"], 33: ["year expiring"],
                    39: ["year expiring"], 40: ["year expired"],
                ])
            let actions = try await world.database.read { tx in
                try tx.rows("SELECT action FROM audit_events WHERE action LIKE 'auth.key_exp%'").count
            }
            #expect(actions == 6)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM events WHERE type LIKE 'api_key.exp%'") == 6)
        }
    }

    @Test("a new end is told anew, and one that was put off is not called an end")
    func movedEnd() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let flow = world.keys(world.authenticator)
            var draft = APIKeyDraft(name: "ci-bot")
            draft.expiresAt = world.clock.now + .days(60)
            _ = try await flow.create(draft, by: admin, origin: world.origin)
            world.clock.advance(by: .days(31))
            #expect(try await Self.pass(world) == ["ci-bot expiring"])
            let later = world.clock.now + .days(100)
            _ = try await flow.update(name: "ci-bot", expecting: nil, by: admin, origin: world.origin) {
                $0.expiresAt = later
            }
            #expect(try await Self.pass(world) == [])
            world.clock.advance(by: .days(71))
            #expect(try await Self.pass(world) == ["ci-bot expiring"])
        }
    }

    @Test(
        "keys that nobody uses are spoken of once, or switched off; not those that are used, new or changed",
        arguments: Engine.available)
    func unused(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let admin = try await world.administrator()
            for name in ["idle", "busy", "fresh"] {
                _ = try await APIKeyFlowTests.create(world, name, by: admin)
            }
            for name in ["alice", "idle", "busy"] { try await Self.age(world, name, by: 91) }
            _ = try await world.database.write { tx in
                try tx.execute("UPDATE api_keys SET last_used_at = \(tx.now - .days(89)) WHERE name = 'busy'")
            }
            let (warn, enforce) = (
                UnusedKeyRule(after: .days(90), disables: false), UnusedKeyRule(after: .days(90), disables: true)
            )
            #expect(try await Self.pass(world) == [], "nobody looks unless it is asked for")
            #expect(try await Self.pass(world, warn) == ["alice unused", "idle unused"])
            #expect(try await Self.pass(world, warn) == [])
            // Alice is the last administrator, and was spoken of already.
            #expect(try await Self.pass(world, enforce) == ["idle off"])
            #expect(try await Self.pass(world, enforce) == [])
            func isOff(_ name: String) async throws -> Bool {
                try await world.database.read { try KeyStore().find(name: name, in: $0)?.disabledAt != nil }
            }
            #expect(try await isOff("idle"))
            for name in ["alice", "busy", "fresh"] { #expect(try await !isOff(name), "\(name)") }
            // Somebody switches it on again: that is a use.
            _ = try await world.keys(world.authenticator).update(
                name: "idle", expecting: nil, by: admin, origin: world.origin
            ) { $0.isDisabled = false }
            #expect(try await Self.pass(world, enforce) == [])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM events WHERE type = 'api_key.disabled'") == 1)
        }
    }

    @Test("of two administrators whose keys nobody uses, one stays")
    func lastAdministrator() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("second", [("r-admin", .global)])
            for name in ["alice", "second"] { try await Self.age(world, name, by: 91) }
            let said = try await Self.pass(world, UnusedKeyRule(after: .days(90), disables: true))
            #expect(said.count == 2 && said.filter { $0.hasSuffix("off") }.count == 1, "\(said)")
            let left = try await world.database.read { tx in try GrantStore().usableAdministrators(in: tx) }
            #expect(left == 1)
        }
    }

    @Test("a key that the environment declares is spoken of, and stays on")
    func declared() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            _ = try await DeclaredKeyFlowTests.flow(world).declare([
                DeclaredKeyFlowTests.key("ops", [DeclaredKeyFlowTests.first])
            ])
            try await Self.age(world, "ops", by: 91)
            #expect(
                try await Self.pass(world, UnusedKeyRule(after: .days(90), disables: true)) == ["ops unused"])
        }
    }

    @Test("a leader that was replaced writes nothing")
    func fenced() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("second", [("r-viewer", .global)])
            try await Self.age(world, "second", by: 91)
            let upkeep = KeyUpkeep(
                world.access(world.authenticator), unused: UnusedKeyRule(after: .days(90), disables: true))
            await #expect(throws: FaultyDatabase.Died.self) {
                _ = try await upkeep.run { _ in throw FaultyDatabase.Died() }
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys WHERE disabled_at IS NOT NULL") == 0)
        }
    }
}
