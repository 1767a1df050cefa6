import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

/// A tree whose issuing CA is to be succeeded, and a target that trusts the tree.
struct SuccessionStage {
    static let web = AgentID(stored: "web-01")
    let grove: Grove
    let root: IntermediateCA
    let issuing: IntermediateCA
    var world: World { grove.world }

    static func with(_ engine: Engine, _ body: (SuccessionStage) async throws -> Void) async throws {
        try await Grove.with(engine) { grove async throws in
            let root = try await grove.make("Root")
            let issuing = try await grove.make("Issuing", below: root.id)
            try await body(SuccessionStage(grove: grove, root: root, issuing: issuing))
        }
    }

    func succeed(
        _ id: AuthorityID? = nil, _ change: (inout SuccessionDraft) -> Void = { _ in }
    ) async throws -> IntermediateCA {
        var draft = SuccessionDraft()
        change(&draft)
        return try await world.hierarchy.succeed(id ?? issuing.id, draft, by: world.author)
    }

    func consumers(_ id: AuthorityID) async throws -> HierarchyFlow.Consumers {
        try await world.hierarchy.consumers(of: id, isLacking: false, limit: 10, by: world.author)
    }

    func refusal(_ body: () async throws -> Void) async throws -> ServiceError? {
        do {
            try await body()
            return nil
        } catch let error as ServiceError {
            return error
        }
    }

    /// The certificate `api` of the tree, with its key at an agent, and its first deployment done.
    func deploy(holding trusted: [AuthorityID]) async throws {
        try await world.agent("web-01")
        try await world.target("edge", of: "web-01", config: ["cert_path": "/tmp/c.pem", "trust_path": "/tmp/t.pem"])
        var draft = world.draft("api", targets: ["edge"], issue: true)
        draft.issuerID = Grove.issuer.text
        _ = try await world.certificates.create(draft, by: world.author)
        _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
        #expect(try await report(holding: trusted))
    }

    /// The agent does what waits for it; false when nothing does.
    @discardableResult
    func report(holding trusted: [AuthorityID]) async throws -> Bool {
        guard let item = try await world.work.claim(for: Self.web).first(where: { $0.work.job.type == .deployment })
        else { return false }
        var prints: [String] = []
        for id in trusted { prints.append(try await grove.certificate(id).fingerprintSHA256) }
        _ = try await DeploymentFlowTests.report(
            world, item.work.job.id, JobReport(status: .completed, result: ["trusted": JSONValue(prints)]))
        return true
    }

    var upkeep: TrustUpkeep { TrustUpkeep(world.context, hierarchy: world.hierarchy) }

    func trusted() async throws -> [String] {
        try await world.database.read { tx in
            try TrustBundle.certificates(of: Grove.issuer, in: tx).map(\.fingerprintSHA256)
        }
    }

    func issuer(of name: String) async throws -> AuthorityID? {
        let (version, _) = try await grove.issue(name)
        return try await world.versions(of: version.certificateID.text).first?.authorityID
    }
}

@Suite("ADR-0037: a CA is renewed with a new key by a successor that is trusted before it signs")
struct SuccessionTests {
    @Test(
        "the successor has terms, place and purposes of the one before, and signs nothing", arguments: Engine.available)
    func staged(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            let next = try await stage.succeed()
            #expect(next.state == .staged && next.predecessorID == stage.issuing.id && next.stagedAt != nil)
            #expect(next.name == "Issuing G2" && next.parentID == stage.root.id && next.isIssuing)
            let (old, new) = (
                try await stage.grove.certificate(stage.issuing.id), try await stage.grove.certificate(next.id)
            )
            #expect(new.subject.commonName == "Issuing G2" && new.subject.values(of: .organizationName) == ["Example"])
            #expect(new.subjectPublicKey != old.subjectPublicKey && new.extendedKeyUsages == old.extendedKeyUsages)
            #expect(new.extensions.basicConstraints == old.extensions.basicConstraints)
            #expect(new.verifySignature(issuedBy: try await stage.grove.certificate(stage.root.id)))
            #expect(try await stage.issuer(of: "one") == stage.issuing.id)
            #expect(Set(try await stage.trusted()).contains(new.fingerprintSHA256))
            try await stage.grove.publish()
            let (_, list) = try #require(try await stage.grove.list(of: next.id))
            #expect(list.entries.isEmpty && list.verifySignature(with: new.subjectPublicKey))
            let again = try await stage.refusal { _ = try await stage.succeed() }
            #expect(again?.code == .invalidState && again?.detail.contains(next.id.text) == true)
            let below = try await stage.refusal { _ = try await stage.grove.make("Below", below: next.id) }
            #expect(below?.code == .invalidState)
            #expect(try await stage.world.actions(on: next.id.text) == ["ca_key_generated", "intermediate_ca_staged"])
        }
    }

    @Test(
        "trust goes first: lacking targets are named and served, then the place is taken", arguments: Engine.available)
    func activation(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            let flow = stage.world.hierarchy
            try await stage.deploy(holding: [stage.root.id, stage.issuing.id])
            let next = try await stage.succeed()
            let before = try await stage.consumers(next.id)
            #expect(before.known == 1 && before.lacking == 1 && before.targets.map(\.targetID.text) == ["edge"])
            let refused = try await stage.refusal { _ = try await flow.activate(next.id, by: stage.world.author) }
            #expect(
                refused?.code == .invalidState && refused?.detail.contains("edge") == true,
                "\(String(describing: refused))")
            #expect(refused?.counts == ["targets": 1, "targets_lacking": 1])
            #expect(try await stage.grove.stored(next.id).state == .staged)

            stage.world.clock.advance(by: .seconds(1))
            #expect(try await stage.upkeep.tick().rows == 1)
            #expect(try await stage.upkeep.tick().rows == 0)
            if engine == .sqlite {
                // An agent that says nothing of it does not have it, and is asked again later.
                #expect(try await stage.report(holding: [stage.root.id, stage.issuing.id]))
                #expect(try await stage.consumers(next.id).lacking == 1)
                #expect(try await stage.upkeep.tick().rows == 0)
                stage.world.clock.advance(by: .hours(2))
                #expect(try await stage.upkeep.tick().rows == 1)
            }
            #expect(try await stage.report(holding: [stage.root.id, stage.issuing.id, next.id]))
            let after = try await stage.consumers(next.id)
            #expect(after.lacking == 0 && after.targets.first?.trustedSince != nil)
            #expect(try await stage.upkeep.tick().rows == 0)

            let done = try await flow.activate(next.id, by: stage.world.author)
            #expect(done.node.state == .active && done.predecessor?.state == .retiring && done.renewals == 1)
            #expect(try await stage.issuer(of: "two") == next.id)
            #expect(try await stage.world.stored("api").nextRenewalAt.map { $0 <= stage.world.time.now } == true)
            #expect(try await stage.world.actions(on: next.id.text).contains("intermediate_ca_activated"))
            #expect(try await stage.world.actions(on: stage.issuing.id.text).contains("intermediate_ca_retiring"))
            // What it signed before is trusted until it ends.
            #expect(try await stage.trusted().count == 3)
        }
    }

    @Test("a force has a reason, and is on record with what it passed over")
    func forced() async throws {
        try await SuccessionStage.with(.sqlite) { stage async throws in
            let flow = stage.world.hierarchy
            try await stage.deploy(holding: [])
            let next = try await stage.succeed()
            let mute = try await stage.refusal {
                _ = try await flow.activate(next.id, isForced: true, reason: " ", by: stage.world.author)
            }
            #expect(mute?.problems.map(\.pointer) == ["/reason"])
            let done = try await flow.activate(next.id, isForced: true, reason: "INC-7", by: stage.world.author)
            #expect(done.node.state == .active && done.lacking == 1)
            let recorded = try await stage.world.count(
                """
                SELECT COUNT(*) AS n FROM audit_events WHERE action = 'intermediate_ca_activated'
                    AND CAST(details AS TEXT) LIKE '%INC-7%' AND CAST(details AS TEXT) LIKE '%"targets_lacking":1%'
                """)
            #expect(recorded == 1)
        }
    }

    @Test("a successor that does so by itself waits for its time and for every target")
    func automatic() async throws {
        try await SuccessionStage.with(.sqlite) { stage async throws in
            try await stage.deploy(holding: [stage.root.id, stage.issuing.id])
            let next = try await stage.succeed { draft in
                draft.holdHours = 24
                draft.isAutomatic = true
            }
            stage.world.clock.advance(by: .hours(2))
            _ = try await stage.upkeep.tick()
            #expect(try await stage.report(holding: [stage.root.id, stage.issuing.id, next.id]))
            let held = try await stage.refusal {
                _ = try await stage.world.hierarchy.activate(next.id, by: stage.world.author)
            }
            #expect(held?.detail.contains("held until") == true)
            #expect(try await stage.upkeep.tick().rows == 0)
            stage.world.clock.advance(by: .hours(23))
            #expect(try await stage.upkeep.tick().rows == 1)
            #expect(try await stage.grove.stored(next.id).state == .active)
            #expect(try await stage.grove.stored(stage.issuing.id).state == .retiring)
            #expect(try await stage.upkeep.tick().rows == 0)
        }
    }

    @Test("of two activations at once one takes the place", arguments: Engine.available)
    func race(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            let next = try await stage.succeed()
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await stage.refusal {
                            _ = try await stage.world.hierarchy.activate(next.id, by: stage.world.author)
                        } == nil
                    }
                }
                return try await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 } == 1)
            #expect(
                try await stage.world.count(
                    "SELECT COUNT(*) AS n FROM audit_events WHERE action = 'intermediate_ca_activated'") == 1)
            #expect(try await stage.grove.stored(next.id).state == .active)
        }
    }

    @Test(
        "a root is succeeded while it is the root; what follows below goes below the new one",
        arguments: Engine.available)
    func root(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            let (flow, author) = (stage.world.hierarchy, stage.world.author)
            let root = try await stage.succeed(stage.root.id)
            #expect(root.isRoot && root.state == .staged && root.name == "Root G2")
            // Clients that know the old root alone accept the new one by it.
            var crossing = CrossSigningDraft()
            crossing.parentID = stage.root.id
            _ = try await flow.crossSign(root.id, crossing, by: author)
            _ = try await flow.activate(root.id, by: author)
            #expect(try await stage.grove.stored(stage.root.id).state == .retiring)
            let issuing = try await stage.succeed()
            #expect(issuing.parentID == root.id)
            _ = try await flow.activate(issuing.id, by: author)
            let (version, chain) = try await stage.grove.issue("api")
            #expect(chain.count == 2)
            let alternates = try await stage.world.database.read { tx in
                try VersionStore().current(of: version.certificateID, slot: nil, in: tx)?.alternateChains ?? []
            }
            #expect(alternates.count == 1)
            let back = try await stage.refusal {
                _ = try await flow.cancelRetirement(stage.root.id, note: nil, by: author)
            }
            #expect(back?.code == .invalidState)
        }
    }

    @Test(
        "a successor that is not wanted is retired, taken back to what it was, or revoked", arguments: Engine.available)
    func givenUp(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            let (flow, author) = (stage.world.hierarchy, stage.world.author)
            let next = try await stage.succeed()
            #expect(try await flow.retire(next.id, isConfirmed: false, note: nil, by: author).state == .retiring)
            #expect(try await flow.cancelRetirement(next.id, note: nil, by: author).state == .staged)
            _ = try await flow.revoke(next.id, .superseded, note: nil, isRehearsed: false, by: author)
            #expect(try await stage.grove.stored(next.id).state == .revoked)
            #expect(try await stage.trusted().count == 2)
            let refused = try await stage.refusal { _ = try await flow.activate(next.id, by: author) }
            #expect(refused?.code == .invalidState)
            let other = try await stage.succeed()
            #expect(other.state == .staged && other.name == "Issuing G3" && other.subject.contains("Issuing G3"))
        }
    }

    @Test("a server that dies on the way leaves what was before, or what is after", arguments: [1, 2, 3])
    func crash(write: Int) async throws {
        try await SuccessionStage.with(.sqlite) { stage async throws in
            stage.world.database.dieAtWrite(write)
            _ = try? await stage.succeed()
            if let made = try await stage.world.database.read({
                try IntermediateCAStore().waitingSuccessor(of: stage.issuing.id, in: $0)
            }) {
                #expect(made.state == .staged)
                _ = try? await stage.world.hierarchy.activate(made.id, by: stage.world.author)
                if try await stage.grove.stored(made.id).state == .staged {
                    _ = try await stage.world.hierarchy.activate(made.id, by: stage.world.author)
                }
            } else {
                let next = try await stage.succeed()
                stage.world.database.dieAtWrite(1)
                _ = try? await stage.world.hierarchy.activate(next.id, by: stage.world.author)
                if try await stage.grove.stored(next.id).state == .staged {
                    #expect(try await stage.grove.stored(stage.issuing.id).state == .active)
                    _ = try await stage.world.hierarchy.activate(next.id, by: stage.world.author)
                }
            }
            #expect(try await stage.grove.stored(stage.issuing.id).state == .retiring)
        }
    }

    @Test("what is deployed elsewhere by now, or may be anything, is not believed", arguments: Engine.available)
    func forgotten(engine: Engine) async throws {
        try await SuccessionStage.with(engine) { stage async throws in
            try await stage.deploy(holding: [stage.root.id, stage.issuing.id])
            #expect(try await stage.consumers(stage.issuing.id).lacking == 0)
            var change = TargetChange()
            change.config = .set(["cert_path": "/tmp/c.pem", "trust_path": "/tmp/other.pem"])
            _ = try await stage.world.targets.update(
                TargetID(stored: "edge"), change, expecting: nil, by: stage.world.author)
            #expect(try await stage.consumers(stage.issuing.id).lacking == 1)
            change.config = .set(["cert_path": "/tmp/c.pem"])
            _ = try await stage.world.targets.update(
                TargetID(stored: "edge"), change, expecting: nil, by: stage.world.author)
            #expect(try await stage.consumers(stage.issuing.id).known == 0)
        }
    }

    @Test("below an offline root the successor is pending, then staged", arguments: Engine.available)
    func offline(engine: Engine) async throws {
        try await Grove.with(engine) { grove async throws in
            let world = grove.world
            let offline = try await OfflineRoot(at: world.time.now)
            let root = try await grove.register(offline)
            let asked = try await grove.request("Issuing", below: root.id) { $0.pathLength = 0 }
            let issuing = try await grove.certify(asked.id, try await offline.sign(try #require(asked.csrPEM)))
            #expect(issuing.state == .active)
            let pending = try await world.hierarchy.succeed(issuing.id, SuccessionDraft(), by: world.author)
            #expect(pending.state == .pending && pending.predecessorID == issuing.id)
            let staged = try await grove.certify(pending.id, try await offline.sign(try #require(pending.csrPEM)))
            #expect(staged.state == .staged && staged.stagedAt != nil)
            _ = try await world.hierarchy.activate(staged.id, by: world.author)
            #expect(try await grove.stored(issuing.id).state == .retiring)
        }
    }
}
