import Domain

/// Revocation (specification, rest-api §7.1, domain §4.2).
package enum RevocationRoutes {
    package static let revoke = ProtectedRoute(
        "revokeCertificate", .post, "/api/v1/certificates/{id}/revoke", .permission(.certRevoke), scope: .object,
        audit: "certificate_revoked", "Revokes a certificate.", request: .optionalBody(RevokeRequest.self),
        responses: changed, cli: .verb("certs revoke")
    )

    package static let release = ProtectedRoute(
        "releaseCertificate", .post, "/api/v1/certificates/{id}/release", .permission(.certRevoke), scope: .object,
        audit: "certificate_hold_released", "Ends a hold.", request: .optionalBody(ReleaseRequest.self),
        responses: changed, cli: .verb("certs release")
    )

    package static let create = ProtectedRoute(
        "createRevocation", .post, "/api/v1/revocations", .permission(.certRevoke), scope: .object,
        audit: "certificate_revoked", "Revokes by serial number or by key, or ends the hold of a serial number.",
        request: .body(CreateRevocationRequest.self),
        responses: changed + [
            .error(.unprocessable, "The inventory does not know the serial number, and the issuer is not ours.")
        ],
        cli: .verb("certs revoke")
    )

    package static let list = ProtectedRoute(
        "listRevocations", .get, "/api/v1/revocations", .permission(.certRead), scope: .list,
        "Lists revocations, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.id("issuer_id", "Issuer."), CommonQuery.id("certificate_id", "Certificate."),
            CommonQuery.choice("reason", reasons, "Why."),
            CommonQuery.choice("notification", RevocationMembers.notifications, "How far the issuer was told."),
            QueryParameter("serial", .text(1...64, example: "5d1c9a"), "Serial number."),
            QueryParameter("spki_sha256", .text(64...95, example: String(repeating: "0", count: 64)), "Key."),
            CommonQuery.time("revoked_after", "Revoked after."), CommonQuery.time("revoked_before", "Revoked before."),
            CommonQuery.flag("include_released", default: true, "Whether holds that ended are listed."),
        ],
        responses: [.page(of: RevocationBody.self)], cli: .verb("certs revocations")
    )

    package static let retry = ProtectedRoute(
        "retryUpstreamRevocation", .post, "/api/v1/revocations/{id}/retry", .permission(.certRevoke), scope: .object,
        audit: "upstream_revocation_retried", "Tells the issuer of a revocation again, at once.",
        responses: [
            .json(200, RevocationBody.self, "The issuer is told within seconds."), .notFound,
            .error(.invalidState, "The issuer knows, is an authority of this server, or the certificate has ended."),
        ],
        cli: .verb("certs retry-revocation")
    )

    package static let all: [Route] = [revoke.route, release.route, create.route, list.route, retry.route]

    private static let reasons = RevocationReason.allCases.filter { $0 != .removeFromCRL }.map(\.rawValue)
    private static let changed: [ResponseContent] = [
        .json(200, RevokeAnswer.self, "What changed."), .invalid, .notFound,
        .error(.invalidState, "It is archived, was never issued, or nothing is left to revoke or to release."),
    ]
}
