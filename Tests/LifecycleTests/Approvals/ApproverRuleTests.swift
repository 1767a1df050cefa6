import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("T33: approvers are other people, however many credentials they have (security §8)")
struct ApproverRuleTests {
    @Test("A-17: the second key of the same person does not approve", arguments: Engine.available)
    func sameOwner(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            try await stage.custody("alice", owner: "u-alice", mayApprove: false)
            try await stage.custody("bob", owner: "u-alice", mayApprove: true)
            let approval = try #require(try await stage.renewal().approval)
            #expect(await stage.refusalOf(approval.id, by: "bob") == .selfApprovalForbidden)
            #expect(await stage.refusalOf(approval.id, .reject, by: "bob") == .selfApprovalForbidden)
            // Giving the key away after the request changes nothing: the person was noted with it.
            try await stage.custody("alice", owner: "u-dora", mayApprove: false)
            #expect(await stage.refusalOf(approval.id, by: "bob") == .selfApprovalForbidden)
            #expect(await stage.refusalOf(approval.id, by: "carol") == nil)
        }
    }

    @Test("T33: a key that the requester made or was shown does not approve for a day", arguments: Engine.available)
    func handovers(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            let keys = world.keys(world.authenticator)
            try await stage.certificate()
            func make(_ name: String, by maker: String) async throws {
                var draft = APIKeyDraft(name: name)
                draft.grants = [GrantRequest(roleID: "r-operator")]
                draft.custody = KeyCustody(mayApprove: true)
                _ = try await keys.create(draft, by: try await world.principal(maker), origin: world.origin)
                // The stage names keys by their actor.
                try await stage.execute("UPDATE api_keys SET created_by = 'x' WHERE name = \(name)")
            }
            func decide(_ id: ApprovalID, by name: String) async throws -> ErrorCode? {
                let key = try #require(
                    try await world.database.read { tx in try KeyStore().find(name: name, in: tx) })
                let author = try await world.author(name, using: .approvalApprove)
                return await refusal {
                    _ = try await world.approvals.decide(
                        id, .approve, note: nil, by: Approver(Actor(id: name, type: .apiKey), .apiKey(key.id)), author)
                }
            }
            try await make("second", by: "alice")
            try await world.database.write { tx in
                // The second key makes a third one.
                let third = try KeyStore().insert(
                    NewAPIKey(
                        id: APIKeyID(stored: "ak-third"), name: "third", tokenID: nil,
                        hash: KeyHash(hex: String(repeating: "1", count: 64), algorithm: .sha256), createdBy: "second"),
                    in: tx)
                try KeyCustodyStore().set(KeyCustody(mayApprove: true), of: third.id, in: tx)
                try KeyCustodyStore().noteHandover(
                    of: third.id, named: "third", to: Actor(id: "second", type: .apiKey), in: tx)
                try GrantStore().grant(
                    GrantID(stored: "ar-third"), role: "r-operator", to: Actor(id: "third", type: .apiKey), by: "x",
                    in: tx)
            }
            let approval = try #require(try await stage.renewal().approval)
            #expect(try await decide(approval.id, by: "second") == .selfApprovalForbidden)
            #expect(try await decide(approval.id, by: "third") == .selfApprovalForbidden)
            _ = try await keys.rotate(
                name: "bob", overlap: .zero, by: try await world.principal("alice"), origin: world.origin)
            #expect(try await decide(approval.id, by: "bob") == .selfApprovalForbidden, "alice knows its new value")
            // Rotating a key with itself shows it to nobody new, and makes nobody forget.
            _ = try await keys.rotate(
                name: "bob", overlap: .zero, by: try await world.principal("bob"), origin: world.origin)
            #expect(try await decide(approval.id, by: "bob") == .selfApprovalForbidden)
            try await world.database.write { tx in
                _ = try tx.execute("UPDATE api_key_handovers SET handed_at = \(tx.now - .hours(25))")
            }
            #expect(try await decide(approval.id, by: "third") == nil)
        }
    }

    @Test("the owner of a certificate does not approve it", arguments: Engine.available)
    func certificateOwner(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            try await stage.execute(
                "UPDATE owners SET name = 'Alice', email = 'alice@example.com' WHERE id = 'o-alice'")
            let opened = try await stage.world.renewals.renew(
                ApprovalStage.api, force: false, by: try await stage.world.author("carol", using: .certIssue))
            let approval = try #require(opened.approval)
            try await stage.custody("alice", mayApprove: true)
            #expect(await stage.refusalOf(approval.id, by: "alice") == .selfApprovalForbidden, "the owner is “Alice”")
            try await stage.custody("bob", owner: "ALICE@example.com", mayApprove: true)
            #expect(await stage.refusalOf(approval.id, by: "bob") == .selfApprovalForbidden)
        }
    }

    @Test("tools, ordinary keys, old sessions and agents do not approve", arguments: Engine.available)
    func unfit(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            for (name, role) in [("plain", "r-operator"), ("tool", "r-cli"), ("robot", "r-mcp")] {
                try await world.actor(name, [(role, .global), ("r-operator", .global)])
            }
            for name in ["tool", "robot"] { try await stage.custody(name, mayApprove: true) }
            let approval = try #require(try await stage.renewal().approval)
            for name in ["plain", "tool", "robot"] {
                #expect(await stage.refusalOf(approval.id, by: name) == .insufficientPermissions, "\(name)")
            }
            let author = try await world.author("bob", using: .approvalApprove)
            func decide(_ credential: Approver.Credential, _ actor: Actor) async -> ErrorCode? {
                await refusal {
                    _ = try await world.approvals.decide(
                        approval.id, .approve, note: nil, by: Approver(actor, credential), author)
                }
            }
            let dora = Actor(id: "u-dora", type: .user)
            let now = world.time.now
            #expect(await decide(.other, Actor(id: "web-01", type: .agent)) == .insufficientPermissions)
            #expect(await decide(.session(signedInAt: now - .hours(13)), dora) == .insufficientPermissions)
            #expect(await decide(.session(signedInAt: now - .hours(11)), dora) == nil)
        }
    }

    @Test("a list shows what lies in reach, and what does not can't be decided", arguments: Engine.available)
    func reach(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            let approval = try #require(try await stage.renewal().approval)
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-other", name: "Other", type: "local"), by: world.author)
            try await world.actor("near", [("r-operator", .profile(ApprovalStage.profile))])
            try await world.actor("local", [("r-operator", .issuer(World.issuer))])
            try await world.actor("far", [("r-operator", .issuer(IssuerID(stored: "iss-other")))])
            for name in ["near", "local", "far"] { try await stage.custody(name, mayApprove: true) }
            let (edit, _) = try await stage.pendingEdit()
            func seen(_ name: String) async throws -> Set<ApprovalID> {
                let reader = try await world.author(name, using: .approvalRead)
                let request = ListRequest(
                    filter: ApprovalFilter(), sort: ApprovalSort.createdAt, isDescending: true,
                    page: .offset(page: 1, perPage: 10), total: .none)
                return try await world.database.read { tx in
                    Set(try ApprovalStore().list(request, within: reader.clearance, in: tx).rows.map(\.id))
                }
            }
            #expect(try await seen("near") == [approval.id, edit])
            #expect(try await seen("local") == [approval.id])
            #expect(try await seen("far") == [])
            #expect(await stage.refusalOf(approval.id, by: "far") == .notFound)
            #expect(await stage.refusalOf(edit, by: "local") == .notFound)
            #expect(await stage.refusalOf(approval.id, by: "local") == nil)
        }
    }
}
