import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("Revocation lists: complete, numbered, in time")
struct RevocationListTests {
    @Test("an issuer without revocations has an empty list", arguments: Engine.available)
    func empty(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let press = world.press()
            #expect(try await press.publish() == 1)
            let list = try await press.list()
            #expect(list.entries.isEmpty && list.number == CRLNumber(1) && !list.isDelta)
            #expect(try await press.publish() == 0)
            let chain = try await world.connector().authorityChain()
            let authority = try #require(chain.first)
            #expect(list.verifySignature(with: authority.subjectPublicKey))
        }
    }

    @Test("revoked, on hold, released, final: the list follows each", arguments: Engine.available)
    func follows(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let press = world.press()
            let press2 = world.press()
            _ = try await press.publish()
            try await world.revoke("a1", .superseded)
            try await world.revoke("b2", .certificateHold)
            try await world.revoke("c3", .keyCompromise)
            #expect(try await press.publish() == 1)
            #expect(try await press.reasons() == ["a1": .superseded, "b2": .certificateHold, "c3": .keyCompromise])
            try await world.revoke("b2", .keyCompromise)
            // Another replica took over: it knows only what is stored.
            #expect(try await press2.publish() == 1)
            #expect(try await press2.reasons()["b2"] == .keyCompromise)
            try await world.revoke("d4", .certificateHold)
            _ = try await press.publish()
            try await world.release("d4")
            _ = try await press2.publish()
            #expect(Set(try await press.reasons().keys) == ["a1", "b2", "c3"])
            #expect(try await press.list().number == CRLNumber(5))
        }
    }

    @Test("ended certificates leave after one list past their end; short-lived ones are never listed")
    func pruned() async throws {
        try await World.with(.sqlite) { world async throws in
            let press = world.press()
            try await world.revoke("a1", .superseded, lasting: .minutes(90))
            try await world.revoke("b2", .superseded, lasting: .days(90))
            try await world.revoke("c3", .superseded, lasting: .minutes(30), isShortLived: true)
            _ = try await press.publish()
            #expect(Set(try await press.reasons().keys) == ["a1", "b2"])
            world.clock.advance(by: .minutes(91))
            #expect(try await press.publish() == 1)
            #expect(Set(try await press.reasons().keys) == ["a1", "b2"], "one list past the end still has it")
            world.clock.advance(by: .minutes(61))
            #expect(try await press.publish() == 1)
            #expect(Set(try await press.reasons().keys) == ["b2"])
        }
    }

    @Test("made anew in every interval, and when the clock was set back")
    func renewed() async throws {
        try await World.with(.sqlite) { world async throws in
            let press = world.press()
            #expect(try await press.publish() == 1)
            world.clock.advance(by: .minutes(59))
            #expect(try await press.publish() == 0)
            world.clock.advance(by: .minutes(2))
            #expect(try await press.publish() == 1)
            world.clock.advance(by: .zero - .hours(3))
            #expect(try await press.publish() == 1)
            #expect(try await press.list().number == CRLNumber(3))
        }
    }

    @Test("numbers rise strictly under concurrent replicas, and nothing revoked is lost", arguments: Engine.available)
    func concurrent(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let presses = (0..<4).map { _ in world.press() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<25 {
                            try await world.revoke("f\(writer)\(String(number + 16, radix: 16))", .superseded)
                        }
                    }
                }
                for press in presses {
                    group.addTask { for _ in 0..<10 { _ = try await press.publish() } }
                }
                try await group.waitForAll()
            }
            _ = try await presses[0].publish()
            #expect(try await presses[0].reasons().count == 100)
            let numbers = try await world.database.read { tx in
                try tx.rows(
                    "SELECT crl_number FROM crl_generation_events WHERE succeeded ORDER BY id"
                ).map { try $0.int("crl_number") }
            }
            #expect(numbers == Array(Set(numbers)).sorted() && !numbers.isEmpty)
            let changes = try await world.database.read { tx in
                try tx.rows("SELECT change_number FROM certificate_revocations").map { try $0.int("change_number") }
            }
            #expect(Set(changes).count == 100)
        }
    }

    @Test("several lists cover every certificate once, and say where they are", arguments: Engine.available)
    func shards(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let press = world.press(publicURL: "http://pki.example")
            try await world.database.write { tx in
                try RevocationListStore().addPartitions(
                    4, of: AuthorityID(soleOf: World.issuer), issuer: World.issuer, in: tx)
            }
            for number in 0..<40 { try await world.revoke(String(0xAB00 + number * 7, radix: 16), .superseded) }
            #expect(try await press.publish() == 5)
            var seen: [String] = []
            for shard in 0..<4 {
                let list = try await press.list(.shard(shard, of: 4))
                #expect(!list.entries.isEmpty)
                #expect(list.issuingDistributionPoint != nil)
                seen += list.entries.compactMap { $0.serialNumber?.hex }
            }
            let complete = Set(try await press.reasons().keys)
            #expect(seen.count == 40 && Set(seen) == complete)
            try await world.revoke("ab01", .superseded)
            #expect(try await press.publish() == 2, "one shard and the complete list; the other shards have no news")
            #expect(try await press.publish() == 0)
        }
    }

    @Test("an issuer that cannot sign keeps its list and leaves the others alone")
    func failing() async throws {
        try await World.with(.sqlite) { world async throws in
            let config: JSONObject = ["ca_cert_path": "/no", "ca_key_path": "/no"]
            _ = try await world.issuers.create(
                IssuerDraft(
                    id: "iss-bad", name: "Bad", type: "local", config: config),
                by: world.author)
            let press = world.press(expectsFailures: true)
            #expect(try await press.publish() == 1)
            let events = try await world.database.read { tx in
                try tx.rows("SELECT issuer_id, error FROM crl_generation_events WHERE NOT succeeded").count
            }
            #expect(events == 1)
            #expect(try await press.publish() == 0, "left alone for a while")
        }
    }

    @Test("damaged octets are not served")
    func damaged() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.revoke("a1", .superseded)
            _ = try await world.press().publish()
            try await world.database.write { tx in
                _ = try tx.execute("UPDATE crl_blocks SET entries = X'3003020101'")
            }
            let shelf = RevocationListShelf(database: world.database, time: world.time)
            #expect(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full) == nil)
        }
    }
}

/// A replica that makes lists.
struct Press: Sendable {
    let world: World
    let leadership: Leadership
    let shelf: RevocationListShelf
    let publisher: RevocationListPublisher

    /// One look of the loop.
    func publish() async throws -> Int {
        try await leadership.attempt()
        return try await publisher.tick(world.time.now).rows
    }

    func list(_ scope: RevocationListScope = .full) async throws -> CertificateRevocationList {
        // A shelf of its own reads what is stored.
        let fresh = RevocationListShelf(database: world.database, time: world.time)
        let list = try #require(try await fresh.list(of: AuthorityID(soleOf: World.issuer), scope))
        return try CertificateRevocationList(der: list.der)
    }

    func reasons() async throws -> [String: RevocationReason] {
        let entries = try await list().entries
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.serialNumber?.hex ?? "", $0.reason) })
    }
}

extension World {
    /// - `expectsFailures`: Lists that are not made are no fault of the test.
    func press(publicURL: String? = nil, expectsFailures: Bool = false) -> Press {
        // The same holder: as if a paused leader had woken up next to itself.
        let leadership = leadership()
        let shelf = RevocationListShelf(database: database, time: time)
        var plan = RevocationListPlan()
        plan.publicURL = publicURL
        let chosen = plan
        let publisher = RevocationListPublisher(
            context, registry: registry, leadership: leadership, shelf: shelf, plan: chosen,
            failed: { issuer, error in
                if !expectsFailures { Issue.record("the lists of \(issuer) were not made: \(error)") }
            })
        return Press(world: self, leadership: leadership, shelf: shelf, publisher: publisher)
    }

    func revoke(
        _ serial: String, _ reason: RevocationReason, lasting: Duration = .days(30), isShortLived: Bool = false
    ) async throws {
        try await database.write { tx in
            var new = NewRevocation(
                id: RevocationID(generatedAt: tx.now, random: .system), issuerID: Self.issuer,
                authorityID: AuthorityID(soleOf: Self.issuer), serialNumber: serial, notAfter: tx.now + lasting,
                reason: reason, revokedBy: "alice")
            new.isShortLived = isShortLived
            _ = try RevocationStore().revoke(new, in: tx)
        }
    }

    func release(_ serial: String) async throws {
        try await database.write { tx in
            _ = try RevocationStore().release(
                issuer: Self.issuer, AuthorityID(soleOf: Self.issuer), serial: serial, in: tx)
        }
    }

    func connector() async throws -> any IssuerConnector {
        let issuer = try await database.read { tx in try IssuerStore().get(Self.issuer, in: tx) }
        return try await registry.connector(for: Self.issuer, revision: issuer.configRevision)
    }
}
