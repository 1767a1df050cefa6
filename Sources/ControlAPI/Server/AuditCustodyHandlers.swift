import APIContract
import Domain
import HTTPServing
import Lifecycle
import Query
import Store

/// Legal holds and acknowledged divergences of the audit log (specification, security §9.5, §9.7).
struct AuditCustodyHandlers: Sendable {
    let database: any Database
    let custody: AuditCustody

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuditRoutes.holds, holds)
        handlers.on(AuditRoutes.hold, hold)
        handlers.on(AuditRoutes.release, release)
        handlers.on(AuditRoutes.acknowledge, acknowledge)
    }

    private func holds(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let all = try await database.fetch { try AuditHoldStore().all(in: $0) }
        return .json(AuditHoldList { $0.data = all.map(Self.body) })
    }

    private func hold(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AuditHoldRequest = try context.request.decode()
        let hold = try await custody.hold(
            since: request.since, until: request.until, reason: request.reason, by: context.authorship)
        return .json(Self.body(hold), status: 201)
    }

    private func release(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        .json(Self.body(try await custody.release(try context.request.id(), by: context.authorship)))
    }

    private func acknowledge(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AuditAcknowledgeRequest = try context.request.decode()
        let found = try await custody.acknowledge(reason: request.reason, by: context.authorship)
        return .json(
            AuditBreakBody {
                $0.divergence = found.divergence
                $0.detectedAt = found.detectedAt
                $0.acknowledgedBy = found.acknowledgedBy ?? ""
                $0.acknowledgedAt = found.acknowledgedAt ?? found.detectedAt
                $0.reason = found.reason ?? ""
            }
        )
    }

    private static func body(_ hold: AuditHold) -> AuditHoldBody {
        AuditHoldBody {
            $0.id = hold.id
            $0.since = hold.since
            $0.until = hold.until
            $0.reason = hold.reason
            $0.placedBy = hold.placedBy
            $0.placedAt = hold.placedAt
            $0.releasedBy = hold.releasedBy
            $0.releasedAt = hold.releasedAt
        }
    }
}
