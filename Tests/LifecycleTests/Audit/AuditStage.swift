import AuditProof
import Domain
import Encoding
import Foundation
import Lifecycle
import Query
import Store
import Synchronization
import TestSupport
import Testing

/// A log under test: events, sealed and signed, and both verifiers.
struct AuditStage: Sendable {
    let world: World
    let leadership: Leadership
    let directory: TemporaryDirectory

    static func with(_ engine: Engine, _ body: (AuditStage) async throws -> Void) async throws {
        try await World.with(engine) { world in
            let leadership = world.leadership()
            try await leadership.attempt()
            try await body(
                AuditStage(world: world, leadership: leadership, directory: try TemporaryDirectory("audit")))
        }
    }

    var sequencer: AuditSequencer { world.sequencer(leadership) }

    /// Writes events as the flows do: each in a transaction of its own. Then the lease is renewed.
    func write(_ count: Int, action: String = "certificate_updated") async throws {
        for number in 0..<count {
            try await world.database.write { tx in
                try AuditLog().append(
                    AuditEntry(
                        id: AuditEventID(generatedAt: tx.now, random: .system), author: world.author, action: action,
                        resourceType: "certificate", resourceID: "mc-\(number)",
                        details: ["note": "a|b", "number": .integer(Int64(number)), "größe": 1.5]
                    ),
                    in: tx)
            }
        }
        try await leadership.attempt()
    }

    /// Archives what is signed and older than `time`; the content of the files by name.
    func archive(before time: Timestamp) async throws -> (archive: AuditArchive?, files: [String: Data]) {
        let files = Mutex<[String: Data]>([:])
        let target = ArchiveTarget { name, feed in
            try await feed { octets in files.withLock { $0[name, default: Data()].append(contentsOf: octets) } }
            return String(repeating: "a", count: 64)
        }
        let retention = world.retention(target, leadership)
        let archive = try await retention.archive(before: time, by: world.author)
        return (archive, files.withLock { $0 })
    }

    /// Seals and signs what there is.
    @discardableResult
    func seal() async throws -> SignedCheckpoint {
        _ = try await sequencer.sealPending()
        return try #require(try await sequencer.sign())
    }

    func size() async throws -> Int { try await world.database.read { try AuditLedger().size(in: $0) } }

    /// Changes what the database holds, as somebody may who owns it: past every trigger.
    func tamper(_ statements: [SQL]) async throws {
        let events: [SQL] =
            world.engine == .sqlite
            ? [
                "DROP TRIGGER audit_events_no_update", "DROP TRIGGER audit_events_archived_only",
                "DROP TRIGGER audit_leaves_no_update", "DROP TRIGGER audit_leaves_no_delete",
                "DROP TRIGGER audit_checkpoints_no_delete", "DROP TRIGGER audit_checkpoints_no_update",
                "DROP TRIGGER audit_intake_sealed_only", "DROP TRIGGER audit_subtrees_no_delete",
            ] : ["SET LOCAL session_replication_role = replica"]
        try await world.database.write { tx in
            for statement in events + statements { try tx.execute(statement) }
        }
    }

    // MARK: The verifiers

    /// What the server finds: the kind of the divergence, `nil` when the log is sound.
    func serverFinding(_ kind: AuditVerification.Kind = .full) async throws -> String? {
        let outcome = try await world.verifier(leadership).verify(kind, by: world.author)
        return outcome.divergence.map { String($0.prefix { $0.isLetter }) }
    }

    func bundleFile(since: Timestamp? = nil, until: Timestamp? = nil) async throws -> String {
        let path = directory.path("bundle-\(UUID().uuidString).ndjson")
        try Data().write(to: URL(filePath: path))
        let file = try #require(FileHandle(forWritingAtPath: path))
        let extent = try await world.bundle.extent(since: since, until: until)
        try await world.bundle.write(extent) { try file.write(contentsOf: Data($0)) }
        try file.close()
        return path
    }

    func keysFile() async throws -> String {
        let keys = try await world.database.read { tx in
            try CheckpointKeeper(sealer: world.sealer, random: .system).keys(in: tx)
        }
        let path = directory.path("keys.json")
        let set: JSONValue = ["keys": .array((keys?.all ?? []).map { .object($0.jwk) })]
        try Data(set.octets).write(to: URL(filePath: path))
        return path
    }

    /// What the verifier of this program says of a file.
    func offlineFinding(_ bundle: String, anchors: [SignedCheckpoint] = []) async throws -> Divergence.Kind? {
        let keys = try CheckpointKeySet(parsing: Array(try Data(contentsOf: URL(filePath: try await keysFile()))))
        var verifier = BundleVerifier(keys: keys, anchors: anchors)
        let text = try Data(contentsOf: URL(filePath: bundle))
        do throws(Divergence) {
            for line in text.split(separator: 0x0A) { try verifier.take(Array(line)) }
            _ = try verifier.finish()
            return nil
        } catch {
            return error.kind
        }
    }

    /// What the verifier in Python says of it: the word of the divergence, `nil` when it is sound.
    func pythonFinding(_ bundle: String, anchors: [SignedCheckpoint] = []) async throws -> String? {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/verify_audit.py")
        let kept = directory.path("kept.jws")
        try Data(anchors.map { $0.text + "\n" }.joined().utf8).write(to: URL(filePath: kept))
        let outcome = try await runProgram(
            "/usr/bin/python3", ["-B", script.path, bundle, try await keysFile(), kept], logs: directory.url)
        if outcome.status == 0 {
            #expect(outcome.output.hasPrefix("sound: "), "\(outcome.output)")
            return nil
        }
        let words = outcome.errors.split(separator: " ")
        try #require(words.starts(with: ["NOT", "SOUND:"]), "\(outcome.errors)")
        return String(words[2])
    }

    /// That both offline verifiers find the same in a bundle of the whole log.
    func expectOffline(_ kind: Divergence.Kind?, anchors: [SignedCheckpoint] = []) async throws {
        let bundle = try await bundleFile()
        #expect(try await offlineFinding(bundle, anchors: anchors) == kind)
        #expect(try await pythonFinding(bundle, anchors: anchors) == kind?.rawValue)
    }
}
