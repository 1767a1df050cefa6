import AuditProof
import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("Security §9.5, domain §8.1: events get one order, however many write and whoever leads")
struct AuditSequencerTests {
    /// Numbers without a gap, every event in one place, hashes that fit.
    private static func expectSound(_ stage: AuditStage, events: Int) async throws {
        let size = try await stage.size()
        #expect(try await stage.world.count("SELECT count(*) AS n FROM audit_leaves") == size)
        #expect(try await stage.world.count("SELECT count(DISTINCT event_id) AS n FROM audit_leaves") == size)
        #expect(try await stage.world.count("SELECT count(*) AS n FROM audit_events") == size)
        #expect(try await stage.world.count("SELECT count(*) AS n FROM audit_intake") == 0)
        #expect(size >= events)
        #expect(try await stage.serverFinding() == nil)
    }

    @Test("A-18, T38: sixteen writers at once leave a log without gaps that verifies", arguments: Engine.available)
    func concurrentWriters(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 { group.addTask { try await stage.write(20) } }
                group.addTask {
                    for _ in 0..<10 {
                        _ = try await stage.sequencer.sealPending()
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                try await group.waitForAll()
            }
            try await stage.seal()
            _ = try await stage.sequencer.sealPending()
            try await Self.expectSound(stage, events: 320)
        }
    }

    @Test("a transaction that is open while later ones are sealed comes after them and is not lost")
    func lateCommit() async throws {
        guard Engine.available.contains(.postgres) else { return }
        try await AuditStage.with(.postgres) { stage in
            let isOpen = AsyncStream.makeStream(of: Void.self)
            let mayEnd = LockedFlag()
            async let late: Void = stage.world.database.write { tx in
                try AuditLog().append(
                    AuditEntry(
                        id: AuditEventID(stored: "audit-late"), author: stage.world.author, action: "late",
                        resourceType: "certificate", resourceID: "mc-late"), in: tx)
                isOpen.continuation.finish()
                while !mayEnd.isSet { usleep(5000) }
            }
            for await _ in isOpen.stream {}
            try await stage.write(3)
            _ = try await stage.sequencer.sealPending()
            let sealed = try await stage.size()
            mayEnd.set()
            try await late
            #expect(try await stage.sequencer.sealPending() == 1)
            let event = try await stage.world.database.read {
                try AuditLog().find(AuditEventID(stored: "audit-late"), in: $0)
            }
            #expect(event?.sequence == sealed)
            #expect(try await stage.serverFinding() == nil)
        }
    }

    @Test("two processes that both believe to lead make one order", arguments: Engine.available)
    func twoLeaders(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            // The second takes over while the first still believes in its lease.
            try await stage.write(600)
            let second = stage.world.leadership("two")
            _ = try await stage.world.database.write { tx in
                try tx.execute("UPDATE scheduler_leader SET expires_at = \(tx.now)")
            }
            try await second.attempt()
            #expect(stage.leadership.currentEpoch != nil && second.currentEpoch != nil)
            let sequencers = [stage.sequencer, stage.world.sequencer(second)]
            let failures = await withTaskGroup(of: Bool.self) { group in
                for sequencer in sequencers + sequencers {
                    group.addTask {
                        do {
                            _ = try await sequencer.sealPending()
                            try await sequencer.sign()
                            return false
                        } catch {
                            return true
                        }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // The deposed one is refused as soon as there is something to seal or to sign.
            #expect(failures >= 2)
            _ = try await sequencers[1].sealPending()
            try await Self.expectSound(stage, events: 600)
        }
    }

    @Test("killed before any of its writes, the sequencer goes on where it was", arguments: Engine.available, 1...4)
    func crash(engine: Engine, at write: Int) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(700)
            stage.world.database.dieAtWrite(write)
            var died = false
            for _ in 0..<2 {
                do {
                    _ = try await stage.sequencer.sealPending()
                    try await stage.sequencer.sign()
                } catch is FaultyDatabase.Died {
                    died = true
                }
            }
            #expect(died)
            try await stage.seal()
            _ = try await stage.sequencer.sealPending()
            try await Self.expectSound(stage, events: 700)
        }
    }

    @Test("a batch that fails in its middle leaves nothing behind", arguments: Engine.available)
    func failureInsideBatch(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(10)
            await #expect(throws: FaultyDatabase.Died.self) {
                try await stage.world.database.write { tx in
                    _ = try AuditLedger().seal(limit: 500, in: tx)
                    throw FaultyDatabase.Died()
                }
            }
            #expect(try await stage.size() == 0)
            try await stage.seal()
            _ = try await stage.sequencer.sealPending()
            try await Self.expectSound(stage, events: 10)
        }
    }

    @Test("a checkpoint is signed when events have waited long enough, and hourly", arguments: Engine.available)
    func cadence(engine: Engine) async throws {
        guard engine == .sqlite else { return }
        try await AuditStage.with(engine) { stage in
            let clock = stage.world.clock
            _ = try await stage.sequencer.sealPending()
            let first = try await stage.sequencer.signIfDue()
            #expect(first?.checkpoint.previous == nil)
            _ = try await stage.sequencer.sealPending()
            #expect(try await stage.sequencer.signIfDue() == nil)
            clock.advance(by: .seconds(61))
            try await stage.leadership.attempt()
            let second = try await stage.sequencer.signIfDue()
            #expect(second?.checkpoint.previous == first?.digest)
            clock.advance(by: .minutes(30))
            try await stage.leadership.attempt()
            #expect(try await stage.sequencer.signIfDue() == nil)
            clock.advance(by: .minutes(31))
            try await stage.leadership.attempt()
            let third = try await stage.sequencer.signIfDue()
            #expect(third?.checkpoint.treeSize == second?.checkpoint.treeSize)
            // After a year another key signs, and the old one is still believed.
            clock.advance(by: .days(366))
            try await stage.leadership.attempt()
            let fourth = try await stage.sequencer.signIfDue()
            #expect(fourth?.keyID != third?.keyID && fourth?.checkpoint.logID == third?.checkpoint.logID)
            _ = try await stage.sequencer.sealPending()
            try await stage.leadership.attempt()
            #expect(try await stage.serverFinding() == nil)
            try await stage.seal()
            try await stage.expectOffline(nil)
        }
    }

    @Test("proofs out of the database hold", arguments: Engine.available)
    func proofs(engine: Engine) async throws {
        try await AuditStage.with(engine) { stage in
            try await stage.write(300)
            let earlier = try await stage.seal().checkpoint
            try await stage.write(300)
            let later = try await stage.seal().checkpoint
            #expect(try await stage.world.count("SELECT count(*) AS n FROM audit_subtrees") == 2)
            try await stage.world.database.read { tx in
                let ledger = AuditLedger()
                let tree = ledger.tree(size: later.treeSize, in: tx)
                for sequence in [0, 255, 256, 299, later.treeSize - 1] {
                    let leaf = try #require(try ledger.leaves(from: sequence, limit: 1, in: tx).first)
                    #expect(
                        MerkleProof.isIncluded(
                            leaf.leafHash, at: sequence, in: later.rootHash, size: later.treeSize,
                            path: try tree.inclusionPath(of: sequence)))
                }
                #expect(
                    MerkleProof.isConsistent(
                        earlier.rootHash, size: earlier.treeSize, with: later.rootHash, size: later.treeSize,
                        path: try tree.consistencyPath(from: earlier.treeSize)))
            }
        }
    }
}

/// A flag between a transaction, which may not suspend, and its test.
final class LockedFlag: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock { $0 } }
    func set() { flag.withLock { $0 = true } }
}
