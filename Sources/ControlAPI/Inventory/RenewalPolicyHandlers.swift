import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Renewal policies (specification, rest-api §7.14).
struct RenewalPolicyHandlers: Sendable {
    let lists: Lists
    let flow: PolicyFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(RenewalPolicyRoutes.list, list)
        handlers.on(RenewalPolicyRoutes.create, create)
        handlers.on(RenewalPolicyRoutes.get, get)
        handlers.on(RenewalPolicyRoutes.replace, update)
        handlers.on(RenewalPolicyRoutes.patch, update)
        handlers.on(RenewalPolicyRoutes.delete, delete)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = RenewalPolicyFilter()
        filter.search = context.query.text("q")
        return try await lists.answer(
            context, filter: filter, natural: (RenewalPolicySort.name, false),
            fetch: { try PolicyStore().list($0, in: $1) }, body: Self.body
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateRenewalPolicyRequest = try context.request.decode()
        var draft = PolicyDraft(name: request.name)
        draft.renewalWindowDays = request.renewalWindowDays
        draft.autoRenew = request.autoRenew
        draft.maxRetries = request.maximumRetries
        draft.retryIntervalSeconds = request.retryIntervalSeconds
        draft.alertThresholdsDays = request.alertThresholdsDays
        draft.alertChannels = request.alertChannels
        draft.alertSeverityMap = request.alertSeverityMap
        let policy = try await flow.create(id: request.id?.text, draft, by: context.authorship)
        return .json(
            Self.body(policy), status: 201, version: policy.rowVersion,
            location: "/api/v1/renewal-policies/\(policy.id.text)"
        )
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: RenewalPolicyID = try context.request.id()
        let policy = try await lists.database.fetch { try PolicyStore().get(id, in: $0) }
        return .json(Self.body(policy), version: policy.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateRenewalPolicyRequest = try context.request.decode()
        let policy = try await flow.update(
            try context.request.id(), expecting: try context.expectedVersion(request.expectedVersion),
            by: context.authorship
        ) { draft in
            request.name.apply(to: &draft.name)
            draft.renewalWindowDays = request.renewalWindowDays.resolved(from: draft.renewalWindowDays)
            draft.autoRenew = request.autoRenew.resolved(from: draft.autoRenew)
            draft.maxRetries = request.maximumRetries.resolved(from: draft.maxRetries)
            draft.retryIntervalSeconds = request.retryIntervalSeconds.resolved(from: draft.retryIntervalSeconds)
            draft.alertThresholdsDays = request.alertThresholdsDays.resolved(from: draft.alertThresholdsDays)
            draft.alertChannels = request.alertChannels.resolved(from: draft.alertChannels)
            draft.alertSeverityMap = request.alertSeverityMap.resolved(from: draft.alertSeverityMap)
        }
        return .json(Self.body(policy), version: policy.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.delete(
            try context.request.id(), expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    private static func body(_ policy: RenewalPolicy) -> RenewalPolicyBody {
        RenewalPolicyBody {
            $0.id = policy.id
            $0.name = policy.fields.name
            $0.renewalWindowDays = policy.fields.renewalWindowDays
            $0.autoRenew = policy.fields.autoRenew
            $0.maximumRetries = policy.fields.maxRetries
            $0.retryIntervalSeconds = policy.fields.retryIntervalSeconds
            $0.alertThresholdsDays = policy.fields.alertThresholdsDays
            if !policy.fields.alertChannels.isEmpty { $0.alertChannels = policy.fields.alertChannels }
            if !policy.fields.alertSeverityMap.isEmpty { $0.alertSeverityMap = policy.fields.alertSeverityMap }
            $0.profileID = policy.profileID
            $0.createdAt = policy.createdAt
            $0.updatedAt = policy.updatedAt
            $0.version = policy.rowVersion
        }
    }
}
