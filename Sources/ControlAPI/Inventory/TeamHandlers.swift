import APIContract
import Domain
import HTTPServing
import Lifecycle
import Store

/// Teams (specification, rest-api §7.15).
struct TeamHandlers: Sendable {
    let lists: Lists
    let flow: TeamFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(TeamRoutes.list, list)
        handlers.on(TeamRoutes.create, create)
        handlers.on(TeamRoutes.get, get)
        handlers.on(TeamRoutes.replace, update)
        handlers.on(TeamRoutes.patch, update)
        handlers.on(TeamRoutes.delete, delete)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await lists.answer(
            context, filter: TeamFilter(search: context.query.text("q")), natural: (TeamSort.createdAt, true),
            fetch: { try TeamStore().list($0, in: $1) }, body: Self.body
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateTeamRequest = try context.request.decode()
        let team = try await flow.create(
            id: request.id?.text, TeamFields(name: request.name, description: request.description),
            by: context.authorship
        )
        return .json(Self.body(team), status: 201, version: team.rowVersion, location: "/api/v1/teams/\(team.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: TeamID = try context.request.id()
        let team = try await lists.database.fetch { try TeamStore().get(id, in: $0) }
        return .json(Self.body(team), version: team.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateTeamRequest = try context.request.decode()
        let team = try await flow.update(
            try context.request.id(), name: request.name.update, description: request.description.update(cleared: ""),
            expecting: try context.expectedVersion(request.expectedVersion), by: context.authorship
        )
        return .json(Self.body(team), version: team.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await flow.delete(
            try context.request.id(), reassigningTo: context.query.text("reassign_to").map { TeamID(stored: $0) },
            expecting: try context.expectedVersion(), by: context.authorship
        )
        return .noContent
    }

    private static func body(_ team: Team) -> TeamBody {
        TeamBody {
            $0.id = team.id
            $0.name = team.name
            $0.description = team.description
            $0.createdAt = team.createdAt
            $0.updatedAt = team.updatedAt
            $0.version = team.rowVersion
        }
    }

    private static func body(_ listing: TeamListing) -> TeamBody {
        var body = body(listing.team)
        body.certificateCount = listing.certificateCount
        body.ownerCount = listing.ownerCount
        return body
    }
}
