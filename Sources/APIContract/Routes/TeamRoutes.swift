import Domain

/// Teams (specification, rest-api §7.15).
package enum TeamRoutes {
    package static let list = ProtectedRoute(
        "listTeams", .get, "/api/v1/teams", .permission(.teamRead), "Lists teams.",
        query: CommonQuery.paging() + [CommonQuery.search],
        responses: [.page(of: TeamBody.self)], cli: .verb("teams list")
    )

    package static let create = ProtectedRoute(
        "createTeam", .post, "/api/v1/teams", .permission(.teamEdit), audit: "create_team", "Adds a team.",
        request: .body(CreateTeamRequest.self),
        responses: [.json(201, TeamBody.self, "As stored."), .invalid, .nameTaken],
        cli: .verb("teams create")
    )

    package static let get = ProtectedRoute(
        "getTeam", .get, "/api/v1/teams/{id}", .permission(.teamRead), "Reads a team.",
        responses: [.json(200, TeamBody.self, "The team."), .notFound], cli: .verb("teams get")
    )

    package static let replace = ProtectedRoute(
        "updateTeam", .put, "/api/v1/teams/{id}", .permission(.teamEdit), audit: "update_team",
        "Changes the members that are sent.", request: .body(UpdateTeamRequest.self), responses: changed,
        cli: .verb("teams update")
    )

    package static let patch = ProtectedRoute(
        "patchTeam", .patch, "/api/v1/teams/{id}", .permission(.teamEdit), audit: "update_team",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateTeamRequest.self), responses: changed,
        cli: .verb("teams update")
    )

    package static let delete = ProtectedRoute(
        "deleteTeam", .delete, "/api/v1/teams/{id}", .permission(.teamDelete), audit: "delete_team",
        "Deletes a team; never what belongs to it.",
        query: [QueryParameter("reassign_to", .id, "Team that takes over what it has.")],
        responses: [.noContent, .notFound, .stale, .error(.inUse, "Owners or certificates belong to it.")],
        cli: .verb("teams delete")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, TeamBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale,
    ]
}
