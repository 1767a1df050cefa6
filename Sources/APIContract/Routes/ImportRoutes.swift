import Domain

/// Certificates that exist already (specification, rest-api §7.1, §7.3).
package enum ImportRoutes {
    private static let rehearsal = CommonQuery.flag("dry_run", "Check everything, store nothing.")

    package static let one = ProtectedRoute(
        "importCertificate", .post, "/api/v1/certificates/import", .permission(.certIssue), scope: .object,
        audit: "certificate_imported", "Brings a certificate that exists already under management.",
        query: [rehearsal], request: .body(ImportCertificateRequest.self),
        responses: [
            .json(201, ImportAnswer.self, "As stored."), .json(200, ImportAnswer.self, "What would be stored."),
            .invalid, .nameTaken, .unknownReference,
            .error(.unprocessable, "Its names are not those of the managed certificate."),
            .error(.invalidState, "The managed certificate takes no version."),
        ],
        cli: .verb("import")
    )

    package static let many = ProtectedRoute(
        "bulkImportCertificates", .post, "/api/v1/certificates/bulk-import", .permission(.certIssue), scope: .list,
        audit: "certificate_imported", bodyLimit: 4_194_304, isLongLived: true,
        "Imports many, one JSON object a line, each by itself; the answer has one line for each.", query: [rehearsal],
        request: .lines(of: ImportCertificateRequest.self),
        responses: [
            .text(
                200, "application/x-ndjson",
                "{\"line\":1,\"outcome\":\"imported\",\"certificate_id\":\"mc-api-prod\"}\n{\"summary\":{}}\n",
                "What became of each line, and how many of each."), .invalid,
        ],
        cli: .excluded(reason: "import sends one request for each certificate, so that it can show where it stands")
    )

    package static let all: [Route] = [one.route, many.route]
}
