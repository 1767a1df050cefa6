import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Owners (specification, rest-api §7.15).
struct OwnerHandlers: Sendable {
    let lists: Lists
    let flow: OwnerFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(OwnerRoutes.list, list)
        handlers.on(OwnerRoutes.create, create)
        handlers.on(OwnerRoutes.get, get)
        handlers.on(OwnerRoutes.replace, update)
        handlers.on(OwnerRoutes.patch, update)
        handlers.on(OwnerRoutes.delete, delete)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = OwnerFilter()
        filter.search = context.query.text("q")
        filter.teamIDs = context.query.ids("team_id")
        return try await lists.answer(
            context, filter: filter, natural: (OwnerSort.createdAt, true),
            fetch: { try OwnerStore().list($0, in: $1) }, body: Self.body
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateOwnerRequest = try context.request.decode()
        let owner = try await flow.create(
            id: request.id?.text,
            OwnerDraft(name: request.name, email: request.email ?? "", teamID: request.teamID?.text ?? ""),
            by: context.authorship
        )
        return .json(
            Self.body(owner), status: 201, version: owner.rowVersion, location: "/api/v1/owners/\(owner.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: OwnerID = try context.request.id()
        let owner = try await lists.database.fetch { try OwnerStore().get(id, in: $0) }
        return .json(Self.body(owner), version: owner.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateOwnerRequest = try context.request.decode()
        let owner = try await flow.update(
            try context.request.id(), name: request.name.update, email: request.email.update(cleared: ""),
            teamID: request.teamID.textUpdate(), expecting: try context.expectedVersion(request.expectedVersion),
            by: context.authorship
        )
        return .json(Self.body(owner), version: owner.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.delete(
            try context.request.id(), reassigningTo: context.query.text("reassign_to").map { OwnerID(stored: $0) },
            expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    private static func body(_ owner: Owner) -> OwnerBody {
        OwnerBody {
            $0.id = owner.id
            $0.name = owner.name
            $0.email = owner.email
            $0.teamID = owner.teamID
            $0.createdAt = owner.createdAt
            $0.updatedAt = owner.updatedAt
            $0.version = owner.rowVersion
        }
    }

    private static func body(_ listing: OwnerListing) -> OwnerBody {
        var body = body(listing.owner)
        body.certificateCount = listing.certificateCount
        return body
    }
}
