import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.1: a whole CA is revoked by whoever signed it")
struct CARevocationTests {
    private static let second = IssuerID(stored: "iss-second")

    /// A policy CA with an issuing CA below it, another issuing CA, and the root of another tree that signed for the policy CA.
    private struct Stage {
        let grove: Grove
        let root: IntermediateCA
        let policy: IntermediateCA
        let issuing: IntermediateCA
        let spare: IntermediateCA
        let other: IntermediateCA
        let crossed: CACertificate

        static func with(_ engine: Engine, _ body: (Stage) async throws -> Void) async throws {
            try await Grove.with(engine) { grove async throws in
                var draft = IssuerDraft(id: second.text, name: "Second", type: "local")
                draft.hierarchyMode = .tree
                _ = try await grove.world.issuers.create(draft, by: grove.world.author)
                let root = try await grove.make("Root")
                let policy = try await grove.make("Policy", below: root.id) { $0.pathLength = 1 }
                let issuing = try await grove.make("Issuing", below: policy.id)
                let spare = try await grove.make("Spare", below: root.id) {
                    $0.pathLength = 0
                    $0.ttlDays = 500
                }
                var wanted = Grove.draft("Other Root")
                wanted.issuerID = second
                let other = try await grove.world.hierarchy.create(wanted, by: grove.world.author)
                var cross = CrossSigningDraft()
                cross.parentID = other.id
                let crossed = try await grove.world.hierarchy.crossSign(policy.id, cross, by: grove.world.author)
                try await body(
                    Stage(
                        grove: grove, root: root, policy: policy, issuing: issuing, spare: spare, other: other,
                        crossed: crossed))
            }
        }

        var flow: HierarchyFlow { grove.world.hierarchy }

        func revoke(
            _ id: AuthorityID, _ reason: RevocationReason = .cessationOfOperation, rehearsing: Bool = false
        ) async throws -> HierarchyFlow.Revocation {
            try await flow.revoke(id, reason, note: "no more", isRehearsed: rehearsing, by: grove.world.author)
        }

        func status(_ serial: String?, by parent: AuthorityID, of issuer: IssuerID = Grove.issuer) async throws
            -> OCSPStatus?
        {
            let serial = try #require(serial)
            return try await grove.world.database.read { tx in
                try OCSPResponseStore().subject(authority: parent, issuer: issuer, serial: serial, in: tx)?.status
            }
        }

        /// Renewals of certificates by a CA that are not due.
        func later(_ id: AuthorityID) async throws -> Int {
            let now = grove.world.time.now
            return try await grove.count(
                """
                managed_certificates WHERE next_renewal_at > \(now) AND id IN (
                    SELECT certificate_id FROM certificate_versions WHERE issuing_ca_id = \(id) AND superseded_at IS NULL)
                """)
        }
    }

    @Test("it is told before, and changes nothing", arguments: Engine.available)
    func rehearsed(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            _ = try await stage.grove.issue("api")
            let later = try await stage.later(stage.issuing.id)
            let told = try await stage.revoke(stage.policy.id, .keyCompromise, rehearsing: true)
            #expect(told.authorities == 1 && told.certificates == 1 && told.orders == 0 && told.successors == 1)
            #expect(told.renewals == later)
            #expect(told.listedBy == [stage.root.id, stage.other.id].sorted() && told.elsewhere.isEmpty)
            #expect(try await stage.grove.stored(stage.policy.id).state == .active)
            #expect(try await stage.grove.count("certificate_revocations") == 0)
            #expect(try await stage.grove.count("ca_certificates WHERE withdrawn_at IS NOT NULL") == 0)
            #expect(try await stage.later(stage.issuing.id) == later)
            #expect(try await !stage.grove.world.actions(on: stage.policy.id.text).contains("intermediate_ca_revoked"))
        }
    }

    @Test("nothing is signed below it, everybody is told, and what was signed moves", arguments: Engine.available)
    func revoked(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (grove, flow, author) = (stage.grove, stage.flow, stage.grove.world.author)
            #expect(try await grove.issue("before").version.issuingCA == stage.issuing.id)
            try await grove.publish()

            let done = try await stage.revoke(stage.policy.id, .caCompromise)
            #expect(done.node.state == .revoked && done.node.revokedAt != nil)
            #expect(done.node.revocationReason == .caCompromise && done.certificates == 1)
            for (serial, parent, issuer) in [
                (stage.policy.serialNumber, stage.root.id, Grove.issuer),
                (stage.crossed.serialNumber, stage.other.id, Self.second),
            ] {
                guard case .revoked(_, .caCompromise)? = try await stage.status(serial, by: parent, of: issuer) else {
                    Issue.record("\(parent.text) does not answer that it is revoked")
                    continue
                }
            }
            let kept = try await flow.chains(of: stage.policy.id, by: author)
            #expect(kept.certificates.map(\.withdrawalReason) == [.caCompromise] && kept.chains.count == 1)

            // Others of the tree take over.
            #expect(try await stage.later(stage.issuing.id) == 0)
            #expect(try await grove.issue("after").version.issuingCA == stage.spare.id)
            #expect(try await grove.refusal("Below", below: stage.policy.id)?.code == .invalidState)
            #expect(try await grove.refusal("Far below", below: stage.issuing.id)?.code == .invalidState)
            let (issuing, policy) = (stage.issuing.id, stage.policy.id)
            #expect(
                await refusal { _ = try await flow.renew(issuing, ttlDays: 0, with: nil, by: author) }
                    == .invalidState)
            var cross = CrossSigningDraft()
            cross.parentID = stage.other.id
            for id in [issuing, policy] {
                let crossed = await refusal { _ = try await flow.crossSign(id, cross, by: author) }
                #expect(crossed == .invalidState)
                #expect(await refusal { _ = try await flow.crossRequest(id, by: author) } == .invalidState)
            }
            #expect(await refusal { _ = try await stage.revoke(policy) } == .invalidState)
            for isConfirmed in [false, true] {
                #expect(
                    await refusal {
                        _ = try await flow.retire(policy, isConfirmed: isConfirmed, note: nil, by: author)
                    } == .invalidState)
            }

            // The lists of both who signed it, of it, and of the one below.
            try await grove.publish()
            let (_, own) = try #require(try await grove.list(of: stage.root.id))
            #expect(own.entries.map { $0.serialNumber?.hex } == [stage.policy.serialNumber])
            #expect(own.entries.first?.reason == .caCompromise)
            let (_, others) = try #require(try await grove.list(of: stage.other.id))
            #expect(others.entries.map { $0.serialNumber?.hex } == [stage.crossed.serialNumber])
            for id in [issuing, policy] {
                let (row, _) = try #require(try await grove.list(of: id))
                #expect(row.nextUpdate < grove.world.time.now + .days(30))
            }
            let key = stage.policy.spkiSHA256
            #expect(
                try await grove.world.database.read {
                    try KeyUse.read(spkiSHA256: key, jwkThumbprint: nil, in: $0).isCompromised
                })
            #expect(try await grove.world.actions(on: policy.text).contains("intermediate_ca_revoked"))
        }
    }

    @Test(
        "its lists go on while something hangs on it; then the last one, and the key goes", arguments: Engine.available)
    func end(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (grove, world) = (stage.grove, stage.grove.world)
            let version = try await grove.issue("api").version
            _ = try await stage.revoke(stage.issuing.id, .keyCompromise)
            let keys = try await grove.keys()
            for _ in 0..<3 { try await grove.publish() }
            #expect(try await grove.stored(stage.issuing.id).hasKey)

            // A leaf can still be revoked by it, and is on its list.
            _ = try await RevokeFlow(world.context).revoke(
                .certificate(version.certificateID, .standard), RevocationOrder(.superseded), by: world.author)
            for _ in 0..<3 { try await grove.publish() }
            let (row, list) = try #require(try await grove.list(of: stage.issuing.id))
            #expect(row.nextUpdate.rfc3339 == "9999-12-31T23:59:59Z")
            #expect(list.entries.map { $0.serialNumber?.hex } == [version.serialNumber])
            let gone = try await grove.stored(stage.issuing.id)
            #expect(gone.keyReleasedAt != nil && !gone.hasKey)
            #expect(try await grove.keys() == keys - 1)
            #expect(try await world.actions(on: stage.issuing.id.text).contains("ca_key_destroyed"))

            // It keeps its parent from nothing.
            for isConfirmed in [false, true] {
                _ = try await stage.flow.retire(
                    stage.policy.id, isConfirmed: isConfirmed, note: nil, by: world.author)
            }
            // One that was retired can still be revoked: its parent answers for it until it ends.
            #expect(try await stage.revoke(stage.policy.id, .superseded).node.retiredAt != nil)
            for _ in 0..<3 { try await grove.publish() }
            #expect(try await !grove.stored(stage.policy.id).hasKey)
        }
    }

    @Test("a certificate that was signed meanwhile is given to nobody", arguments: Engine.available)
    func underWay(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let world = stage.grove.world
            let keeper = AuthorityKeeper(
                database: world.database, sealer: world.sealer, time: world.time, random: .system)
            let make = keeper.nodeMaker(world.authorities)
            // The order is on record, and the key is about to sign.
            let registry = IssuerRegistry(nodes: { id in
                let made = try await make(id)
                _ = try await stage.revoke(stage.policy.id)
                return made
            }) { _ in throw ServiceError(.internalError, "no other issuer") }
            var draft = world.draft("api")
            draft.issuerID = Grove.issuer.text
            _ = try await world.certificates.create(draft, by: world.author)
            let flow = IssueFlow(world.context, registry: registry, instance: "one")
            let csr = try World.csr("api")
            await #expect(throws: ServiceError.self) {
                _ = try await flow.submit(clientCSR: csr, for: CertificateID(stored: "api"), by: world.author)
            }
            #expect(try await stage.grove.count("certificate_versions") == 0)
            #expect(try await stage.grove.count("issuer_orders WHERE state IN ('submitting', 'pending')") == 0)
            let answer = try await world.issuance.submit(
                clientCSR: try World.csr("api"), for: CertificateID(stored: "api"), by: world.author)
            guard case .issued(let version, _) = answer else {
                Issue.record("not issued")
                return
            }
            #expect(version.issuingCA == stage.spare.id)
        }
    }

    @Test(
        "orders and revocations at the same time: what is issued is by somebody good, or due",
        arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let names = (0..<6).map { "api-\($0)" }
            let outcomes: [ErrorCode] = try await withThrowingTaskGroup(of: ErrorCode?.self) { group in
                for name in names {
                    group.addTask {
                        _ = try? await stage.grove.issue(name)
                        return nil
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        await refusal { _ = try await stage.revoke(stage.policy.id) } ?? .notFound
                    }
                }
                var codes: [ErrorCode] = []
                for try await code in group { if let code { codes.append(code) } }
                return codes
            }
            // One of the two revoked it.
            #expect(outcomes.count == 2 && outcomes.filter { $0 == .notFound }.count == 1, "\(outcomes)")
            #expect(outcomes.allSatisfy { $0 == .notFound || $0 == .invalidState }, "\(outcomes)")
            #expect(try await stage.later(stage.issuing.id) == 0)
            #expect(try await stage.grove.count("certificate_revocations") == 2)
        }
    }

    @Test("below a root whose key is elsewhere, the root's owner is to be told", arguments: Engine.available)
    func offline(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let elsewhere = try await OfflineRoot(at: world.time.now)
            let root = try await grove.register(elsewhere)
            let pending = try await grove.request("Issuing", below: root.id) { $0.pathLength = 0 }
            func revoke(_ id: AuthorityID) async throws -> HierarchyFlow.Revocation {
                try await world.hierarchy.revoke(
                    id, .keyCompromise, note: nil, isRehearsed: false, by: world.author)
            }
            #expect(await refusal { _ = try await revoke(pending.id) } == .invalidState)
            let request = try #require(pending.csrPEM)
            _ = try await grove.certify(pending.id, try await elsewhere.sign(request))
            let done = try await revoke(pending.id)
            #expect(done.listedBy.isEmpty && done.elsewhere == [root.subject] && done.successors == 0)
            // Nobody here lists it, but its key is known for what it is.
            let row = try await world.database.read { tx in
                try RevocationStore().find(
                    issuer: Grove.issuer, root.id, serial: done.node.serialNumber ?? "", in: tx)
            }
            #expect(row?.isCA == true && row?.reason == .keyCompromise && row?.spkiSHA256 == pending.spkiSHA256)
            let use = try await world.database.read { tx in
                try KeyUse.read(spkiSHA256: pending.spkiSHA256, jwkThumbprint: nil, in: tx)
            }
            #expect(use.isCompromised)
            try await grove.publish()
            #expect(try await grove.list(of: root.id) == nil)
            #expect(await refusal { _ = try await grove.issue("api") } == .unavailable)
        }
    }

    @Test(
        "since when the key was in other hands is on the list; CAs that waited for a certificate go, with their keys",
        arguments: Engine.available)
    func pending(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (grove, world) = (stage.grove, stage.grove.world)
            let waiting = try await grove.request("Waiting", below: stage.policy.id) {
                $0.pathLength = 0
            }
            let since = Timestamp(secondsSinceEpoch: world.time.now.secondsSinceEpoch - 3600)
            func revoke(since date: Timestamp, rehearsing: Bool = false) async throws -> HierarchyFlow.Revocation {
                try await stage.flow.revoke(
                    stage.policy.id, .keyCompromise, since: date, note: nil, isRehearsed: rehearsing, by: world.author)
            }
            #expect(
                await refusal { _ = try await revoke(since: world.time.now + .hours(1)) } == .validationFailed)
            let keys = try await grove.keys()
            let told = try await revoke(since: since, rehearsing: true)
            #expect(told.discarded == [waiting.id] && told.authorities == 1)
            #expect(try await grove.keys() == keys)
            let done = try await revoke(since: since)
            #expect(done.discarded == [waiting.id] && done.authorities == 1)
            #expect(try await grove.keys() == keys - 1)
            #expect(try await grove.count("intermediate_cas WHERE state = 'pending'") == 0)
            let actions = try await world.actions(on: waiting.id.text)
            #expect(actions.contains("ca_key_destroyed") && actions.contains("intermediate_ca_discarded"))
            try await grove.publish()
            let entries = try #require(try await grove.list(of: stage.root.id)).1.entries
            #expect(entries.map(\.invalidityDate) == [since] && entries.map(\.reason) == [.keyCompromise])
        }
    }

    @Test("whatever can't be revoked is refused, and nothing changes")
    func refused() async throws {
        try await Stage.with(.sqlite) { stage async throws in
            for reason in [RevocationReason.certificateHold, .removeFromCRL, .aaCompromise] {
                #expect(
                    await refusal { _ = try await stage.revoke(stage.policy.id, reason) } == .validationFailed)
            }
            #expect(await refusal { _ = try await stage.revoke(stage.root.id) } == .unprocessable)
            #expect(await refusal { _ = try await stage.revoke(AuthorityID(stored: "ica-none")) } == .notFound)
            // Somebody who may change this tree and not the other, which signed for it too.
            let (world, flow) = (stage.grove.world, stage.flow)
            _ = try await world.actor("near", [("r-admin", GrantScope.issuer(Grove.issuer))])
            let author = try await world.author("near", using: .caHierarchyManage)
            #expect(
                await refusal {
                    _ = try await flow.revoke(
                        stage.policy.id, .superseded, note: nil, isRehearsed: false, by: author)
                } == .notFound)
            #expect(
                await refusal {
                    _ = try await flow.revoke(
                        stage.issuing.id, .superseded, note: nil, isRehearsed: true, by: author)
                } == nil)
            #expect(try await stage.grove.count("certificate_revocations") == 0)
            #expect(try await stage.grove.count("intermediate_cas WHERE state = 'revoked'") == 0)
        }
    }
}
