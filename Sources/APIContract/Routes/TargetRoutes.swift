import Domain

/// Deployment targets (specification, rest-api §7.7).
package enum TargetRoutes {
    package static let list = ProtectedRoute(
        "listTargets", .get, "/api/v1/targets", .permission(.targetRead), "Lists targets.",
        query: CommonQuery.paging() + [
            CommonQuery.id("agent_id", "Agent."),
            CommonQuery.choice("type", TargetType.allCases.map(\.rawValue), "Kind of consumer."),
            QueryParameter("enabled", .boolean, "Whether it is deployed to."),
            CommonQuery.id("certificate_id", "Attached to the certificate."),
            CommonQuery.flag("include_retired", default: true, "Whether retired ones are listed."), CommonQuery.search,
        ],
        responses: [.page(of: TargetBody.self)], cli: .verb("targets list")
    )

    package static let create = ProtectedRoute(
        "createTarget", .post, "/api/v1/targets", .permission(.targetEdit), audit: "create_target", "Adds a target.",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .body(CreateTargetRequest.self),
        responses: [
            .json(201, TargetBody.self, "As stored."), .json(200, TargetBody.self, "A dry run: as it would be."),
            .invalid, .nameTaken, .unknownReference,
            .error(.unprocessable, "The configuration is wrong."),
        ],
        cli: .verb("targets create")
    )

    package static let get = ProtectedRoute(
        "getTarget", .get, "/api/v1/targets/{id}", .permission(.targetRead), "Reads a target.",
        responses: [.json(200, TargetBody.self, "The target."), .notFound], cli: .verb("targets get")
    )

    package static let replace = ProtectedRoute(
        "updateTarget", .put, "/api/v1/targets/{id}", .permission(.targetEdit), audit: "update_target",
        "Changes the members that are sent.",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .body(UpdateTargetRequest.self), responses: changed,
        cli: .verb("targets update")
    )

    package static let patch = ProtectedRoute(
        "patchTarget", .patch, "/api/v1/targets/{id}", .permission(.targetEdit), audit: "update_target",
        "Changes or clears members (RFC 7396).",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .mergePatch(UpdateTargetRequest.self), responses: changed,
        cli: .verb("targets update")
    )

    package static let delete = ProtectedRoute(
        "deleteTarget", .delete, "/api/v1/targets/{id}", .permission(.targetDelete), audit: "delete_target",
        "Deletes a target.",
        query: [CommonQuery.flag("force", "Although certificates or open jobs use it.")],
        responses: [.noContent, .notFound, .stale, .error(.inUse, "Certificates or open jobs use it.")],
        cli: .verb("targets delete")
    )

    package static let test = ProtectedRoute(
        "testTarget", .post, "/api/v1/targets/{id}/test", .permission(.targetEdit), audit: "target_tested",
        "Whether the target can be deployed to.",
        responses: [.json(200, TargetTestAnswer.self, "The result."), .notFound], cli: .verb("targets test")
    )

    package static let types = ProtectedRoute(
        "listTargetTypes", .get, "/api/v1/target-types", .permission(.targetRead), "Kinds of target.",
        responses: [.page(of: ConnectorTypeBody.self)], cli: .verb("targets types")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route, test.route, types.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, TargetBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale, .unknownReference,
        .error(.unprocessable, "The configuration is wrong."), .error(.invalidState, "The type cannot change."),
    ]
}
