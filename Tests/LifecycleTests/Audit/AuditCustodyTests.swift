import AuditProof
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import TestSupport
import Testing

@Suite("Security §9.5, §9.7: legal holds keep events, divergences stay open until acknowledged")
struct AuditCustodyTests {
    private static let future = Timestamp(secondsSinceEpoch: 32_000_000_000)

    private static func leaves(_ stage: AuditStage) async throws -> [LedgerLeaf] {
        try await stage.world.database.read { try AuditLedger().leaves(from: 0, limit: 100, in: $0) }
    }

    @Test("retention ends before the first held event, and goes on after the release", arguments: Engine.available)
    func held(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            let custody = AuditCustody(stage.world.context)
            try await stage.write(4)
            let first = try await stage.seal().checkpoint.treeSize
            stage.world.clock.advance(by: .seconds(1))
            try await stage.write(4)
            try await stage.seal()
            let held = try #require(try await Self.leaves(stage)[first + 1].event)
            let hold = try await custody.hold(
                since: held.timestamp, until: held.timestamp + .seconds(1), reason: "case 1", by: stage.world.author)

            #expect(try await stage.archive(before: Self.future).archive?.endSequence == first)
            try await stage.seal()
            #expect(try await stage.archive(before: Self.future).archive == nil)
            let events = try await Self.leaves(stage)
            #expect(events.prefix(first).allSatisfy { $0.event == nil })
            #expect(events.dropFirst(first).allSatisfy { $0.event != nil })

            // Not even an archive lets the event go.
            let statement: SQL = "DELETE FROM audit_events WHERE id = \(held.id)"
            await #expect(throws: DatabaseError.self) {
                try await stage.world.database.write { tx in
                    try ArchiveStore().insert(
                        first: first, end: events.count, fileName: "b", sha256: String(repeating: "0", count: 64),
                        in: tx)
                    _ = try tx.execute(statement)
                }
            }
            let released = try await custody.release(hold.id, by: stage.world.author)
            #expect(released.releasedBy == stage.world.author.actor.id && released.releasedAt != nil)
            await #expect(throws: ServiceError.self) {
                _ = try await custody.release(hold.id, by: stage.world.author)
            }
            #expect((try await stage.archive(before: Self.future).archive?.endSequence ?? 0) > first + 1)
            #expect(try await stage.serverFinding() == nil)
        }
    }

    @Test("a hold that is placed after the archive keeps what is not removed yet", arguments: Engine.available)
    func late(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            let custody = AuditCustody(stage.world.context)
            try await stage.write(4)
            let first = try await stage.seal().checkpoint.treeSize
            #expect(try await stage.archive(before: Self.future).archive?.endSequence == first)
            let hold = try await custody.hold(since: nil, until: nil, reason: "all of it", by: stage.world.author)
            try await stage.seal()
            #expect(try await stage.archive(before: Self.future).archive == nil)
            #expect(try await Self.leaves(stage).allSatisfy { $0.event != nil })
            #expect(try await stage.serverFinding() == nil)
            _ = try await custody.release(hold.id, by: stage.world.author)
            _ = try await stage.archive(before: Self.future)
            #expect(try await Self.leaves(stage).prefix(first).allSatisfy { $0.event == nil })
        }
    }

    @Test("holds and acknowledgements are as final as the rest of the log", arguments: Engine.available)
    func final(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            let custody = AuditCustody(stage.world.context)
            await #expect(throws: ServiceError.self) {
                _ = try await custody.hold(
                    since: Self.future, until: Self.future, reason: "none", by: stage.world.author)
            }
            _ = try await custody.hold(since: nil, until: Self.future, reason: "case", by: stage.world.author)
            try await stage.world.database.write { _ = try AuditBreakStore().note("change at 1", in: $0) }
            for statement in [
                "DELETE FROM audit_holds", "UPDATE audit_holds SET until = NULL", "DELETE FROM audit_breaks",
                "UPDATE audit_breaks SET divergence = 'none'",
            ] as [SQL] {
                await #expect(throws: DatabaseError.self) {
                    try await stage.world.database.write { _ = try $0.execute(statement) }
                }
            }
        }
    }

    @Test("the same divergence is noted once; another one opens again", arguments: Engine.available)
    func breaks(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            let custody = AuditCustody(stage.world.context)
            try await stage.write(4)
            try await stage.seal()
            #expect(try await custody.refusal() == nil)
            await #expect(throws: ServiceError.self) {
                _ = try await custody.acknowledge(reason: "nothing", by: stage.world.author)
            }
            try await stage.tamper(["UPDATE audit_events SET actor = 'nobody' WHERE resource_id = 'mc-3'"])
            for _ in 0..<2 { #expect(try await stage.serverFinding() == "change") }
            #expect(try await custody.refusal()?.code == .unavailable)
            let found = try await custody.acknowledge(reason: "restored", by: stage.world.author)
            #expect(found.number == 0 && found.reason == "restored")
            #expect(try await stage.serverFinding() == "change")
            #expect(try await custody.refusal() == nil)

            try await stage.world.database.write { tx in
                if engine == .postgres { try tx.execute("SET LOCAL session_replication_role = replica") }
                _ = try tx.execute("UPDATE audit_events SET actor = 'nobody' WHERE resource_id = 'mc-1'")
            }
            #expect(try await stage.serverFinding() == "change")
            #expect(try await custody.refusal() != nil)
        }
    }
}
