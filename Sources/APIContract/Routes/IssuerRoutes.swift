import Domain

/// Issuers (specification, rest-api §7.5).
package enum IssuerRoutes {
    package static let list = ProtectedRoute(
        "listIssuers", .get, "/api/v1/issuers", .permission(.issuerRead), scope: .list, "Lists issuers.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("type", IssuerType.allCases.map(\.rawValue), "Kind of authority."),
            QueryParameter("enabled", .boolean, "Whether it takes orders."), CommonQuery.search,
        ],
        responses: [.page(of: IssuerBody.self)], cli: .verb("issuers list")
    )

    package static let create = ProtectedRoute(
        "createIssuer", .post, "/api/v1/issuers", .permission(.issuerEdit), audit: "create_issuer", "Adds an issuer.",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .body(CreateIssuerRequest.self),
        responses: [
            .json(201, IssuerBody.self, "As stored."), .json(200, IssuerBody.self, "A dry run: as it would be."),
            .invalid, .nameTaken,
            .error(.unprocessable, "The configuration is wrong."),
        ],
        cli: .verb("issuers create")
    )

    package static let get = ProtectedRoute(
        "getIssuer", .get, "/api/v1/issuers/{id}", .permission(.issuerRead), scope: .issuer, "Reads an issuer.",
        responses: [.json(200, IssuerBody.self, "The issuer."), .notFound], cli: .verb("issuers get")
    )

    package static let replace = ProtectedRoute(
        "updateIssuer", .put, "/api/v1/issuers/{id}", .permission(.issuerEdit), scope: .issuer, audit: "update_issuer",
        "Changes the members that are sent.",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .body(UpdateIssuerRequest.self), responses: changed, cli: .verb("issuers update")
    )

    package static let patch = ProtectedRoute(
        "patchIssuer", .patch, "/api/v1/issuers/{id}", .permission(.issuerEdit), scope: .issuer, audit: "update_issuer",
        "Changes or clears members (RFC 7396).",
        query: [CommonQuery.flag("dry_run", "Check the configuration, change nothing.")],
        request: .mergePatch(UpdateIssuerRequest.self), responses: changed,
        cli: .verb("issuers update")
    )

    package static let delete = ProtectedRoute(
        "deleteIssuer", .delete, "/api/v1/issuers/{id}", .permission(.issuerDelete), scope: .issuer,
        audit: "delete_issuer", "Deletes an issuer that nothing uses.",
        responses: [.noContent, .notFound, .stale, .error(.inUse, "Certificates still use it.")],
        cli: .verb("issuers delete")
    )

    package static let test = ProtectedRoute(
        "testIssuer", .post, "/api/v1/issuers/{id}/test", .permission(.issuerEdit), scope: .issuer,
        audit: "issuer_tested", "Tries the connection.",
        responses: [
            .json(200, IssuerTestAnswer.self, "It works."), .notFound,
            .error(.unprocessable, "The configuration is wrong."), .error(.upstreamFailed, "The authority failed."),
        ],
        cli: .verb("issuers test")
    )

    package static let caCertificates = ProtectedRoute(
        "getIssuerCACertificates", .get, "/api/v1/issuers/{id}/ca-certificates", .permission(.issuerRead),
        scope: .issuer, "The issuer's own chain.",
        responses: [
            .json(200, CACertificatesAnswer.self, "The chain."),
            .text(200, "application/x-pem-file", "-----BEGIN CERTIFICATE-----\n…", "PEM, when asked for."), .notFound,
            .error(.notSupportedByIssuer, "The issuer does not publish it."),
        ],
        cli: .verb("issuers ca-certificates")
    )

    package static let types = ProtectedRoute(
        "listIssuerTypes", .get, "/api/v1/issuer-types", .permission(.issuerRead), "Kinds of issuer.",
        responses: [.page(of: ConnectorTypeBody.self)], cli: .verb("issuers types")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route, test.route,
        caCertificates.route, types.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, IssuerBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale,
        .error(.unprocessable, "The configuration is wrong."),
        .error(.invalidState, "The type cannot change, or the environment owns the row."),
    ]
}
