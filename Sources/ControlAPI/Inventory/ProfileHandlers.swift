import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Certificate profiles (specification, rest-api §7.12).
struct ProfileHandlers: Sendable {
    let lists: Lists
    let flow: ProfileFlow
    /// How names are proved under a profile that is made without saying so, as the settings have it.
    let defaultMode: @Sendable () -> Domain.ACMEAuthMode

    func register(in handlers: inout HandlerTable) {
        handlers.on(ProfileRoutes.list, list)
        handlers.on(ProfileRoutes.create, create)
        handlers.on(ProfileRoutes.get, get)
        handlers.on(ProfileRoutes.replace, update)
        handlers.on(ProfileRoutes.patch, update)
        handlers.on(ProfileRoutes.delete, delete)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let filter = ProfileFilter(enabled: context.query.flag("enabled"), search: context.query.text("q"))
        let clearance = context.clearance
        return try await lists.answer(
            context, filter: filter, natural: (ProfileSort.createdAt, true),
            fetch: { try ProfileStore().list($0, within: clearance, in: $1) },
            body: { [flow] in ProfileMapping.body($0, flow.algorithms, isReachable: flow.isReachable) }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateProfileRequest = try context.request.decode()
        return answer(
            try await flow.create(
                id: request.id?.text, try ProfileMapping.fields(request, otherwise: defaultMode()),
                by: context.authorship), status: 201)
    }

    private func answer(_ outcome: ProfileOutcome, status: Int = 200) -> OutgoingResponse {
        switch outcome {
        case .deleted: .noContent
        case .pending(let approval): .pendingApproval(approval.id, "the change of the profile")
        case .applied(let profile):
            .json(
                ProfileMapping.body(profile, flow.algorithms, isReachable: flow.isReachable), status: status,
                version: profile.rowVersion,
                location: status == 201 ? "/api/v1/profiles/\(profile.id.text)" : nil
            )
        }
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: ProfileID = try context.request.id()
        let profile = try await lists.database.fetch { try ProfileStore().get(id, in: $0) }
        return .json(
            ProfileMapping.body(profile, flow.algorithms, isReachable: flow.isReachable), version: profile.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateProfileRequest = try context.request.decode()
        let subject = try ProfileMapping.subject(request.subjectPolicy)
        let outcome = try await flow.update(
            try context.request.id(), expecting: try context.expectedVersion(request.expectedVersion),
            by: context.authorship
        ) { ProfileMapping.apply(request, subject, to: &$0) }
        return answer(outcome)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        answer(
            try await flow.delete(
                try context.request.id(), expecting: try context.expectedVersion(), by: context.authorship
            ))
    }
}
