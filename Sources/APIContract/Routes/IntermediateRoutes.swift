import Domain

/// The CAs of issuers that are trees (specification, rest-api §7.6).
package enum IntermediateRoutes {
    package static let create = ProtectedRoute(
        "createIntermediateCA", .post, "/api/v1/issuers/{id}/intermediates", .permission(.caHierarchyManage),
        scope: .issuer, audit: "intermediate_ca_child_created",
        "Creates a CA below another, or makes or registers a root.",
        request: .body(CreateIntermediateCARequest.self),
        responses: [
            .json(201, IntermediateCABody.self, "As stored."), .pendingApproval, .invalid, .notFound,
            .nameTaken,
            .error(.invalidState, "The parent is not active, or the tree has an active root."),
            .error(.unprocessable, "The issuer is no tree, or the parent is of another."),
        ],
        cli: .verb("intermediates create")
    )

    package static let request = ProtectedRoute(
        "requestIntermediateCA", .post, "/api/v1/issuers/{id}/intermediates/csr", .permission(.caHierarchyManage),
        scope: .issuer, audit: "intermediate_ca_csr_created",
        "Makes a key and a request for a CA below one whose key is elsewhere.",
        request: .body(RequestIntermediateCARequest.self),
        responses: [
            .json(201, IntermediateCABody.self, "Pending, with the request."), .pendingApproval, .invalid, .notFound,
            .nameTaken,
            .error(.invalidState, "The parent is not active."),
            .error(.unprocessable, "The issuer is no tree, or the parent is of another."),
        ],
        cli: .verb("intermediates csr")
    )

    package static let certify = ProtectedRoute(
        "certifyIntermediateCA", .post, "/api/v1/intermediates/{id}/certificate", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_child_created",
        "Brings in the certificate of a pending CA, which is active from then on.",
        request: .body(CertifyIntermediateCARequest.self),
        responses: [
            .json(200, IntermediateCABody.self, "As stored."), .pendingApproval, .invalid, .notFound,
            .error(.invalidState, "It is not pending, or its parent is not active."),
            .error(.unprocessable, "Its key is not there any more, or was reported as compromised."),
        ],
        cli: .verb("intermediates import")
    )

    package static let adopt = ProtectedRoute(
        "importIntermediateCA", .post, "/api/v1/issuers/{id}/intermediates/import", .permission(.caHierarchyManage),
        scope: .issuer, audit: "intermediate_ca_adopted",
        "Takes in a CA that exists, with its key, and with what it signed and revoked before.",
        query: [CommonQuery.flag("dry_run", "Check everything, store nothing.")],
        request: .body(ImportIntermediateCARequest.self),
        responses: [
            .json(201, IntermediateCAImported.self, "As stored."),
            .json(200, IntermediateCAImported.self, "What would be stored."), .pendingApproval, .invalid, .notFound,
            .nameTaken,
            .error(.invalidState, "The parent is not active or revoked it, or the tree has an active root."),
            .error(.unprocessable, "The issuer is no tree, or the key is bad."),
        ],
        cli: .verb("intermediates adopt")
    )

    package static let discard = ProtectedRoute(
        "deleteIntermediateCA", .delete, "/api/v1/intermediates/{id}", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_discarded", "Gives up a pending CA and destroys its key.",
        responses: [.noContent, .notFound, .error(.invalidState, "It is not pending.")],
        cli: .verb("intermediates delete")
    )

    package static let list = ProtectedRoute(
        "listIntermediateCAs", .get, "/api/v1/issuers/{id}/intermediates", .permission(.issuerRead), scope: .issuer,
        "Lists the CAs of a tree, the oldest first; the parents say what the tree is.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("state", CAState.allCases.map(\.rawValue), "State.")
        ],
        responses: [.page(of: IntermediateCABody.self), .notFound], cli: .verb("intermediates list")
    )

    package static let get = ProtectedRoute(
        "getIntermediateCA", .get, "/api/v1/intermediates/{id}", .permission(.issuerRead), scope: .object,
        "Reads a CA of a tree, with what keeps it from ending.",
        responses: [.json(200, IntermediateCABody.self, "The CA."), .notFound], cli: .verb("intermediates get")
    )

    package static let update = ProtectedRoute(
        "updateIntermediateCA", .patch, "/api/v1/intermediates/{id}", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_updated",
        "Says how long the revocation lists of a CA are good, and how often they are made anew.",
        request: .mergePatch(UpdateIntermediateCARequest.self),
        responses: [
            .json(200, IntermediateCABody.self, "As stored."), .invalid, .notFound, .stale,
            .error(.invalidState, "It has ended; its last list stands."),
            .error(.unprocessable, "Its key is elsewhere, and its lists with it."),
        ],
        cli: .verb("intermediates update")
    )

    package static let chain = ProtectedRoute(
        "getIntermediateCAChain", .get, "/api/v1/intermediates/{id}/chain", .permission(.issuerRead), scope: .object,
        "A CA and those above it.",
        responses: [
            .json(200, IntermediateCAChainAnswer.self, "The chain."), .notFound,
        ],
        cli: .verb("intermediates chain")
    )

    package static let chains = ProtectedRoute(
        "listIntermediateCAChains", .get, "/api/v1/intermediates/{id}/chains", .permission(.issuerRead),
        scope: .object, "The ways from a CA to each root, and its further certificates.",
        responses: [
            .json(200, CAChainsAnswer.self, "The chains."), .notFound,
            .error(.invalidState, "It is pending and has no certificate yet."),
        ],
        cli: .verb("intermediates chains")
    )

    package static let crossSign = ProtectedRoute(
        "crossSignIntermediateCA", .post, "/api/v1/intermediates/{id}/cross-sign", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_cross_signed",
        "Gives a CA a further certificate, of the same name and key, by another parent.",
        request: .body(CrossSignIntermediateCARequest.self),
        responses: [
            .json(201, CACertificateBody.self, "As stored."), .invalid, .notFound, .nameTaken,
            .error(.invalidState, "The CA or the parent is not active, or the parent's key is not here."),
            .error(.unprocessable, "The key of the CA was reported as compromised."),
        ],
        cli: .verb("intermediates cross-sign")
    )

    package static let withdraw = ProtectedRoute(
        "withdrawCACertificate", .post, "/api/v1/intermediates/{id}/certificates/{certificate_id}/withdraw",
        .permission(.caHierarchyManage), scope: .object, audit: "intermediate_ca_cross_withdrawn",
        "Takes a further certificate out of the chains, and revokes it when it was signed here.",
        request: .optionalBody(WithdrawCACertificateRequest.self),
        responses: [
            .json(200, WithdrawCACertificateAnswer.self, "The certificate, and on whose list it is."), .invalid,
            .notFound,
            .error(.invalidState, "It is withdrawn or over, or the last list of whoever signed it stands."),
            .error(.unprocessable, "The reason is about the key of the CA."),
        ],
        cli: .verb("intermediates withdraw")
    )

    package static let crossRequest = ProtectedRoute(
        "requestIntermediateCACrossCertificate", .post, "/api/v1/intermediates/{id}/csr",
        .permission(.caHierarchyManage), scope: .object, audit: "intermediate_ca_cross_csr_created",
        "Makes a request by which somebody elsewhere can certify a CA that has a certificate.",
        responses: [
            .json(200, CrossRequestAnswer.self, "The request."), .notFound,
            .error(.invalidState, "It is not active, or its key is not here."),
        ],
        cli: .verb("intermediates cross-csr")
    )

    package static let renew = ProtectedRoute(
        "renewIntermediateCA", .post, "/api/v1/intermediates/{id}/renew", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_renewed",
        "Gives a CA a certificate that holds longer, of the same name and key, by its parent.",
        request: .optionalBody(RenewIntermediateCARequest.self),
        responses: [
            .json(200, IntermediateCABody.self, "As stored."), .invalid, .notFound,
            .error(
                .invalidState,
                "The CA or its parent is not active, the parent's key is not here, or the parent ends no later."),
            .error(.unprocessable, "It is a root, or its key was reported as compromised."),
        ],
        cli: .verb("intermediates renew")
    )

    package static let retire = ProtectedRoute(
        "retireIntermediateCA", .post, "/api/v1/intermediates/{id}/retire", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_retiring",
        "Takes a CA out of service, and with confirm ends it when nothing hangs on it any more.",
        request: .optionalBody(RetireIntermediateCARequest.self),
        responses: [
            .json(200, RetireIntermediateCAAnswer.self, "The step that was taken."), .pendingApproval, .invalid,
            .notFound,
            .error(.confirmationRequired, "It is retiring already; the last step needs a confirmation."),
            .error(.invalidState, "CAs or certificates hang on it, it is the only one that issues, or it has ended."),
        ],
        cli: .verb("intermediates retire")
    )

    package static let revoke = ProtectedRoute(
        "revokeIntermediateCA", .post, "/api/v1/intermediates/{id}/revoke", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_revoked",
        "Revokes a whole CA, for good: nothing is signed by it or below it any more, and what was is renewed elsewhere.",
        request: .body(RevokeIntermediateCARequest.self),
        responses: [
            .json(200, RevokeIntermediateCAAnswer.self, "What was done, or would be."), .invalid, .notFound,
            .error(.invalidState, "It is pending, over or revoked, or the last list of whoever signed it stands."),
            .error(.unprocessable, "It is a root."),
        ],
        cli: .verb("intermediates revoke")
    )

    package static let reactivate = ProtectedRoute(
        "reactivateIntermediateCA", .post, "/api/v1/intermediates/{id}/reactivate", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_retirement_cancelled", "Takes a retiring CA back into service.",
        request: .optionalBody(ReactivateIntermediateCARequest.self),
        responses: [
            .json(200, IntermediateCABody.self, "As stored."), .invalid, .notFound,
            .error(.invalidState, "It is not retiring."),
        ],
        cli: .verb("intermediates reactivate")
    )

    package static let all: [Route] = [
        create.route, request.route, certify.route, adopt.route, discard.route, list.route, get.route, update.route,
        chain.route,
        chains.route,
        crossSign.route, withdraw.route, crossRequest.route, renew.route, retire.route, reactivate.route,
        revoke.route,
    ]
}
