import AuditProof
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

/// Every test changes the database past its triggers and asks three verifiers: the server, the one of the command line
/// and the one in Python.
@Suite("Security §9.5, T36: whoever owns the database cannot change the past unseen")
struct AuditDetectionTests {
    @Test("a log that nobody touched is sound", arguments: Engine.available)
    func sound(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(5)
            try await stage.seal()
            try await stage.write(4)
            try await stage.seal()
            #expect(try await stage.serverFinding() == nil)
            try await stage.expectOffline(nil)
        }
    }

    @Test("a changed event", arguments: Engine.available)
    func change(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(6)
            try await stage.seal()
            try await stage.tamper([
                "UPDATE audit_events SET actor = 'mallory' WHERE id = (SELECT event_id FROM audit_leaves WHERE seq = 4)"
            ])
            #expect(try await stage.serverFinding() == "change")
            try await stage.expectOffline(.change)
        }
    }

    @Test("a changed event with every stored hash made to fit it", arguments: Engine.available)
    func rewrite(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(6)
            try await stage.seal()
            // As the sequencer would have done it: the leaves are made again over the changed event.
            try await stage.tamper([
                "UPDATE audit_events SET actor = 'mallory' WHERE id = (SELECT event_id FROM audit_leaves WHERE seq = 4)",
                "INSERT INTO audit_intake (event_id) SELECT event_id FROM audit_leaves ORDER BY seq",
                "DELETE FROM audit_leaves",
            ])
            _ = try await stage.sequencer.sealPending()
            #expect(try await stage.serverFinding() == "root")
            try await stage.expectOffline(.root)
            // And the key signs nothing that contradicts what it signed before.
            await #expect(throws: AuditFailure.self) { try await stage.sequencer.sign() }
        }
    }

    @Test("a deleted event", arguments: Engine.available)
    func deletion(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(6)
            try await stage.seal()
            try await stage.tamper([
                "DELETE FROM audit_events WHERE id = (SELECT event_id FROM audit_leaves WHERE seq = 4)"
            ])
            #expect(try await stage.serverFinding() == "missing")
            try await stage.expectOffline(.missing)
        }
    }

    @Test("a deleted event with its leaf", arguments: Engine.available)
    func deletionOfLeaf(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(6)
            try await stage.seal()
            try await stage.tamper([
                "DELETE FROM audit_events WHERE id = (SELECT event_id FROM audit_leaves WHERE seq = 4)",
                "DELETE FROM audit_leaves WHERE seq = 4",
            ])
            #expect(try await stage.serverFinding() == "order")
            try await stage.expectOffline(.order)
        }
    }

    @Test("A-18: a tail that was cut off", arguments: Engine.available)
    func truncation(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(4)
            try await stage.seal()
            try await stage.write(3)
            let kept = try await stage.seal()
            let size = try await stage.size()
            let cut: [SQL] = [
                "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_leaves WHERE seq >= \(size - 2))",
                "DELETE FROM audit_leaves WHERE seq >= \(size - 2)",
            ]
            try await stage.tamper(cut)
            #expect(try await stage.serverFinding() == "truncation")
            // With the checkpoints over it cut off too, only one that was kept elsewhere can tell.
            try await stage.world.database.write { tx in
                if engine == .postgres { try tx.execute("SET LOCAL session_replication_role = replica") }
                try tx.execute("DELETE FROM audit_checkpoints WHERE tree_size > \(size - 3)")
            }
            try await stage.expectOffline(nil)
            try await stage.expectOffline(.truncation, anchors: [kept])
        }
    }

    @Test("two events that changed places", arguments: Engine.available)
    func reorder(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(6)
            try await stage.seal()
            try await stage.tamper([
                "UPDATE audit_leaves SET seq = 1000 WHERE seq = 3", "UPDATE audit_leaves SET seq = 3 WHERE seq = 4",
                "UPDATE audit_leaves SET seq = 4 WHERE seq = 1000",
            ])
            #expect(try await stage.serverFinding() == "chain")
            try await stage.expectOffline(.chain)
        }
    }

    @Test("a second history, signed with the right key over a database that was set back", arguments: Engine.available)
    func fork(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(3)
            try await stage.seal()
            let before = try await stage.size()
            try await stage.write(3)
            let kept = try await stage.seal()
            // Back to the state after the first three, as a restored backup would be; then another past.
            try await stage.tamper([
                "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_leaves WHERE seq >= \(before))",
                "DELETE FROM audit_leaves WHERE seq >= \(before)",
                "DELETE FROM audit_checkpoints WHERE tree_size > \(before)", "DELETE FROM audit_intake",
            ])
            try await stage.write(5, action: "certificate_created")
            try await stage.seal()
            #expect(try await stage.serverFinding() == nil)
            try await stage.expectOffline(nil)
            try await stage.expectOffline(.root, anchors: [kept])
        }
    }

    @Test("an event that was kept from being sealed", arguments: Engine.available)
    func withheld(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(2)
            try await stage.seal()
            try await stage.write(1)
            try await stage.tamper(["DELETE FROM audit_intake"])
            #expect(try await stage.serverFinding() == "missing")
        }
    }

    @Test("a checkpoint that was taken out, and a key that was put in", arguments: Engine.available)
    func checkpoints(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            for _ in 0..<3 {
                try await stage.write(2)
                try await stage.seal()
            }
            try await stage.tamper([
                "DELETE FROM audit_checkpoints WHERE number = 1"
            ])
            #expect(try await stage.serverFinding() == "succession")
            try await stage.expectOffline(.succession)
            let octets = [UInt8](repeating: 9, count: 32)
            let foreign = try #require(CheckpointSigningKey(octets: octets)?.publicKey)
            try await stage.world.database.write { tx in
                try CheckpointStore().insert(
                    StoredCheckpointKey(publicKey: foreign, sealedPrivateKey: octets, createdAt: tx.now), in: tx)
            }
            #expect(try await stage.serverFinding() == "signature")
        }
    }

    @Test("what was found sound once is not read again, but what is new is", arguments: Engine.available)
    func incremental(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(4)
            try await stage.seal()
            #expect(try await stage.serverFinding() == nil)
            try await stage.write(3)
            try await stage.seal()
            let outcome = try await stage.world.verifier(stage.leadership).verify(.incremental, by: stage.world.author)
            #expect(outcome.divergence == nil && outcome.rows >= 3 && outcome.rows < outcome.treeSize)
            let size = try await stage.size()
            try await stage.write(2)
            try await stage.seal()
            try await stage.tamper([
                "UPDATE audit_events SET action = 'x' WHERE id = (SELECT event_id FROM audit_leaves WHERE seq = \(size))"
            ])
            #expect(try await stage.serverFinding(.incremental) == "change")
            // Reported once, not at every run.
            #expect(try await stage.serverFinding(.incremental) == "change")
            let told = try await stage.world.count(
                "SELECT count(*) AS n FROM audit_events WHERE action = 'audit.chain_break_detected'")
            #expect(told == 1)
        }
    }
}
