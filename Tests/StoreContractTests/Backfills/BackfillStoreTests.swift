import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §14.4: a backfill fills what was there, once, from where it stopped")
struct BackfillStoreTests {
    private let store = BackfillStore()
    private let names = Backfill.all[0]

    /// Seven certificates as the release before the backfill's migration left them.
    private static func fill(_ database: any Database) async throws -> [CertificateID] {
        try await database.write { tx in
            let seed = try Seed(in: tx)
            let all = try (1...7).map { try seed.certificate(CertificateID(stored: "mc-\($0)"), in: tx).id }
            try tx.execute("DELETE FROM certificate_names")
            return all
        }
    }

    private static func progress(_ database: any Database) async throws -> [BackfillProgress] {
        try await database.read { try BackfillStore().progress(in: $0).map(\.progress) }
    }

    private static func findings(_ database: any Database) async throws -> [String] {
        // The secrets of the seed are not sealed.
        try await database.read { try SemanticChecks.findings(in: $0) }.filter { $0.check != "secret-unsealed" }
            .map { "\($0.check) \($0.row)" }
    }

    private static func execute(_ sql: SQL, _ database: any Database) async throws {
        try await database.write { tx in _ = try tx.execute(sql) }
    }

    private func filled(_ database: any Database) async throws -> [String] {
        try await database.read { tx in
            try tx.rows("SELECT certificate_id, name FROM certificate_names ORDER BY certificate_id, name").map {
                "\(try $0.text("certificate_id")) \(try $0.text("name"))"
            }
        }
    }

    private func batch(_ database: any Database, limit: Int = 3, by runner: String = "a") async throws
        -> BackfillProgress
    {
        try await database.write { try store.advance(names, limit: limit, by: runner, in: $0) }
    }

    private func found(_ name: String, _ database: any Database) async throws -> Int {
        var filter = CertificateFilter()
        filter.subjectAltName = name
        let request = ListRequest.first(filter, sort: CertificateSort.name)
        return try await database.read { try CertificateStore().list(request, within: .system, in: $0).rows.count }
    }

    @Test("batches of a size, each with its progress, and then nothing more", arguments: Engine.available)
    func batches(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            _ = try await Self.fill(database)
            var seen: [Int] = []
            for expected in [BackfillProgress.State.running, .running, .finished] {
                #expect(try await found("WWW.example.com", database) == 7)
                let progress = try await batch(database, by: "runner-\(seen.count)")
                #expect(progress.state == expected && progress.runBy == "runner-\(seen.count)")
                seen.append(progress.rows)
            }
            #expect(seen == [3, 6, 7])
            let all = (1...7).flatMap { ["mc-\($0) example.com", "mc-\($0) www.example.com"] }
            #expect(try await filled(database) == all)
            #expect(try await found("WWW.example.com", database) == 7)
            #expect(try await found("example.co", database) == 0)
            let again = try await batch(database, by: "late")
            #expect(again.rows == 7 && again.runBy == "runner-2")
        }
    }

    @Test("a batch that is undone leaves no trace, and the next goes on", arguments: Engine.available)
    func rollback(engine: Engine) async throws {
        struct PowerFailure: Error {}
        try await TestDatabase.with(engine) { database in
            _ = try await Self.fill(database)
            _ = try await batch(database)
            await #expect(throws: PowerFailure.self) {
                try await database.write { tx in
                    _ = try store.advance(names, limit: 3, by: "dead", in: tx)
                    throw PowerFailure()
                }
            }
            #expect(try await filled(database).count == 6)
            #expect(try await batch(database, by: "b").rows == 6)
            #expect(try await filled(database).count == 12)
        }
    }

    @Test("what other writers did before and behind the position stays as they left it", arguments: Engine.available)
    func writers(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            _ = try await Self.fill(database)
            _ = try await batch(database)
            try await database.write { tx in
                // As a release that knows nothing of names: behind the position, before it, new and gone.
                for id in ["mc-1", "mc-7"] {
                    try tx.execute(
                        "UPDATE managed_certificates SET sans = \(Value.json(#"["New.example.com"]"#)) WHERE id = \(id)"
                    )
                }
                try tx.execute("DELETE FROM managed_certificates WHERE id IN ('mc-2', 'mc-6')")
                try tx.execute(
                    """
                    INSERT INTO managed_certificates (id, name, common_name, sans, owner_id, team_id, issuer_id,
                        renewal_policy_id)
                    SELECT 'mc-0', 'zero', common_name, sans, owner_id, team_id, issuer_id, renewal_policy_id
                    FROM managed_certificates WHERE id = 'mc-3'
                    """
                )
            }
            while try await batch(database).state != .finished {}
            let kept = [0, 3, 4, 5].flatMap { ["mc-\($0) example.com", "mc-\($0) www.example.com"] }
            let changed = [1, 7].map { "mc-\($0) new.example.com" }
            #expect(try await filled(database) == (kept + changed).sorted())
            #expect(try await found("new.EXAMPLE.com", database) == 2)
            let sound = try await Self.findings(database)
            #expect(sound == [])
        }
    }

    @Test("four runners at once take turns", arguments: Engine.available)
    func concurrently(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            _ = try await Self.fill(database)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for runner in 1...4 {
                    group.addTask { while try await batch(database, limit: 1, by: "\(runner)").state != .finished {} }
                }
                try await group.waitForAll()
            }
            #expect(try await filled(database).count == 14)
            #expect(try await Self.progress(database).first?.rows == 7)
        }
    }

    @Test("paused it stays where it is; finished it cannot be paused", arguments: Engine.available)
    func pauses(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            _ = try await Self.fill(database)
            let pause = { @Sendable (isPaused: Bool) in
                try await database.write { try store.setPaused(isPaused, names, by: "ops", in: $0) }
            }
            try await pause(true)
            let held = try await batch(database)
            #expect(held.state == .paused && held.rows == 0 && held.startedAt == nil)
            try await pause(false)
            #expect(try await batch(database).rows == 3)
            try await pause(true)
            #expect(try await batch(database).state == .paused)
            #expect(try await filled(database).count == 6)
            try await pause(false)
            #expect(try await batch(database, limit: 100).state == .finished)
            try await pause(true)
            #expect(try await batch(database).state == .finished)
        }
    }

    @Test("before its migration there is no backfill", arguments: Engine.available)
    func unavailable(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            #expect(try await Self.progress(database).count == Backfill.all.count)
            try await Self.execute("DELETE FROM schema_migrations WHERE version >= \(names.migration)", database)
            #expect(try await Self.progress(database).isEmpty)
        }
    }

    /// What `db check` is told of, should a backfill or a trigger ever do less than it promises.
    @Test("a name that is missing or too many is found out", arguments: Engine.available)
    func damage(engine: Engine) async throws {
        let damages: [SQL] = [
            "DELETE FROM certificate_names WHERE certificate_id = 'mc-4' AND name = 'example.com'",
            "INSERT INTO certificate_names (name, certificate_id) VALUES ('stale.example.com', 'mc-4')",
            "UPDATE certificate_names SET name = 'x.example.com' WHERE certificate_id = 'mc-4' AND name = 'example.com'",
        ]
        for damage in damages {
            try await TestDatabase.with(engine) { database in
                _ = try await Self.fill(database)
                let before = try await Self.findings(database)
                #expect(before == [])
                _ = try await batch(database, limit: 100)
                try await Self.execute(damage, database)
                let damaged = try await Self.findings(database)
                #expect(damaged == ["certificate-names mc-4"])
                let changed = try await database.write {
                    try SemanticChecks.repair(in: $0).map { "\($0.check) \($0.rows)" }
                }
                #expect(changed == ["certificate-names 1"])
                let repaired = try await Self.findings(database)
                #expect(repaired == [])
            }
        }
    }
}
