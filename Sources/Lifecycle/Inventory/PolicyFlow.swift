package import Domain
import Query
package import Store

/// Creates, changes and deletes renewal policies, and re-plans the certificates that a change concerns.
package struct PolicyFlow: Sendable {
    /// Identifiers tried for one name before a random one is taken.
    private static let slugCandidates = 20

    private let context: LifecycleContext
    private let policies = PolicyStore()
    private let planner: RenewalPlanner

    package init(_ context: LifecycleContext) {
        self.context = context
        planner = RenewalPlanner()
    }

    package func create(id: String?, _ draft: PolicyDraft, by author: Authorship) async throws -> RenewalPolicy {
        var problems = FieldProblems()
        let chosen: RenewalPolicyID? = id.flatMap { problems.checkedID($0) }
        let fields = draft.checked(into: &problems)
        try problems.throwIfAny()
        return try await context.write { tx in
            let id = try chosen ?? slug(for: fields.name, in: tx)
            let policy = try policies.insert(id, fields, in: tx)
            try context.recorder.record(
                .created(.renewalPolicy), policy.id.text, change: .creation(of: .renewalPolicies), by: author, in: tx)
            return policy
        }
    }

    /// Applies `change` to what is stored, in one transaction with the new due times of its certificates.
    ///
    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: RenewalPolicyID,
        expecting version: Int?,
        by author: Authorship,
        _ change: @escaping @Sendable (inout PolicyDraft) -> Void
    ) async throws -> RenewalPolicy {
        try await context.write { tx in
            let stored = try policies.get(id, in: tx)
            var draft = PolicyDraft(stored.fields)
            change(&draft)
            var problems = FieldProblems()
            let fields = draft.checked(into: &problems)
            try problems.throwIfAny()
            let witness = try StateChange(of: .renewalPolicies, id.text, in: tx)
            let policy = try policies.update(id, fields, expecting: version ?? stored.rowVersion, in: tx)
            if fields.autoRenew != stored.fields.autoRenew
                || fields.renewalWindowDays != stored.fields.renewalWindowDays
            {
                try planner.replan(allOf: policy.id, in: tx)
            }
            try context.recorder.record(.updated(.renewalPolicy), id.text, change: witness, by: author, in: tx)
            return policy
        }
    }

    package func delete(_ id: RenewalPolicyID, expecting version: Int?, by author: Authorship) async throws {
        try await context.write { tx in
            let witness = try StateChange(of: .renewalPolicies, id.text, in: tx)
            try policies.delete(id, expecting: version, in: tx)
            try context.recorder.record(.deleted(.renewalPolicy), id.text, change: witness, by: author, in: tx)
        }
    }

    /// `rp-<slug of the name>`, numbered when that is taken.
    private func slug(for name: String, in tx: any Transaction) throws -> RenewalPolicyID {
        guard let slug = Slug.text(from: name) else { return context.newID() }
        let texts = ["rp-\(slug)"] + (2...Self.slugCandidates).map { "rp-\(slug)-\($0)" }
        let candidates = texts.map { RenewalPolicyID(stored: $0) }
        let taken = try policies.taken(among: candidates, in: tx)
        return candidates.first { !taken.contains($0) } ?? context.newID()
    }
}
