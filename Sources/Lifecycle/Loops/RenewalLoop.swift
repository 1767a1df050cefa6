import Domain
import Encoding
import Logging
import Query
import Store

/// Loop 1: opens the renewals that are due, and calls certificates expiring whose time has come (domain §5.1, §4.1).
struct RenewalLoop: Sendable {
    private static let batch = 500
    /// Certificates whose renewals are opened in one transaction.
    private static let renewalBatch = 50

    private let context: LifecycleContext
    private let leadership: Leadership
    private let renewals: RenewFlow
    private let outcomes: RenewalOutcome
    private let certificates = CertificateStore()

    init(_ context: LifecycleContext, leadership: Leadership) {
        self.context = context
        self.leadership = leadership
        renewals = RenewFlow(context)
        outcomes = RenewalOutcome(context)
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        var rows = 0
        while true {
            try Task.checkCancellation()
            let count = try await renewBatch()
            rows += count
            if count < Self.renewalBatch { break }
        }
        rows += try await markExpiring(now)
        return LoopOutcome(rows: rows, wakeAt: try await nextWork())
    }

    func nextWork() async throws -> Timestamp? {
        try await context.database.read { tx in try certificates.nextRenewal(in: tx) }
    }

    private func renewBatch() async throws -> Int {
        let fence = try leadership.fence()
        return try await context.database.write { tx in
            try fence.check(in: tx)
            let due = try certificates.dueForRenewal(limit: Self.renewalBatch, in: tx)
            for certificate in due { try renew(certificate, in: tx) }
            return due.count
        }
    }

    /// What stands in the way is recorded with the certificate and pushes it back, so that it is not tried first again.
    private func renew(_ certificate: Certificate, in tx: any Transaction) throws {
        do {
            _ = try renewals.open(certificate, force: false, trigger: .schedule, by: .system, in: tx)
        } catch let error as ServiceError {
            try outcomes.recordFailure(of: certificate.id, reason: error.detail, by: .system, in: tx)
        }
    }

    // MARK: Status by validity (C8)

    private func markExpiring(_ now: Timestamp) async throws -> Int {
        let policies = try await context.database.read { tx in
            try tx.rows("SELECT id FROM renewal_policies ORDER BY id").map { row -> RenewalPolicyID in try row.id("id")
            }
        }
        var rows = 0
        for policy in policies { rows += try await markExpiring(under: policy, now) }
        return rows
    }

    private func markExpiring(under policyID: RenewalPolicyID, _ now: Timestamp) async throws -> Int {
        var last: AgingCandidate?
        var rows = 0
        while true {
            try Task.checkCancellation()
            let fence = try leadership.fence()
            let previous = last
            let (count, final, isLast) = try await context.database.write { tx in
                try fence.check(in: tx)
                guard let policy = try PolicyStore().find(policyID, in: tx)?.fields else {
                    return (0, AgingCandidate?.none, true)
                }
                let longest = max(policy.renewalWindowDays, policy.alertThresholdsDays.max() ?? 0)
                let candidates = try certificates.agingCandidates(
                    of: policyID,
                    expiringBefore: tx.now + .days(Int64(longest)),
                    after: previous,
                    limit: Self.batch,
                    in: tx
                )
                let due = candidates.filter { Self.isExpiring($0, policy, now: tx.now) }.map(\.id)
                let changed = due.isEmpty ? [] : try certificates.markExpiring(due, in: tx)
                for id in changed {
                    try context.recorder.record(.certificateExpiring, id.text, by: .system, in: tx)
                }
                return (changed.count, candidates.last, candidates.count < Self.batch)
            }
            rows += count
            last = final
            if isLast { return rows }
        }
    }

    private static func isExpiring(
        _ candidate: AgingCandidate,
        _ policy: RenewalPolicyFields,
        now: Timestamp
    ) -> Bool {
        let validity = RenewalOutcome.validity(
            expiresAt: candidate.expiresAt,
            isDeclaredActive: false,
            lifetime: candidate.notBefore.map { candidate.expiresAt - $0 } ?? .zero,
            policy: policy,
            now: now
        )
        return validity.status == .expiring
    }
}
