import Domain

/// Managed certificates and their versions (specification, rest-api §7.1, §7.2).
package enum CertificateRoutes {
    package static let list = ProtectedRoute(
        "listCertificates", .get, "/api/v1/certificates", .permission(.certRead), scope: .list, "Lists certificates.",
        query: CommonQuery.paging(sort: sortKeys) + filters,
        responses: [.page(of: CertificateBody.self)], cli: .verb("certs list")
    )

    package static let create = ProtectedRoute(
        "createCertificate", .post, "/api/v1/certificates", .permission(.certIssue), scope: .object,
        audit: "certificate_created",
        "Brings a certificate under management.", request: .body(CreateCertificateRequest.self),
        responses: [
            .json(201, CertificateBody.self, "As stored."), .invalid, .nameTaken, .unknownReference,
            .error(.policyViolation, "The profile does not allow it."),
        ],
        cli: .verb("certs create")
    )

    package static let get = ProtectedRoute(
        "getCertificate", .get, "/api/v1/certificates/{id}", .permission(.certRead), scope: .object,
        "Reads a certificate.",
        responses: [.json(200, CertificateBody.self, "The certificate."), .notFound], cli: .verb("certs get")
    )

    package static let replace = ProtectedRoute(
        "updateCertificate", .put, "/api/v1/certificates/{id}", .permission(.certEdit), scope: .object,
        audit: "certificate_updated",
        "Changes the members that are sent.", request: .body(UpdateCertificateRequest.self),
        responses: changed, cli: .verb("certs update")
    )

    package static let patch = ProtectedRoute(
        "patchCertificate", .patch, "/api/v1/certificates/{id}", .permission(.certEdit), scope: .object,
        audit: "certificate_updated",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateCertificateRequest.self),
        responses: changed, cli: .verb("certs update")
    )

    package static let archive = ProtectedRoute(
        "archiveCertificate", .delete, "/api/v1/certificates/{id}", .permission(.certDelete), scope: .object,
        audit: "certificate_archived", "Archives a certificate; the row stays.",
        responses: [.noContent, .notFound, .stale], cli: .verb("certs archive")
    )

    package static let unarchive = ProtectedRoute(
        "unarchiveCertificate", .post, "/api/v1/certificates/{id}/unarchive", .permission(.certDelete), scope: .object,
        audit: "certificate_unarchived", "Takes a certificate out of the archive.",
        responses: [
            .json(200, CertificateBody.self, "As stored."), .notFound, .error(.invalidState, "It is not archived."),
        ],
        cli: .verb("certs unarchive")
    )

    package static let renew = ProtectedRoute(
        "renewCertificate", .post, "/api/v1/certificates/{id}/renew", .permission(.certIssue), scope: .object,
        audit: "renewal_triggered", "Opens an issuance or renewal job.",
        query: [CommonQuery.flag("force", "Renew although a renewal is in progress.")],
        request: .optionalBody(RenewRequest.self),
        responses: [
            .json(202, RenewAnswer.self, "The job to follow."), .notFound,
            .error(.renewalInProgress, "A renewal is in progress."),
            .error(.invalidState, "It is archived or revoked."),
        ],
        cli: .verb("certs renew")
    )

    package static let deploy = ProtectedRoute(
        "deployCertificate", .post, "/api/v1/certificates/{id}/deploy", .permission(.certEdit), scope: .object,
        audit: "deployment_triggered", "Opens a deployment job for each target.",
        request: .optionalBody(DeployRequest.self),
        responses: [
            .json(202, DeployAnswer.self, "The jobs to follow."), .notFound,
            .error(.invalidState, "It is archived, revoked or was never issued."),
            .error(.unprocessable, "The target is not attached."),
        ],
        cli: .verb("certs deploy")
    )

    package static let submitCSR = ProtectedRoute(
        "submitCSR", .post, "/api/v1/certificates/{id}/csr", .permission(.certIssue), scope: .object,
        audit: "csr_submitted",
        bodyLimit: 131_072, "Issues from a request made elsewhere.", request: .body(SubmitCSRRequest.self),
        responses: [
            .json(201, CertificateVersionBody.self, "The issued version."),
            .json(202, CSRAcceptedAnswer.self, "The issuer answers later."), .invalid, .notFound,
            .error(.invalidState, "It is archived or revoked."),
            .error(.policyViolation, "The request breaks a rule of the profile."),
            .error(.upstreamFailed, "The issuer failed."),
        ],
        cli: .verb("certs csr")
    )

    package static let versions = ProtectedRoute(
        "listVersions", .get, "/api/v1/certificates/{id}/versions", .permission(.certRead), scope: .object,
        "Lists the issued versions, newest first.", query: CommonQuery.paging(),
        responses: [.page(of: CertificateVersionBody.self), .notFound], cli: .verb("certs versions")
    )

    package static let version = ProtectedRoute(
        "getVersionOfCertificate", .get, "/api/v1/certificates/{id}/versions/{version_id}", .permission(.certRead),
        scope: .object,
        "Reads one issued version.",
        responses: [.json(200, CertificateVersionBody.self, "The version."), .notFound], cli: .verb("certs versions")
    )

    package static let deployments = ProtectedRoute(
        "listDeployments", .get, "/api/v1/certificates/{id}/deployments", .permission(.certRead), scope: .object,
        "Lists the targets it is deployed to.",
        responses: [.page(of: TargetBody.self), .notFound], cli: .verb("certs targets")
    )

    package static let targets = ProtectedRoute(
        "listCertificateTargets", .get, "/api/v1/certificates/{id}/targets", .permission(.certRead), scope: .object,
        "Lists the attached targets.", responses: [.page(of: TargetBody.self), .notFound], cli: .verb("certs targets")
    )

    package static let attachTarget = ProtectedRoute(
        "attachTarget", .put, "/api/v1/certificates/{id}/targets/{target_id}", .permission(.certEdit), scope: .object,
        audit: "certificate_target_attached", "Attaches a target; repeating it changes nothing.",
        responses: [.noContent, .notFound, .unknownReference], cli: .verb("certs attach")
    )

    package static let detachTarget = ProtectedRoute(
        "detachTarget", .delete, "/api/v1/certificates/{id}/targets/{target_id}", .permission(.certEdit),
        scope: .object,
        audit: "certificate_target_detached", "Detaches a target; repeating it changes nothing.",
        responses: [.noContent, .notFound], cli: .verb("certs detach")
    )

    package static let jobs = ProtectedRoute(
        "listCertificateJobs", .get, "/api/v1/certificates/{id}/jobs", .permission(.certRead), scope: .object,
        "Lists its jobs, newest first.", query: CommonQuery.paging(),
        responses: [.page(of: JobBody.self), .notFound], cli: .verb("jobs list")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, archive.route, unarchive.route, renew.route,
        deploy.route, submitCSR.route, versions.route, version.route, deployments.route, targets.route,
        attachTarget.route, detachTarget.route, jobs.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, CertificateBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale, .unknownReference,
        .error(.policyViolation, "The profile does not allow it."),
    ]

    /// The names that `sort` knows, in both spellings.
    package static let sortKeys = [
        "notAfter", "expiresAt", "expires_at", "createdAt", "created_at", "updatedAt", "updated_at", "commonName",
        "common_name", "name", "status", "environment",
    ]

    /// What lists of certificates are narrowed by.
    static let filters: [QueryParameter] = [
        CommonQuery.choice("status", CertificateStatus.allCases.map(\.rawValue), "State."),
        QueryParameter("environment", .text(1...50, example: "production"), several: true, "Label."),
        CommonQuery.id("owner_id", "Owner."),
        CommonQuery.id("team_id", "Team."),
        CommonQuery.id("issuer_id", "Issuer."),
        CommonQuery.id("agent_id", "Deployed through a target of the agent."),
        CommonQuery.id("profile_id", "Profile."),
        CommonQuery.id("target_id", "Attached target."),
        CommonQuery.id("certificate_ids", "These certificates."),
        CommonQuery.time("expires_before", "Expires before."),
        CommonQuery.time("expires_after", "Expires after."),
        CommonQuery.time("created_before", "Created before."),
        CommonQuery.time("created_after", "Created after."),
        CommonQuery.time("updated_before", "Changed before."),
        CommonQuery.time("updated_after", "Changed after."),
        QueryParameter("tag.", .text(0...255, example: "1"), isPrefix: true, "Label `tag.<key>=<value>`."),
        CommonQuery.search,
        QueryParameter("san", .text(1...255, example: "api.example.com"), "Holds the name."),
        QueryParameter("serial", .text(1...64, example: "5d1c9a"), "Serial number of a version."),
        QueryParameter("fingerprint", .text(1...95, example: "ab35e1"), "SHA-256 fingerprint of a version."),
        CommonQuery.flag("include_archived", default: true, "Whether archived ones are listed."),
    ]
}
