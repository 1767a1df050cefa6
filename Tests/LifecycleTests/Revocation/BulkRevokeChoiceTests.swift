import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Bulk revocation: the preview is exact, a key means what has it, a choice is frozen once (rest-api §7.3)")
struct BulkRevokeChoiceTests {
    private static func wanted(_ reason: RevocationReason, _ names: String...) -> BulkRevocation {
        BulkRevokeTests.wanted(reason) { $0.certificateIDs = names.map { CertificateID(stored: $0) } }
    }

    private static func revoke(_ world: World, _ name: String, _ reason: RevocationReason) async throws {
        _ = try await RevokeFlow(world.context).revoke(
            .certificate(CertificateID(stored: name), .standard), RevocationOrder(reason), by: world.author)
    }

    @Test(
        "holds and older versions: what the preview counts is what is revoked",
        arguments: Engine.available, [RevocationReason.certificateHold, .superseded, .keyCompromise])
    func exact(engine: Engine, reason: RevocationReason) async throws {
        try await World.with(engine) { world async throws in
            try await BulkRevokeTests.issued(world, ["good", "held", "gone", "older", "released"])
            try await RevokeFlowTests.issue(world, "older")
            try await Self.revoke(world, "held", .certificateHold)
            try await Self.revoke(world, "gone", .superseded)
            // Of this one the version before, which has another key, is still good.
            try await Self.revoke(world, "older", .superseded)
            try await Self.revoke(world, "released", .certificateHold)
            try await Self.revoke(world, "released", .removeFromCRL)
            let flow = BulkRevokeTests.flow(world)
            let wanted = Self.wanted(reason, "good", "held", "gone", "older", "released")
            let before = try await flow.preview(wanted, by: world.author)
            var expected = ["good", "released"]
            if reason != .certificateHold { expected.append("held") }
            if reason == .keyCompromise { expected.append("older") }
            #expect(before.sample.filter { $0.outcome == .succeeded }.map(\.subject) == expected.sorted())
            #expect(before.revocable == expected.count && before.skipped == 5 - expected.count)

            let begun = try await flow.begin(wanted, by: world.author)
            let ended = try await BulkRevokeTests.finish(flow, begun.id)
            #expect(ended.progress.succeeded == before.revocable && ended.progress.skipped == before.skipped)
            let done = try await world.database.read { tx in
                try OperationStore().items(of: begun.id, [.succeeded], limit: 10, in: tx).map(\.subject)
            }
            #expect(done == expected.sorted())
            let after = try await flow.preview(wanted, by: world.author)
            #expect(after.revocable == 0 && after.skipped == 5, "nothing is left")
        }
    }

    @Test("by a key: the versions with it, and none of a certificate's others", arguments: Engine.available)
    func key(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let key = try PrivateKey.generate(.ecdsaP256)
            for name in ["rotated", "plain", "apart"] { try await world.certificate(name) }
            let old = try await RevokeFlowTests.issue(world, "rotated", key: key)
            let new = try await RevokeFlowTests.issue(world, "rotated")
            let plain = try await RevokeFlowTests.issue(world, "plain", key: key)
            try await RevokeFlowTests.issue(world, "apart")
            for reason in [RevocationReason.certificateHold, .keyCompromise] {
                let wanted = BulkRevokeTests.wanted(reason) { $0.spkiSHA256 = old.spkiSHA256 }
                let flow = BulkRevokeTests.flow(world)
                let before = try await flow.preview(wanted, by: world.author)
                #expect(before.total == 2 && before.revocable == 2)
                let begun = try await flow.begin(wanted, by: world.author)
                #expect(begun.keySHA256 == old.spkiSHA256)
                #expect(try await BulkRevokeTests.finish(flow, begun.id).progress.succeeded == 2)
                let serials = try await world.database.read { tx in
                    try tx.rows("SELECT serial_number FROM certificate_revocations").map {
                        try $0.text("serial_number")
                    }
                }
                #expect(Set(serials) == [old.serialNumber, plain.serialNumber] && !serials.contains(new.serialNumber))
                #expect(try await world.stored("rotated").status == .active, "its key is another by now")
                #expect(try await world.stored("plain").status == .revoked)
            }
        }
    }

    @Test("what is counted is what was stored, while certificates come and go", arguments: Engine.available)
    func coherent(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await BulkRevokeTests.issued(world, ["m"])
            let flow = BulkRevokeTests.flow(world, rule: .always)
            let stored = try await withThrowingTaskGroup(of: [OperationID].self) { group in
                group.addTask {
                    for number in 0..<150 { try await world.certificate("n-\(number)") }
                    return []
                }
                for _ in 0..<3 {
                    group.addTask {
                        var begun: [OperationID] = []
                        for _ in 0..<40 {
                            begun.append(try await flow.begin(BulkRevokeTests.wanted(), by: world.author).id)
                        }
                        return begun
                    }
                }
                return try await group.reduce([], +)
            }
            try await world.database.read { tx in
                for id in stored {
                    let operation = try OperationStore().get(id, in: tx)
                    let items = try tx.row("SELECT COUNT(*) AS n FROM operation_items WHERE operation_id = \(id)")
                    #expect(try items?.int("n") == operation.progress.total)
                    #expect(try OperationStore().pendingDigest(of: id, in: tx) == operation.itemsSHA256)
                }
            }
        }
    }

    @Test("an operation that cannot be read does not keep the next waiting")
    func stuck() async throws {
        try await World.with(.sqlite) { world async throws in
            try await BulkRevokeTests.issued(world, ["a", "b"])
            let flow = BulkRevokeTests.flow(world)
            let first = try await flow.begin(Self.wanted(.superseded, "a"), by: world.author)
            world.clock.advance(by: .seconds(1))
            let second = try await flow.begin(Self.wanted(.superseded, "b"), by: world.author)
            try await world.database.write { tx in
                _ = try tx.execute("PRAGMA ignore_check_constraints = ON")
                _ = try tx.execute("UPDATE operations SET reason = 'whim' WHERE id = \(first.id)")
                _ = try tx.execute("PRAGMA ignore_check_constraints = OFF")
            }
            let loop = BulkRevokeLoop(world.context, flow)
            await #expect(throws: (any Error).self, "it is told") { _ = try await loop.loop.tick(world.time.now) }
            let ended = try await world.database.read { try OperationStore().get(second.id, in: $0) }
            #expect(ended.state == .succeeded)
            #expect(try await world.stored("a").status == .active)
        }
    }

    @Test("many identifiers are told by their number where they would fill lists and the audit log")
    func brief() async throws {
        try await World.with(.sqlite) { world async throws in
            var filter = CertificateFilter()
            filter.certificateIDs = (0..<101).map { CertificateID(stored: "c-\($0)") }
            let wanted = BulkRevocation(
                filter: filter, criteria: ["certificate_ids": .array(filter.certificateIDs.map { .string($0.text) })],
                order: RevocationOrder(.superseded))
            let begun = try await BulkRevokeTests.flow(world).begin(wanted, by: world.author)
            #expect(begun.criteria["certificate_ids"]?.arrayValue?.count == 101, "the operation itself has them")
            #expect(begun.briefCriteria == ["certificate_ids_count": 101])
            let long: SQL = "SELECT COUNT(*) AS n FROM audit_events WHERE length(CAST(details AS TEXT)) > 1000"
            #expect(try await world.count(long) == 0)
        }
    }
}
