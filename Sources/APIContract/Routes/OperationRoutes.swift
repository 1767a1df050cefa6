import Domain

/// Bulk revocation, and operations on many objects (specification, rest-api §6.6, §7.3).
package enum OperationRoutes {
    package static let bulkRevoke = ProtectedRoute(
        "bulkRevokeCertificates", .post, "/api/v1/certificates/bulk-revoke", .permission(.certBulkRevoke),
        scope: .list, audit: "bulk_revocation_initiated", bodyLimit: 4_194_304, isLongLived: true,
        "Revokes every certificate that meets the criteria, as one operation.",
        request: .body(BulkRevokeRequest.self),
        responses: [
            .json(200, BulkRevokeAnswer.self, "Every certificate was looked at, or what a dry run found."),
            .text(
                200, "application/x-ndjson",
                "{\"certificate_id\":\"mc-api-prod\",\"outcome\":\"revoked\"}\n{\"summary\":{}}\n",
                "One line for each certificate as it is done, and the result last."),
            .json(202, OperationBody.self, "It goes on, or waits for a second person; see Location."), .invalid,
            .error(.confirmationRequired, "The number of certificates has to be confirmed, or is another."),
        ],
        cli: .verb("certs bulk-revoke")
    )

    package static let list = ProtectedRoute(
        "listOperations", .get, "/api/v1/operations", .selfOr(.certBulkRevoke),
        "Lists operations, newest first: one's own, and with the permission for everything, all.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("state", OperationState.allCases.map(\.rawValue), "State."),
            CommonQuery.choice("kind", OperationKind.allCases.map(\.rawValue), "What they do."),
        ],
        responses: [.page(of: OperationBody.self)], cli: .verb("operations list")
    )

    package static let get = ProtectedRoute(
        "getOperation", .get, "/api/v1/operations/{id}", .selfOr(.certBulkRevoke), isLongLived: true,
        "Reads an operation, or follows what becomes of its objects.",
        responses: [
            .json(200, OperationBody.self, "The operation."),
            .text(
                200, "application/x-ndjson",
                "{\"certificate_id\":\"mc-api-prod\",\"outcome\":\"revoked\"}\n{\"summary\":{}}\n",
                "One line for each object as it is done, and the result last."),
            .notFound,
        ],
        cli: .verb("operations get")
    )

    package static let cancel = ProtectedRoute(
        "cancelOperation", .post, "/api/v1/operations/{id}/cancel", .selfOr(.certBulkRevoke),
        audit: "bulk_revocation_cancelled", "Ends an operation before its next objects; what is done stays done.",
        responses: [
            .json(200, OperationBody.self, "It has ended."), .notFound, .error(.invalidState, "It had ended."),
        ],
        cli: .verb("operations cancel")
    )

    package static let all: [Route] = [
        bulkRevoke.route, list.route, get.route, cancel.route,
    ]
}
