import AuditProof
import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("Security §9.3, §9.5: the database itself keeps the sealed log")
struct AuditLedgerTests {
    /// A sealed event, an event that waits, a subtree, a key, a checkpoint and an archive.
    private static func fill(_ tx: any Transaction) throws {
        let log = AuditLog()
        for number in 0..<2 {
            try log.append(
                AuditEntry(
                    id: AuditEventID(stored: "audit-worm-\(number)"), author: .system, action: "x",
                    resourceType: "certificate", resourceID: "mc-1"), in: tx)
            if number == 0 { _ = try AuditLedger().seal(limit: 10, in: tx) }
        }
        let key = try #require(CheckpointSigningKey(octets: [UInt8](repeating: 5, count: 32)))
        try CheckpointStore().insert(
            StoredCheckpointKey(publicKey: key.publicKey, sealedPrivateKey: [1], createdAt: tx.now), in: tx)
        let root = try AuditLedger().tree(size: 1, in: tx).root()
        let signed = try SignedCheckpoint(
            Checkpoint(logID: key.publicKey.id, treeSize: 1, rootHash: root, timestamp: tx.now, previous: nil), by: key)
        try CheckpointStore().insert(signed, number: 0, in: tx)
        try tx.execute("INSERT INTO audit_subtrees (level, position, hash) VALUES (1, 0, \(root.octets))")
    }

    static let tables: [(update: SQL, delete: SQL, truncate: SQL, count: SQL)] = [
        (
            "UPDATE audit_events SET actor = 'nobody'", "DELETE FROM audit_events", "TRUNCATE audit_events",
            "SELECT count(*) AS n FROM audit_events"
        ),
        (
            "UPDATE audit_leaves SET seq = seq + 1", "DELETE FROM audit_leaves", "TRUNCATE audit_leaves",
            "SELECT count(*) AS n FROM audit_leaves"
        ),
        (
            "UPDATE audit_intake SET event_id = 'other'", "DELETE FROM audit_intake", "TRUNCATE audit_intake",
            "SELECT count(*) AS n FROM audit_intake"
        ),
        (
            "UPDATE audit_lookup SET actor = 'nobody'", "DELETE FROM audit_lookup", "TRUNCATE audit_lookup",
            "SELECT count(*) AS n FROM audit_lookup"
        ),
        (
            "UPDATE audit_subtrees SET level = 2", "DELETE FROM audit_subtrees", "TRUNCATE audit_subtrees",
            "SELECT count(*) AS n FROM audit_subtrees"
        ),
        (
            "UPDATE audit_keys SET id = 'other'", "DELETE FROM audit_keys", "TRUNCATE audit_keys",
            "SELECT count(*) AS n FROM audit_keys"
        ),
        (
            "UPDATE audit_checkpoints SET tree_size = 0", "DELETE FROM audit_checkpoints", "TRUNCATE audit_checkpoints",
            "SELECT count(*) AS n FROM audit_checkpoints"
        ),
    ]

    @Test("A-18: no table of the log can be changed, emptied or cut by the server", arguments: Engine.available)
    func worm(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { try Self.fill($0) }
            for (update, delete, truncate, count) in Self.tables {
                let rows = try await database.read { try $0.row(count)?.int("n") }
                #expect((rows ?? 0) > 0)
                for attempt in [update, delete] + (engine == .postgres ? [truncate] : []) {
                    await #expect(throws: DatabaseError.self) {
                        try await database.write { _ = try $0.execute(attempt) }
                    }
                }
                #expect(try await database.read { try $0.row(count)?.int("n") } == rows)
            }
        }
    }

    @Test("the sealed half of a key may change, as when the master key does", arguments: Engine.available)
    func resealing(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { try Self.fill($0) }
            let changed = try await database.write { tx in
                try tx.execute("UPDATE audit_keys SET private_key_encrypted = \([UInt8](arrayLiteral: 2, 3))")
            }
            #expect(changed == 1)
        }
    }

    @Test("an event may go only when an archive holds its place", arguments: Engine.available)
    func archived(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { try Self.fill($0) }
            let sealed: SQL = "DELETE FROM audit_events WHERE id = 'audit-worm-0'"
            let waiting: SQL = "DELETE FROM audit_events WHERE id = 'audit-worm-1'"
            try await database.write { tx in
                try ArchiveStore().insert(
                    first: 0, end: 1, fileName: "a", sha256: String(repeating: "0", count: 64), in: tx)
            }
            await #expect(throws: DatabaseError.self) { try await database.write { _ = try $0.execute(waiting) } }
            #expect(try await database.write { try $0.execute(sealed) } == 1)
            await #expect(throws: DatabaseError.self) {
                try await database.write { _ = try $0.execute("DELETE FROM audit_archives") }
            }
            await #expect(throws: DatabaseError.self) {
                try await database.write { tx in
                    try ArchiveStore().insert(
                        first: 0, end: 2, fileName: "b", sha256: String(repeating: "0", count: 64), in: tx)
                }
            }
        }
    }

    @Test("the list shows the place and the chain of an event", arguments: Engine.available)
    func chain(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { try Self.fill($0) }
            _ = try await database.write { try AuditLedger().seal(limit: 10, in: $0) }
            let events = try await database.read { tx in
                [
                    try AuditLog().find(AuditEventID(stored: "audit-worm-0"), in: tx),
                    try AuditLog().find(AuditEventID(stored: "audit-worm-1"), in: tx),
                ]
            }
            #expect(events.map { $0?.sequence } == [0, 1])
            #expect(events[0]?.previousRowHash == "" && events[1]?.previousRowHash == events[0]?.rowHash)
            let members = try #require(events[1]?.leafMembers)
            #expect(AuditChain.hash(after: events[0]?.rowHash ?? "", members).hex == events[1]?.rowHash)
        }
    }
}
