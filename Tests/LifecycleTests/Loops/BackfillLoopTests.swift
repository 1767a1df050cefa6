import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("Domain §14.4: backfills run on the leader, in batches, while everybody works")
struct BackfillLoopTests {
    private static func certificate(_ name: String, _ world: World) async throws {
        var draft = world.draft(name)
        draft.subjectAltNames = ["\(name).example.com"]
        _ = try await world.certificates.create(draft, by: world.author)
    }

    private static func loseNames(_ world: World) async throws {
        try await world.database.write { tx in
            try tx.execute("DELETE FROM certificate_names")
            _ = try tx.execute("DELETE FROM data_migrations")
        }
    }

    @Test("the loop fills everything, then has nothing to do", arguments: Engine.available)
    func loop(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for name in ["a", "b", "c"] { try await Self.certificate(name, world) }
            // Two backfills go through the audit events.
            let events = try await world.count("SELECT COUNT(*) AS n FROM audit_events")
            try await Self.loseNames(world)
            #expect(try await world.tick(.backfill) == LoopOutcome(rows: 3 + 2 * events))
            #expect(try await world.count("SELECT COUNT(DISTINCT certificate_id) AS n FROM certificate_names") == 3)
            #expect(try await world.tick(.backfill) == LoopOutcome(rows: 0))
        }
    }

    @Test("who leads no longer writes no batch", arguments: Engine.available)
    func fenced(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.certificate("a", world)
            try await Self.loseNames(world)
            let paused = world.leadership()
            try await paused.attempt()
            // Another one took over meanwhile, and this process does not know yet.
            try await world.database.write { tx in
                _ = try tx.execute("UPDATE scheduler_leader SET epoch = epoch + 1")
            }
            let runner = BackfillRunner(database: world.database, time: world.time, name: "paused")
            await #expect(throws: StoreError.self) {
                _ = try await runner.run(guarding: {
                    let fence = try paused.fence()
                    return { try fence.check(in: $0) }
                })
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_names") == 0)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM data_migrations") == 0)
        }
    }

    @Test("a run ends at its deadline or when it is cancelled, and the next goes on", arguments: Engine.available)
    func slices(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for name in ["a", "b", "c"] { try await Self.certificate(name, world) }
            try await Self.loseNames(world)
            let runner = BackfillRunner(
                database: world.database, time: .system, name: "r", backfills: [Backfill.all[0]], batch: 1,
                pause: .milliseconds(1))
            #expect(try await runner.run(until: TimeSource.system.now - .seconds(1)) == 1)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await runner.run()
            }
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            #expect(try await runner.progress().map(\.rows) == [1])
            let seen = Mutex<[Int]>([])
            #expect(try await runner.run(observe: { progress in seen.withLock { $0.append(progress.rows) } }) == 2)
            #expect(seen.withLock { $0 } == [2, 3, 3])
            #expect(try await runner.progress().map(\.state) == [.finished])
        }
    }
}
