import Access
import Domain
import Lifecycle
import Query
import Store
import Testing

/// A world with the profile `prof-gated`, which asks for approvals, and three administrators: alice asks, bob and carol
/// may approve.
struct ApprovalStage {
    static let profile = ProfileID(stored: "prof-gated")
    static let api = CertificateID(stored: "api")

    let world: World

    static func with(
        _ engine: Engine, timing: LifecycleTiming = LifecycleTiming(), _ body: (ApprovalStage) async throws -> Void
    ) async throws {
        try await World.with(engine, timing: timing) { world async throws in
            for name in ["alice", "bob", "carol"] { try await world.actor(name, [("r-admin", .global)]) }
            let stage = ApprovalStage(world: world)
            for name in ["bob", "carol"] { try await stage.custody(name, mayApprove: true) }
            // Whoever owns the certificates is none of those who ask or decide.
            try await stage.execute("UPDATE owners SET name = 'Web', email = 'web@example.com' WHERE id = 'o-alice'")
            try await world.database.write { tx in
                var fields = ProfileFields(name: "gated")
                fields.requiresApproval = true
                try ProfileStore().insert(profile, fields, in: tx)
            }
            try await body(stage)
        }
    }

    func custody(_ key: String, owner: String? = nil, mayApprove: Bool) async throws {
        try await world.database.write { tx in
            let custody = KeyCustody(ownerUserID: owner, mayApprove: mayApprove)
            try KeyCustodyStore().set(custody, of: APIKeyID(stored: "ak-\(key)"), in: tx)
        }
    }

    /// The certificate `api` under the gated profile, deployed by the agent `web-01`.
    @discardableResult
    func certificate(targets: [String] = ["edge"]) async throws -> Certificate {
        if !targets.isEmpty {
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
        }
        var draft = world.draft("api", targets: targets)
        draft.profileID = Self.profile.text
        return try await world.certificates.create(draft, by: world.author).certificate
    }

    /// A renewal of `api` that alice asked for.
    func renewal() async throws -> OpenedRenewal {
        try await world.renewals.renew(
            Self.api, force: false, by: try await world.author("alice", using: .certIssue))
    }

    func approver(_ name: String) -> Approver {
        Approver(Actor(id: name, type: .apiKey), .apiKey(APIKeyID(stored: "ak-\(name)")))
    }

    @discardableResult
    func decide(
        _ id: ApprovalID, _ verdict: ApprovalFlow.Verdict = .approve, by name: String
    ) async throws -> Approval {
        try await world.approvals.decide(
            id, verdict, note: "checked", by: approver(name), try await world.author(name, using: .approvalApprove))
    }

    func refusalOf(
        _ id: ApprovalID, _ verdict: ApprovalFlow.Verdict = .approve, by name: String
    ) async -> ErrorCode? {
        await refusal { try await decide(id, verdict, by: name) }
    }

    func approval(_ id: ApprovalID) async throws -> Approval {
        try await world.database.read { tx in try ApprovalStore().get(id, within: .system, in: tx) }
    }

    func onlyApproval() async throws -> Approval {
        let ids = try await world.database.read { tx in
            try tx.rows("SELECT id FROM issuance_approval_requests").map { row -> ApprovalID in try row.id("id") }
        }
        #expect(ids.count == 1)
        return try await approval(try #require(ids.first))
    }

    func orders() async throws -> Int { try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") }

    func sendCSR(of job: JobID?, extra: [String] = []) async throws {
        _ = try await IssueFlowTests.submit(world, try World.csr("api", extra: extra), job: job)
    }

    /// Lets the time of a request run out.
    func runOut(_ id: ApprovalID) async throws {
        try await world.database.write { tx in
            _ = try tx.execute(
                "UPDATE issuance_approval_requests SET expires_at = \(tx.now) WHERE id = \(id)")
        }
    }

    func execute(_ sql: SQL) async throws { try await world.database.write { tx in _ = try tx.execute(sql) } }
}
