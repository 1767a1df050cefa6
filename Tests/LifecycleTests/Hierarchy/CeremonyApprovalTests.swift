import AuditProof
import DatabaseTestSupport
import Domain
import Encoding
import Foundation
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("protocol-servers §6.2: what is done to a CA needs two people, and leaves a signed record")
struct CeremonyApprovalTests {
    private struct Stage {
        let approvals: ApprovalStage
        let flow: HierarchyFlow
        let alice: Authorship
        var world: World { approvals.world }
        var grove: Grove { Grove(world: world) }

        static func with(
            _ engine: Engine, _ rule: SecondPersonRule = .always, timing: LifecycleTiming = LifecycleTiming(),
            _ body: (Stage) async throws -> Void
        ) async throws {
            try await ApprovalStage.with(engine, timing: timing) { approvals async throws in
                let world = approvals.world
                var draft = IssuerDraft(id: Grove.issuer.text, name: "Tree", type: "local")
                draft.hierarchyMode = .tree
                _ = try await world.issuers.create(draft, by: world.author)
                try await body(
                    Stage(
                        approvals: approvals, flow: world.hierarchy(rule),
                        alice: try await world.author("alice", using: .caHierarchyManage)))
            }
        }

        /// The request that waits after `body`, which did nothing.
        func held(_ body: () async throws -> Void) async throws -> ApprovalID {
            let before = try await (grove.count("intermediate_cas"), grove.keys(), grove.count("ca_ceremonies"))
            var held: ApprovalID?
            do { try await body() } catch let error as CeremonyHeld { held = error.approvalID }
            let after = try await (grove.count("intermediate_cas"), grove.keys(), grove.count("ca_ceremonies"))
            #expect(before == after, "nothing is done before somebody agrees")
            return try #require(held)
        }

        func agree(_ body: () async throws -> Void) async throws -> ApprovalID {
            let id = try await held(body)
            try await approvals.decide(id, by: "bob")
            return id
        }

        func root(_ name: String = "Root") async throws -> IntermediateCA {
            let draft = Grove.draft(name)
            _ = try await agree { _ = try await flow.create(draft, by: alice) }
            return try await flow.create(draft, by: alice)
        }

        func records(_ id: AuthorityID) async throws -> [Ceremony] { try await flow.ceremonies(of: id, by: alice) }

        /// By their names: with a clock that stands still there is no other order.
        func operations(_ id: AuthorityID) async throws -> [CeremonyOperation] {
            try await records(id).map(\.operation).sorted { $0.rawValue < $1.rawValue }
        }
    }

    @Test("a root: asked for once, agreed to by another person, made once", arguments: Engine.available)
    func create(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let draft = Grove.draft("Root") { $0.pathLength = 1 }
            let id = try await stage.held { _ = try await stage.flow.create(draft, by: stage.alice) }
            let again = try await stage.held { _ = try await stage.flow.create(draft, by: stage.alice) }
            #expect(again == id, "the same request waits once")
            let asked = try await stage.approvals.approval(id)
            #expect(asked.kind == .ceremony && asked.metadata["operation"] == "create")
            #expect(asked.metadata["name"] == "Root" && asked.payload?["parameters"]?["path_len_constraint"] == 1)
            #expect(await stage.approvals.refusalOf(id, by: "alice") == .selfApprovalForbidden)
            try await stage.approvals.decide(id, by: "bob")

            // Another CA than the one that was agreed to.
            let other = try await stage.held {
                _ = try await stage.flow.create(Grove.draft("Root") { $0.pathLength = 2 }, by: stage.alice)
            }
            #expect(other != id)
            let root = try await stage.flow.create(draft, by: stage.alice)
            #expect(root.pathLength == 1 && root.isRoot)

            let records = try await stage.records(root.id)
            #expect(records.map(\.operation) == [.create] && records.first?.approvalID == id)
            let record = try JSONValue(parsing: Array(try #require(records.first).record.utf8))
            #expect(record["performed_by"]?["id"]?.stringValue == "alice")
            #expect(record["approval"]?["approvers"]?[0]?["id"]?.stringValue == "bob")
            #expect(record["approval"]?["approvers"]?[0]?["note"]?.stringValue == "checked")
            #expect(record["approval"]?["payload_digest"]?.stringValue == asked.payloadDigest)
            #expect(record["ca"]?["spki_sha256"]?.stringValue == root.spkiSHA256)
            let certificate = try X509Certificate(pem: try #require(root.certPEM))
            #expect(record["ca"]?["certificate_sha256"]?.stringValue == certificate.fingerprintSHA256)

            // The approval is used up: the same once more, after the root is gone, needs another one.
            _ = try await stage.agree {
                _ = try await stage.flow.retire(root.id, isConfirmed: false, note: nil, by: stage.alice)
            }
            _ = try await stage.flow.retire(root.id, isConfirmed: false, note: nil, by: stage.alice)
            let draftAgain = Grove.draft("Root 2") { $0.pathLength = 1 }
            let second = try await stage.held { _ = try await stage.flow.create(draftAgain, by: stage.alice) }
            #expect(second != id)
        }
    }

    @Test("signed by a key of the audit log; a changed record is not", arguments: Engine.available)
    func signatures(engine: Engine) async throws {
        try await Stage.with(engine, .never) { stage async throws in
            let root = try await stage.flow.create(Grove.draft("Root"), by: stage.alice)
            let ceremony = try #require(try await stage.records(root.id).first)
            #expect(ceremony.approvalID == nil && !ceremony.record.contains("\"approval\""))
            let keys = try await stage.world.database.read { try CheckpointStore().keys(in: $0) }
            let key = try #require(keys.first { $0.publicKey.id == ceremony.keyID }).publicKey
            #expect(CeremonyRecord(canonical: ceremony.record).isSigned(ceremony.signature, by: key))
            let forged = ceremony.record.replacing("alice", with: "mallo")
            #expect(forged != ceremony.record)
            #expect(!CeremonyRecord(canonical: forged).isSigned(ceremony.signature, by: key))
            // The audit log has its digest.
            let said = try await stage.world.database.read { tx in
                try tx.row("SELECT details FROM audit_events WHERE resource_id = \(ceremony.id)")?.text("details")
            }
            #expect(said?.contains(CeremonyRecord(canonical: ceremony.record).digest) == true, "\(said ?? "")")
        }
    }

    @Test(
        "CAs below, requests and their certificates, successors and both steps of an end", arguments: Engine.available)
    func operations(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (flow, alice) = (stage.flow, stage.alice)
            let root = try await stage.root()
            let issuing = Grove.draft("Issuing", below: root.id)
            _ = try await stage.agree { _ = try await flow.create(issuing, by: alice) }
            let node = try await flow.create(issuing, by: alice)

            let succession = SuccessionDraft()
            let waiting = try await stage.agree { _ = try await flow.succeed(node.id, succession, by: alice) }
            #expect(try await stage.approvals.approval(waiting).metadata["name"] == "Issuing G2")
            let next = try await flow.succeed(node.id, succession, by: alice)
            #expect(next.state == .staged)

            _ = try await stage.agree { _ = try await flow.retire(next.id, isConfirmed: false, note: nil, by: alice) }
            #expect(try await flow.retire(next.id, isConfirmed: false, note: nil, by: alice).state == .retiring)
            _ = try await stage.agree { _ = try await flow.retire(next.id, isConfirmed: true, note: nil, by: alice) }
            #expect(try await flow.retire(next.id, isConfirmed: true, note: nil, by: alice).state == .retired)
            #expect(try await stage.operations(next.id) == [.create, .end, .retire])

            // What cannot be done is refused at once, and nobody is asked.
            let count = try await stage.grove.count("issuance_approval_requests")
            await #expect(throws: ServiceError.self) { _ = try await flow.create(Grove.draft("Root 2"), by: alice) }
            await #expect(throws: ServiceError.self) {
                _ = try await flow.retire(next.id, isConfirmed: true, note: nil, by: alice)
            }
            #expect(try await stage.grove.count("issuance_approval_requests") == count)
        }
    }

    @Test("a request and the certificate for it are two ceremonies, the certificate exactly the one that was shown")
    func offline() async throws {
        try await Stage.with(.sqlite) { stage async throws in
            let (flow, alice) = (stage.flow, stage.alice)
            let elsewhere = try await OfflineRoot(at: stage.world.time.now)
            let registration = Grove.draft("Offline") {
                $0.subject = nil
                $0.rootPEM = elsewhere.certificate.pem
            }
            _ = try await stage.agree { _ = try await flow.create(registration, by: alice) }
            let root = try await flow.create(registration, by: alice)
            let draft = Grove.draft("Issuing", below: root.id)
            _ = try await stage.agree { _ = try await flow.request(draft, by: alice) }
            let pending = try await flow.request(draft, by: alice)
            let csr = try #require(pending.csrPEM)
            let (shown, other) = (try await elsewhere.sign(csr).pem, try await elsewhere.sign(csr).pem)
            _ = try await stage.agree { _ = try await flow.certify(pending.id, with: shown, by: alice) }
            _ = try await stage.held { _ = try await flow.certify(pending.id, with: other, by: alice) }
            #expect(try await flow.certify(pending.id, with: shown, by: alice).state == .active)
            #expect(try await stage.operations(pending.id) == [.certify, .request])
            #expect(try await stage.records(root.id).map(\.operation) == [.register])
        }
    }

    @Test("a CA that comes with its key: the rehearsal asks nobody, the adoption does", arguments: Engine.available)
    func adoption(engine: Engine) async throws {
        let foreign = try await ForeignCA(key: ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        try await Stage.with(engine) { stage async throws in
            var draft = AdoptionDraft(issuerID: Grove.issuer)
            draft.name = "Foreign"
            draft.chainPEM = try foreign.issuingPEM + foreign.rootPEM
            draft.key = Secret(try foreign.key(of: "issuing"))
            let wanted = draft
            _ = try await stage.flow.adopt(wanted, isRehearsed: true, by: stage.alice)
            #expect(try await stage.grove.count("issuance_approval_requests") == 0)
            let id = try await stage.agree {
                _ = try await stage.flow.adopt(wanted, isRehearsed: false, by: stage.alice)
            }
            let payload = JSONValue.object(try #require(try await stage.approvals.approval(id).payload)).text
            #expect(!payload.contains("PRIVATE KEY"))
            let node = try await stage.flow.adopt(wanted, isRehearsed: false, by: stage.alice).node
            #expect(try await stage.records(node.id).map(\.operation) == [.adopt])
        }
    }

    @Test(
        "of many who use one approval at once one makes a CA, and the others leave no key", arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let root = try await stage.root()
            let draft = Grove.draft("Issuing", below: root.id)
            _ = try await stage.agree { _ = try await stage.flow.create(draft, by: stage.alice) }
            let made = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask { (try? await stage.flow.create(draft, by: stage.alice)) != nil }
                }
                return await group.reduce(into: 0) { if $1 { $0 += 1 } }
            }
            #expect(made == 1)
            #expect(try await stage.grove.count("intermediate_cas") == 2)
            #expect(try await stage.grove.keys() == 2)
        }
    }

    @Test("refused, taken back or out of time it is not done; after that somebody may ask anew")
    func ended() async throws {
        for way in ["reject", "withdraw", "expire", "late"] {
            try await Stage.with(.sqlite) { stage async throws in
                let draft = Grove.draft("Root")
                let id = try await stage.held { _ = try await stage.flow.create(draft, by: stage.alice) }
                switch way {
                case "reject": try await stage.approvals.decide(id, .reject, by: "bob")
                case "withdraw": _ = try await stage.world.approvals.withdraw(id, note: nil, by: stage.alice)
                case "late":
                    // Agreed to, and nobody went on in time.
                    try await stage.approvals.decide(id, by: "bob")
                    stage.world.clock.advance(by: .days(8))
                default: try await stage.approvals.runOut(id)
                }
                let next = try await stage.held { _ = try await stage.flow.create(draft, by: stage.alice) }
                #expect(next != id, "\(way)")
            }
        }
    }

    @Test("by default as soon as two may approve; bypassed it goes through, and the record says by whom")
    func rules() async throws {
        try await Stage.with(.sqlite, .automatic) { stage async throws in
            _ = try await stage.held { _ = try await stage.flow.create(Grove.draft("Root"), by: stage.alice) }
            try await stage.approvals.custody("carol", mayApprove: false)
            _ = try await stage.flow.create(Grove.draft("Root"), by: stage.alice)
        }
        var timing = LifecycleTiming()
        timing.bypassesApprovals = true
        try await Stage.with(.sqlite, timing: timing) { stage async throws in
            let root = try await stage.flow.create(Grove.draft("Root"), by: stage.alice)
            let record = try #require(try await stage.records(root.id).first).record
            #expect(record.contains("system-bypass"), "\(record)")
        }
    }

    @Test(
        "an end by force needs a reason and a second person, whatever the rule, and what was signed can't be revoked after it",
        arguments: Engine.available)
    func forced(engine: Engine) async throws {
        try await Stage.with(engine, .never) { stage async throws in
            let (flow, alice, grove) = (stage.flow, stage.alice, stage.grove)
            let root = try await grove.make("Root")
            let old = try await grove.make("Old", below: root.id)
            let (version, _) = try await grove.issue("api")
            let new = try await grove.make("New", below: root.id)
            func end(_ id: AuthorityID, _ note: String? = "the token goes back") async throws {
                _ = try await flow.retire(id, isConfirmed: true, isForced: true, note: note, by: alice)
            }
            #expect(await refusal { try await end(old.id) } == .invalidState, "it has to retire first")
            _ = try await flow.retire(old.id, isConfirmed: false, note: nil, by: alice)
            #expect(await refusal { try await end(old.id, " ") } == .validationFailed)
            let unconfirmed = await refusal {
                _ = try await flow.retire(old.id, isConfirmed: false, isForced: true, note: "why", by: alice)
            }
            #expect(unconfirmed == .validationFailed)
            // Without force it is refused, and nobody is asked.
            let usual = await refusal {
                _ = try await flow.retire(old.id, isConfirmed: true, note: nil, by: alice)
            }
            #expect(usual == .invalidState)

            let id = try await stage.agree { try await end(old.id) }
            #expect(try await stage.approvals.approval(id).payload?["parameters"]?["force"] == true)
            #expect(await stage.approvals.refusalOf(id, by: "alice") != nil)
            try await end(old.id)
            #expect(try await grove.stored(old.id).state == .retired)
            let details = try await grove.world.database.read { tx in
                try tx.rows(
                    "SELECT details FROM audit_events WHERE resource_id = \(old.id) AND action = 'intermediate_ca_retired'"
                ).map { try JSONValue(parsing: $0.text("details")) }
            }
            #expect(details.count == 1 && details[0]["forced"] == true && details[0]["certificates"] == 1)
            #expect(details[0]["last_end"]?.stringValue != nil && details[0]["note"] == "the token goes back")

            for _ in 0..<3 { try await grove.publish() }
            let gone = try await grove.stored(old.id)
            #expect(gone.keyReleasedAt != nil && !gone.hasKey)
            let revoke = RevokeFlow(grove.world.context)
            let late = await refusal {
                _ = try await revoke.revoke(
                    .certificate(version.certificateID, .standard), RevocationOrder(.superseded), by: grove.world.author
                )
            }
            #expect(late == .invalidState)
            #expect(try await grove.count("certificate_revocations") == 0)

            // A CA below that goes on signing keeps its parent in service, by force too.
            _ = try await flow.retire(root.id, isConfirmed: false, note: nil, by: alice)
            #expect(await refusal { try await end(root.id) } == .invalidState)
            _ = try await flow.retire(new.id, isConfirmed: false, note: nil, by: alice)
            _ = try await stage.agree { try await end(root.id) }
            try await end(root.id)
            #expect(try await grove.stored(root.id).state == .retired)
            #expect(try await grove.stored(new.id).state == .retiring)
        }
    }

    @Test(
        "an end by force waits for a revocation that has begun: the last list has it",
        .enabled(if: Engine.available.contains(.postgres)))
    func revocationUnderWay() async throws {
        try await Stage.with(.postgres, .never) { stage async throws in
            let (flow, alice, grove) = (stage.flow, stage.alice, stage.grove)
            let root = try await grove.make("Root")
            let old = try await grove.make("Old", below: root.id)
            let (version, _) = try await grove.issue("api")
            _ = try await grove.make("New", below: root.id)
            _ = try await flow.retire(old.id, isConfirmed: false, note: nil, by: alice)
            @Sendable func end() async throws {
                _ = try await flow.retire(old.id, isConfirmed: true, isForced: true, note: "it goes back", by: alice)
            }
            _ = try await stage.agree { try await end() }

            let (isRevoking, mayCommit, hasEnded) = (LockedFlag(), LockedFlag(), LockedFlag())
            let observer = RevocationObserver { _, _ in
                isRevoking.set()
                while !mayCommit.isSet { usleep(5000) }
            }
            let revoke = RevokeFlow(grove.world.context, observers: [observer])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try await revoke.revoke(
                        .certificate(version.certificateID, .standard), RevocationOrder(.superseded),
                        by: grove.world.author)
                }
                for _ in 0..<1000 where !isRevoking.isSet { try await Task.sleep(for: .milliseconds(10)) }
                group.addTask {
                    try await end()
                    hasEnded.set()
                }
                try await Task.sleep(for: .milliseconds(300))
                #expect(isRevoking.isSet && !hasEnded.isSet)
                mayCommit.set()
                try await group.waitForAll()
            }
            #expect(try await grove.stored(old.id).state == .retired)
            for _ in 0..<3 { try await grove.publish() }
            let listed = try await grove.world.database.read { tx in
                try tx.row(
                    "SELECT MAX(revoked_count) AS most FROM crl_cache WHERE authority_id = \(old.id)")?
                    .int("most")
            }
            #expect(listed == 1)
        }
    }
}
