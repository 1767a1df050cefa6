import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.1: each CA has its own revocations, and ends drain-first")
struct RetirementTests {
    @Test("every CA with a key signs lists, and a revoked leaf is on that of its CA alone", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            let issuing = try await grove.make("Issuing", below: root.id)
            let (version, _) = try await grove.issue("api")
            let result = try await RevokeFlow(grove.world.context).revoke(
                .certificate(version.certificateID, .standard), RevocationOrder(.superseded), by: grove.world.author)
            #expect(result.revocations.map(\.authorityID) == [issuing.id])
            try await grove.publish()
            let (_, own) = try #require(try await grove.list(of: issuing.id))
            #expect(own.entries.map { $0.serialNumber?.hex } == [version.serialNumber])
            let issuingKey = try await grove.certificate(issuing.id).subjectPublicKey
            #expect(own.verifySignature(with: issuingKey))
            let (_, above) = try #require(try await grove.list(of: root.id))
            #expect(above.entries.isEmpty && !above.verifySignature(with: issuingKey))
            #expect(try await grove.list(of: AuthorityID(soleOf: Grove.issuer)) == nil)
        }
    }

    @Test("OCSP knows a leaf by its CA, and a CA by the one above", arguments: Engine.available)
    func status(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            let issuing = try await grove.make("Issuing", below: root.id)
            let (version, _) = try await grove.issue("api")
            let child = try await grove.certificate(issuing.id).serialNumber.hex
            func known(_ serial: String, _ authority: AuthorityID) async throws -> Bool {
                try await grove.world.database.read { tx in
                    try OCSPResponseStore().subject(
                        authority: authority, issuer: Grove.issuer, serial: serial, in: tx) != nil
                }
            }
            #expect(try await known(version.serialNumber, issuing.id))
            #expect(try await known(child, root.id))
            #expect(try await !known(version.serialNumber, root.id))
            #expect(try await !known(child, issuing.id))
            let authorities = OCSPAuthorities(grove.world.context, registry: grove.world.registry)
            #expect(Set(try await authorities.all().map(\.id)).isSuperset(of: [root.id, issuing.id]))
            guard case .tree = try await authorities.find(Grove.issuer.text) else {
                Issue.record("the issuer itself answers")
                return
            }
        }
    }

    @Test("two steps: first nothing new, then the end, when nothing hangs on it any more", arguments: Engine.available)
    func retire(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let (world, flow) = (grove.world, grove.world.hierarchy)
            func refusal(_ id: AuthorityID, _ isConfirmed: Bool) async throws -> ServiceError? {
                do {
                    _ = try await flow.retire(id, isConfirmed: isConfirmed, note: nil, by: world.author)
                    return nil
                } catch let error as ServiceError { return error }
            }
            let root = try await grove.make("Root")
            let old = try await grove.make("Old", below: root.id)
            let (version, _) = try await grove.issue("api")
            // The only one that issues.
            #expect(try await refusal(old.id, false)?.counts["certificates"] == 1)
            let new = try await grove.make("New", below: root.id)
            #expect(
                try await flow.retire(old.id, isConfirmed: false, note: "rollover", by: world.author).state == .retiring
            )
            #expect(try await grove.issue("later").version.issuingCA == new.id)
            #expect(try await refusal(old.id, false)?.code == .confirmationRequired)
            let blocked = try #require(try await refusal(old.id, true))
            #expect(blocked.code == .invalidState && blocked.counts["certificates"] == 1, "\(blocked.detail)")
            #expect(try await grove.refusal("Below", below: old.id)?.code == .invalidState)
            // And back, and forth.
            #expect(try await flow.cancelRetirement(old.id, note: nil, by: world.author).state == .active)
            #expect(try await refusal(old.id, true) == nil)
            #expect(try await grove.stored(old.id).state == .retiring)

            _ = try await RevokeFlow(world.context).revoke(
                .certificate(version.certificateID, .standard), RevocationOrder(.superseded), by: world.author)
            let keys = try await grove.keys()
            #expect(try await flow.retire(old.id, isConfirmed: true, note: nil, by: world.author).state == .retired)
            #expect(try await refusal(old.id, true)?.code == .invalidState)
            #expect(try await grove.keys() == keys)

            // The last list, then the end of the key; it takes two looks and no more.
            for _ in 0..<3 { try await grove.publish() }
            let (row, list) = try #require(try await grove.list(of: old.id))
            #expect(row.nextUpdate.rfc3339 == "9999-12-31T23:59:59Z")
            #expect(list.entries.map { $0.serialNumber?.hex } == [version.serialNumber])
            #expect(list.verifySignature(with: try await grove.certificate(old.id).subjectPublicKey))
            let gone = try await grove.stored(old.id)
            #expect(gone.keyReleasedAt != nil && !gone.hasKey)
            #expect(try await grove.keys() == keys - 1)
            // The certificates of the tree stay verifiable: the chain is still there.
            #expect(try await flow.chain(of: old.id, by: world.author).count == 2)
            let actions = try await world.database.read { tx in
                try tx.rows("SELECT action FROM audit_events WHERE resource_id = \(old.id)").map {
                    try $0.text("action")
                }
            }
            #expect(
                Set(actions).isSuperset(of: [
                    "intermediate_ca_child_created", "intermediate_ca_retiring", "intermediate_ca_retirement_cancelled",
                    "intermediate_ca_retired", "ca_key_generated", "ca_key_destroyed",
                ]))
        }
    }

    @Test("a CA with CAs below it does not end before them", arguments: Engine.available)
    func children(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let (world, flow) = (grove.world, grove.world.hierarchy)
            let root = try await grove.make("Root")
            let child = try await grove.make("Child", below: root.id)
            func step(_ id: AuthorityID, _ isConfirmed: Bool) async throws -> IntermediateCA {
                try await flow.retire(id, isConfirmed: isConfirmed, note: nil, by: world.author)
            }
            _ = try await step(root.id, false)
            // Existing CAs go on below a root that retires.
            #expect(try await grove.issue("api").version.issuingCA == child.id)
            await #expect(throws: ServiceError.self) { _ = try await step(root.id, true) }
            _ = try await RevokeFlow(world.context).revoke(
                .certificate(CertificateID(stored: "api"), .standard), RevocationOrder(.superseded), by: world.author)
            _ = try await step(child.id, false)
            await #expect(throws: ServiceError.self) { _ = try await step(root.id, true) }
            _ = try await step(child.id, true)
            #expect(try await step(root.id, true).state == .retired)
            for _ in 0..<3 { try await grove.publish() }
            #expect(try await grove.keys() == 0)
            // Another root may take the place.
            #expect(try await grove.make("Root 2").isRoot)
        }
    }
}
