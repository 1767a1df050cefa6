package import Domain
import Encoding
import Query
package import Store

/// What people decide about the log: legal holds, and that work goes on although the log diverges (security §9.5, §9.7).
package struct AuditCustody: Sendable {
    private let context: LifecycleContext
    private let holds = AuditHoldStore()
    private let breaks = AuditBreakStore()

    package init(_ context: LifecycleContext) { self.context = context }

    /// Keeps the events of a time in the database, whatever retention says. Those that retention has removed before are
    /// in the archive.
    package func hold(
        since: Timestamp?, until: Timestamp?, reason: String, by author: Authorship
    ) async throws -> AuditHold {
        if let since, let until, until <= since {
            throw ServiceError(.invalidParameter, "until must be later than since")
        }
        return try await context.write { tx in
            guard try holds.count(in: tx) < AuditHoldStore.most else {
                throw ServiceError(.invalidState, "there are \(AuditHoldStore.most) legal holds; place wider ones")
            }
            let hold = try holds.insert(
                context.newID(), since: since, until: until, reason: reason, by: author.actor.id, in: tx)
            try context.recorder.record(
                .auditHoldPlaced, hold.id.text,
                details: [
                    "since": since.map { .string($0.rfc3339) } ?? nil,
                    "until": until.map { .string($0.rfc3339) } ?? nil,
                    "reason": .string(reason),
                ],
                by: author, in: tx)
            return hold
        }
    }

    package func release(_ id: AuditHoldID, by author: Authorship) async throws -> AuditHold {
        try await context.write { tx in
            let hold = try holds.release(id, by: author.actor.id, in: tx)
            try context.recorder.record(.auditHoldReleased, id.text, by: author, in: tx)
            return hold
        }
    }

    /// Takes note of every open divergence; the newest of them.
    package func acknowledge(reason: String, by author: Authorship) async throws -> AuditBreak {
        try await context.write { tx in
            let acknowledged = try breaks.acknowledge(by: author.actor.id, reason: reason, in: tx)
            guard let newest = acknowledged.last else {
                throw ServiceError(.invalidState, "no divergence of the audit log is open")
            }
            for one in acknowledged {
                try context.recorder.record(
                    .auditBreakAcknowledged, "audit",
                    details: ["divergence": .string(one.divergence), "reason": .string(reason)], by: author, in: tx)
            }
            return newest
        }
    }

    /// Why nothing may be changed now; `nil` when no divergence is open.
    package func refusal() async throws -> ServiceError? {
        guard let open = try await context.database.read({ try breaks.open(in: $0) }) else { return nil }
        return ServiceError(
            .unavailable,
            "the audit log does not verify since \(open.detectedAt.rfc3339), so nothing is changed until an administrator "
                + "acknowledges that: certctl audit verify, then certctl audit acknowledge --reason …")
    }
}
