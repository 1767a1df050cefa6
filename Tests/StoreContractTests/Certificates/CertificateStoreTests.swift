import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §3.7, §4.1: managed certificates")
struct CertificateStoreTests {
    private let certificates = CertificateStore()

    @Test("every name that leads nowhere is reported at once", arguments: Engine.available)
    func unknownReferences(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            var fields = seed.fields()
            fields.ownerID = OwnerID(stored: "o-no")
            fields.profileID = ProfileID(stored: "p-no")
            let new = NewCertificate(id: Unique.id(), fields: fields, source: .api, nextRenewalAt: nil)
            let error = StoreError.unknownReferences([
                .init(field: "owner_id", id: "o-no"), .init(field: "certificate_profile_id", id: "p-no"),
            ])
            await #expect(throws: error) {
                try await database.write { [certificates] in try certificates.insert(new, in: $0) }
            }
        }
    }

    @Test("archiving frees the name, and names are unique until then", arguments: Engine.available)
    func names(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let first = try await database.write { try seed.certificate(name: "web", in: $0) }
            #expect(first.status == .pending && first.fields.tags == ["tier": "1"])
            #expect(first.fields.subjectAltNames == ["www.example.com", "example.com"])
            await #expect(throws: StoreError.alreadyExists(.certificate, field: "name")) {
                try await database.write { try seed.certificate(name: "web", in: $0) }
            }
            try await database.write { [certificates] tx in
                let archived = try certificates.transition(
                    first.id,
                    from: [.pending],
                    to: CertificateOutcome(status: .archived, nextRenewalAt: .never),
                    in: tx
                )
                #expect(archived?.status == .archived && archived?.rowVersion == 2)
                try seed.certificate(name: "web", in: tx)
            }
        }
    }

    @Test("a transition from another state changes nothing", arguments: Engine.available)
    func transitions(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let certificate = try await database.write { try seed.certificate(in: $0) }
            try await database.write { [certificates] tx in
                let outcome = CertificateOutcome(status: .renewalInProgress, lastError: "x")
                #expect(try certificates.transition(certificate.id, from: [.active], to: outcome, in: tx) == nil)
                #expect(try certificates.get(certificate.id, in: tx) == certificate)
                let moved = try certificates.transition(certificate.id, from: [.pending], to: outcome, in: tx)
                #expect(moved?.status == .renewalInProgress && moved?.lastError == "x")
            }
        }
    }

    @Test("due renewals come oldest first, and two loops never take the same one", arguments: Engine.available)
    func dueRenewals(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let past = Timestamp(secondsSinceEpoch: 1_000_000)
            let future = Timestamp(secondsSinceEpoch: 8_000_000_000)
            try await database.write { tx in
                for index in 0..<6 { try seed.certificate(nextRenewalAt: past + .seconds(6 - index), in: tx) }
                try seed.certificate(nextRenewalAt: future, in: tx)
                try seed.certificate(nextRenewalAt: nil, in: tx)
            }
            let taken = try await withThrowingTaskGroup(of: [CertificateID].self) { group in
                for _ in 0..<4 {
                    group.addTask { [certificates] in
                        try await database.write { tx in
                            let due = try certificates.dueForRenewal(limit: 2, in: tx)
                            for certificate in due { try certificates.schedule(certificate.id, at: nil, in: tx) }
                            #expect(due.compactMap(\.nextRenewalAt) == due.compactMap(\.nextRenewalAt).sorted())
                            return due.map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(taken.count == Set(taken).count)
            #expect(taken.count <= 6 && taken.count >= 2)
            let next = try await database.read { [certificates] in try certificates.nextRenewal(in: $0) }
            #expect(next.map { $0 <= future } == true)
        }
    }

    @Test("targets are replaced, attached and detached", arguments: Engine.available)
    func targets(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let second: TargetID = Unique.id()
            let third: TargetID = Unique.id()
            let certificate = try await database.write { tx in
                try Seed.insertTarget(second, agent: seed.agent, in: tx)
                try Seed.insertTarget(third, agent: seed.agent, in: tx)
                return try seed.certificate(in: tx)
            }
            let id = certificate.id
            try await database.write { [certificates] tx in
                #expect(try certificates.attach([seed.target, second], to: id, in: tx).count == 2)
                #expect(try certificates.attach([second], to: id, in: tx).isEmpty)
                let change = try certificates.replaceTargets(of: id, with: [second, third], in: tx)
                #expect(change.attached == [third] && change.detached == [seed.target])
                #expect(try certificates.targetIDs(of: id, in: tx) == [second, third].sorted())
                #expect(try certificates.isVisible(id, to: seed.agent, in: tx))
                #expect(try certificates.detach(third, from: id, in: tx))
                #expect(try !certificates.detach(third, from: id, in: tx))
                #expect(try certificates.replaceTargets(of: id, with: [], in: tx).detached == [second])
                #expect(try !certificates.isVisible(id, to: seed.agent, in: tx))
            }
            let unknown = StoreError.unknownReferences([.init(field: "target_ids/0", id: "tgt-no")])
            await #expect(throws: unknown) {
                try await database.write { [certificates] in
                    try certificates.attach([TargetID(stored: "tgt-no")], to: id, in: $0)
                }
            }
        }
    }

    @Test("time moves certificates to expiring and expired, once", arguments: Engine.available)
    func aging(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let ids = try await database.write { tx -> [CertificateID] in
                try [Duration.days(-1), .days(5), .days(60)].map { offset in
                    let certificate = try seed.certificate(in: tx)
                    _ = try VersionInstaller().install(
                        seed.version(of: certificate.id, notAfter: tx.now + offset),
                        from: [.pending],
                        to: CertificateOutcome(status: .active),
                        in: tx
                    )
                    return certificate.id
                }
            }
            try await database.write { [certificates] tx in
                #expect(try certificates.markExpired(limit: 10, in: tx) == [ids[0]])
                #expect(try certificates.markExpired(limit: 10, in: tx).isEmpty)
                let horizon = tx.now + .days(30)
                let candidates = try certificates.agingCandidates(
                    of: Seed.policy,
                    expiringBefore: horizon,
                    after: nil,
                    limit: 10,
                    in: tx
                )
                #expect(candidates.map(\.id) == [ids[1]])
                #expect(try certificates.markExpiring(candidates.map(\.id), in: tx) == [ids[1]])
                #expect(try certificates.get(ids[2], in: tx).status == .active)
            }
        }
    }
}
