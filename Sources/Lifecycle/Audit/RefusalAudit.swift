package import Domain
import Encoding
import Query
import Store
import Synchronization

/// Writes refused requests into the audit trail, one event a minute for each caller, operation and reason, so that nobody
/// can flood the trail by being refused (specification, security §1.5).
package final class RefusalAudit: Sendable {
    /// Kinds of refusal that are told apart within a minute; further ones are counted together.
    package static let mostKinds = 1000

    private struct Kind: Hashable {
        let actor: Actor?
        let clientAddress: String
        let operation: String
        let reason: String
        let subject: RefusedSubject
    }

    private struct Count {
        var total = 0
        let firstRequestID: String
        let firstAt: Timestamp
        var lastAt: Timestamp
    }

    /// What stands for the kinds beyond ``mostKinds``.
    private static let others = Kind(
        actor: nil, clientAddress: "", operation: "various", reason: "various", subject: .request)

    private let counts = Mutex<[Kind: Count]>([:])
    private let context: LifecycleContext

    package init(_ context: LifecycleContext) { self.context = context }

    /// Counts a refusal; never waits.
    package func note(_ refusal: RequestRefusal) {
        let now = context.time.now
        let kind = Kind(
            actor: refusal.actor, clientAddress: refusal.clientAddress, operation: refusal.operation,
            reason: refusal.reason, subject: refusal.subject)
        let count = Count(total: 1, firstRequestID: refusal.requestID, firstAt: now, lastAt: now)
        counts.withLock { Self.add(count, kind, to: &$0) }
    }

    private static func add(_ added: Count, _ kind: Kind, to counts: inout [Kind: Count]) {
        let kind = counts[kind] != nil || counts.count < mostKinds ? kind : others
        guard let known = counts[kind] else {
            counts[kind] = added
            return
        }
        counts[kind] = Count(
            total: known.total + added.total, firstRequestID: known.firstRequestID, firstAt: known.firstAt,
            lastAt: max(known.lastAt, added.lastAt))
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome { LoopOutcome(rows: try await flush()) }

    /// Writes what was counted; how many events that were. What cannot be written is counted on.
    @discardableResult
    package func flush() async throws -> Int {
        let taken = counts.withLock { counts in
            defer { counts = [:] }
            return counts
        }
        guard !taken.isEmpty else { return 0 }
        do {
            try await context.database.write { [context] tx in
                for (kind, count) in taken.sorted(by: { $0.value.firstAt < $1.value.firstAt }) {
                    try AuditLog().append(Self.entry(kind, count, context, now: tx.now), in: tx)
                }
            }
        } catch {
            counts.withLock { counts in
                for (kind, count) in taken { Self.add(count, kind, to: &counts) }
            }
            throw error
        }
        return taken.count
    }

    private static func entry(
        _ kind: Kind, _ count: Count, _ context: LifecycleContext, now: Timestamp
    ) -> AuditEntry {
        var details: JSONObject = [
            "count": JSONValue(count.total), "first_at": .string(count.firstAt.rfc3339),
            "last_at": .string(count.lastAt.rfc3339),
        ]
        if case .acmeAccount(let profile) = kind.subject { details["profile_id"] = .string(profile.text) }
        return AuditEntry(
            id: AuditEventID(generatedAt: now, random: context.random),
            author: Authorship(
                actor: kind.actor ?? Actor(id: "anonymous", type: .anonymous),
                origin: RequestOrigin(
                    requestID: count.firstRequestID, clientAddress: kind.clientAddress, channel: "api"),
                clearance: .system
            ),
            action: kind.subject.action,
            resourceType: kind.subject.resourceType,
            resourceID: kind.operation,
            category: .auth,
            outcome: .denied,
            reason: kind.reason,
            details: AuditDetails(details)
        )
    }
}

extension RefusedSubject {
    fileprivate var action: String {
        switch self {
        case .request: "auth.request_refused"
        case .acmeAccount: "acme_account_rejected"
        }
    }

    fileprivate var resourceType: String {
        switch self {
        case .request: "api"
        case .acmeAccount: "acme_account"
        }
    }
}
