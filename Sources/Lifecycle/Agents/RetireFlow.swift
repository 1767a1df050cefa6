package import Domain
import Encoding
import Query
package import Store

/// What retiring an agent did.
package enum RetireAnswer: Sendable {
    case retired(at: Timestamp, cascaded: Bool, before: AgentDependents)
    case alreadyRetired
}

/// Retires agents (specification, domain §4.4).
package struct RetireFlow: Sendable {
    private let context: LifecycleContext
    private let agents: AgentStore
    private let renewals: RenewalOutcome

    package init(_ context: LifecycleContext) {
        self.context = context
        agents = AgentStore(offlineAfter: context.timing.agentOfflineAfter)
        renewals = RenewalOutcome(context)
    }

    /// Retires an agent. With `force`, which needs a reason, its targets are retired and its open jobs cancelled with
    /// it; without, anything that depends on it is 409 with the counts.
    package func retire(
        _ id: AgentID,
        force: Bool,
        reason: String?,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> RetireAnswer {
        guard !SentinelAgent.identifiers.contains(id.text) else {
            throw ServiceError(.sentinelAgent, "agent \(id.text) belongs to the server and cannot be retired")
        }
        return try await context.write { tx in
            let agent = try agents.get(id, in: tx)
            if agent.retiredAt != nil { return .alreadyRetired }
            let dependents = try agents.dependents(of: id, in: tx)
            let reason = reason?.trimmingBlanks ?? ""
            if force, reason.isEmpty {
                throw ServiceError(
                    .validationFailed,
                    "force needs a reason",
                    problems: [FieldProblem(pointer: "/reason", code: "required", detail: "force needs a reason")]
                )
            }
            guard force || dependents.isEmpty else {
                throw ServiceError(
                    .blockedByDependencies,
                    "agent \(id.text) still has targets, certificates or jobs; move them, or use force with a reason",
                    counts: dependents.counts
                )
            }
            let retirement = try agents.retire(
                id,
                reason: reason.isEmpty ? nil : reason,
                expecting: version,
                in: tx
            )
            guard let retirement else { return .alreadyRetired }
            try settle(retirement, in: tx)
            try record(id, retirement, reason: reason, before: dependents, by: author, in: tx)
            return .retired(at: retirement.retiredAt, cascaded: !dependents.isEmpty, before: dependents)
        }
    }

    /// Certificates whose renewal was cancelled leave `RenewalInProgress`; those deployed here are planned anew.
    private func settle(_ retirement: AgentRetirement, in tx: any Transaction) throws {
        let issuances = retirement.cancelledJobs.filter { $0.type == .issuance || $0.type == .renewal }
        for certificate in Set(issuances.compactMap(\.certificateID)).sorted() {
            guard try JobStore().openIssuances(of: certificate, in: tx).isEmpty else { continue }
            try renewals.recordCancellation(of: certificate, in: tx)
        }
        guard !retirement.retiredTargets.isEmpty else { return }
        try RenewalPlanner().replan(deployedThrough: retirement.retiredTargets, in: tx)
    }

    private func record(
        _ id: AgentID,
        _ retirement: AgentRetirement,
        reason: String,
        before: AgentDependents,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        let details: JSONObject = [
            "reason": .string(reason), "active_targets": .integer(Int64(before.activeTargets)),
            "active_certificates": .integer(Int64(before.activeCertificates)),
            "pending_jobs": .integer(Int64(before.pendingJobs)),
        ]
        try context.recorder.record(.agentRetired, id.text, details: details, by: author, in: tx)
        guard !retirement.retiredTargets.isEmpty || !retirement.cancelledJobs.isEmpty else { return }
        try context.recorder.record(
            .agentRetirementCascaded,
            id.text,
            details: [
                "target_ids": JSONValue(retirement.retiredTargets.map(\.text)),
                "job_ids": JSONValue(retirement.cancelledJobs.map(\.id.text)),
            ],
            by: author,
            in: tx
        )
    }
}
