import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

extension ApprovalStage {
    /// Alice asks to switch the approvals off; the request, and the version that it was made against.
    func pendingEdit(
        _ change: @escaping @Sendable (inout ProfileFields) -> Void = { $0.requiresApproval = false }
    ) async throws -> (ApprovalID, version: Int) {
        let version = try await stored()?.rowVersion ?? 0
        let outcome = try await world.profiles.update(
            Self.profile, expecting: nil, by: try await world.author("alice", using: .profileEdit), change)
        guard case .pending(let approval) = outcome else {
            Issue.record("the edit was applied at once")
            return (ApprovalID(stored: "none"), version)
        }
        return (approval.id, version)
    }

    func stored() async throws -> Profile? {
        try await world.database.read { tx in try ProfileStore().find(Self.profile, in: tx) }
    }
}

@Suite("A gated profile changes only when a second person agrees (security §8, domain §4.6)")
struct ProfileApprovalTests {
    @Test("A-17: switching approvals off is itself approved", arguments: Engine.available)
    func switchOff(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let (id, version) = try await stage.pendingEdit()
            #expect(try await stage.stored()?.rowVersion == version)
            #expect(await stage.refusalOf(id, by: "alice") == .selfApprovalForbidden)
            #expect(await refusal { _ = try await stage.pendingEdit() } == .alreadyExists, "one at a time")
            try await stage.decide(id, by: "bob")
            let profile = try #require(try await stage.stored())
            #expect(!profile.fields.requiresApproval && profile.rowVersion == version + 1)
            let actions = try await stage.world.actions(on: ApprovalStage.profile.text)
            #expect(actions == ["profile.edit_applied", "profile.edit_request", "update_profile"])
        }
    }

    @Test("an approver sees what would change, from what to what, while the profile is the one it was asked for")
    func changes() async throws {
        try await ApprovalStage.with(.sqlite) { stage async throws in
            let (id, _) = try await stage.pendingEdit { fields in
                fields.requiresApproval = false
                fields.allowedEKUs = ["clientAuth"]
            }
            let profile = try #require(try await stage.stored())
            let approval = try await stage.approval(id)
            let changes = try #require(approval.changes(of: profile))
            #expect(
                changes.map(\.path.text) == [
                    "/allowed_ekus", "/allowed_ekus", "/requires_approval", "/requires_approval",
                ])
            #expect(changes.map(\.kind) == [.test, .replace, .test, .replace])
            #expect(changes.map(\.value).suffix(2) == [true, false])
            #expect(approval.changes(of: nil) == nil, "what is gone does not change")
            try await stage.decide(id, by: "bob")
            #expect(try await stage.approval(id).changes(of: try await stage.stored()) == nil)
        }
    }

    @Test(
        "A-17: making and deleting a gated profile, and switching approvals on, are approved",
        arguments: Engine.available)
    func createAndDelete(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            let alice = try await world.author("alice", using: .profileEdit)
            var fields = ProfileFields(name: "new")
            fields.requiresApproval = true
            fields.maxTTLSeconds = 3600
            guard case .pending(let made) = try await world.profiles.create(id: "prof-new", fields, by: alice),
                case .pending(let gone) = try await world.profiles.delete(
                    ApprovalStage.profile, expecting: nil, by: alice)
            else {
                Issue.record("done at once")
                return
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_profiles") == 1)
            try await stage.decide(made.id, by: "bob")
            try await stage.decide(gone.id, by: "bob")
            let left = try await world.database.read { tx in
                try ProfileStore().find(ProfileID(stored: "prof-new"), in: tx)
            }
            #expect(left?.fields == fields)
            #expect(try await stage.stored() == nil)
            #expect(try await stage.approval(gone.id).state == .approved, "the decision outlives the profile")

            guard
                case .applied(let open) = try await world.profiles.create(
                    id: "prof-open", ProfileFields(name: "open"), by: alice),
                case .pending = try await world.profiles.update(
                    open.id, expecting: nil, by: alice, { $0.requiresApproval = true })
            else {
                Issue.record("an open profile changes freely until approvals are switched on")
                return
            }
        }
    }

    @Test(
        "T35: an edit of a profile that changed meanwhile is refused: 409, and a new one can be asked for",
        arguments: Engine.available)
    func stale(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let (id, version) = try await stage.pendingEdit { $0.maxTTLSeconds = 60 }
            try await stage.execute(
                "UPDATE certificate_profiles SET description = 'x', row_version = row_version + 1")
            #expect(await stage.refusalOf(id, by: "bob") == .staleApproval)
            #expect(try await stage.approval(id).state == .expired)
            #expect(try await stage.stored()?.fields.maxTTLSeconds == 0)
            #expect(try await stage.stored()?.rowVersion == version + 1)
            let (next, _) = try await stage.pendingEdit { $0.maxTTLSeconds = 60 }
            try await stage.decide(next, by: "bob")
            #expect(try await stage.stored()?.fields.maxTTLSeconds == 60)
        }
    }

    @Test("a rejected edit changes nothing; one that can't be carried out stays undecided", arguments: Engine.available)
    func rejectAndFail(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let (id, version) = try await stage.pendingEdit { $0.name = "taken" }
            try await stage.world.database.write { tx in
                _ = try ProfileStore().insert(ProfileID(stored: "prof-2"), ProfileFields(name: "taken"), in: tx)
            }
            #expect(await stage.refusalOf(id, by: "bob") == .alreadyExists)
            #expect(try await stage.approval(id).state == .pending)
            #expect(try await stage.world.actions(on: id.text).contains("approval_profile_apply_failed"))
            #expect(try await stage.decide(id, .reject, by: "carol").state == .rejected)
            #expect(try await stage.stored()?.rowVersion == version)
        }
    }
}
