import Domain

/// Owners (specification, rest-api §7.15).
package enum OwnerRoutes {
    package static let list = ProtectedRoute(
        "listOwners", .get, "/api/v1/owners", .permission(.ownerRead), "Lists owners.",
        query: CommonQuery.paging() + [CommonQuery.search],
        responses: [.page(of: OwnerBody.self)], cli: .verb("owners list")
    )

    package static let create = ProtectedRoute(
        "createOwner", .post, "/api/v1/owners", .permission(.ownerEdit), audit: "create_owner", "Adds an owner.",
        request: .body(CreateOwnerRequest.self),
        responses: [.json(201, OwnerBody.self, "As stored."), .invalid, .nameTaken, .unknownReference],
        cli: .verb("owners create")
    )

    package static let get = ProtectedRoute(
        "getOwner", .get, "/api/v1/owners/{id}", .permission(.ownerRead), "Reads an owner.",
        responses: [.json(200, OwnerBody.self, "The owner."), .notFound], cli: .verb("owners get")
    )

    package static let replace = ProtectedRoute(
        "updateOwner", .put, "/api/v1/owners/{id}", .permission(.ownerEdit), audit: "update_owner",
        "Changes the members that are sent.", request: .body(UpdateOwnerRequest.self), responses: changed,
        cli: .verb("owners update")
    )

    package static let patch = ProtectedRoute(
        "patchOwner", .patch, "/api/v1/owners/{id}", .permission(.ownerEdit), audit: "update_owner",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateOwnerRequest.self), responses: changed,
        cli: .verb("owners update")
    )

    package static let delete = ProtectedRoute(
        "deleteOwner", .delete, "/api/v1/owners/{id}", .permission(.ownerDelete), audit: "delete_owner",
        "Deletes an owner without certificates.",
        query: [QueryParameter("reassign_to", .id, "Owner that takes over the certificates.")],
        responses: [.noContent, .notFound, .stale, .error(.inUse, "Certificates belong to them.")],
        cli: .verb("owners delete")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, OwnerBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale, .unknownReference,
    ]
}
