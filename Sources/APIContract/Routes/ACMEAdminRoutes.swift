import Domain

/// What operators see and decide of the ACME server (protocol-servers §2.6, rest-api §7.9).
package enum ACMEAdminRoutes {
    package static let createKey = ProtectedRoute(
        "createEABKey", .post, "/api/v1/admin/acme/eab-keys", .permission(.acmeAdmin), audit: "acme_eab_key_created",
        "Makes a key by which ACME accounts are opened; its secret is shown once.",
        request: .body(CreateEABKeyRequest.self),
        responses: [.json(201, EABKeyBody.self, "The key with its secret."), .invalid, .unknownReference],
        cli: .verb("acme eab create")
    )

    package static let listKeys = ProtectedRoute(
        "listEABKeys", .get, "/api/v1/admin/acme/eab-keys", .permission(.acmeAdmin), "Lists keys, newest first.",
        query: CommonQuery.paging(), responses: [.page(of: EABKeyBody.self)], cli: .verb("acme eab list")
    )

    package static let getKey = ProtectedRoute(
        "getEABKey", .get, "/api/v1/admin/acme/eab-keys/{id}", .permission(.acmeAdmin), "Shows a key.",
        responses: [.json(200, EABKeyBody.self, "The key."), .notFound], cli: .verb("acme eab get")
    )

    package static let revokeKey = ProtectedRoute(
        "revokeEABKey", .delete, "/api/v1/admin/acme/eab-keys/{id}", .permission(.acmeAdmin),
        audit: "acme_eab_key_revoked", "Ends a key; accounts that it opened stay.",
        responses: [.noContent, .notFound], cli: .verb("acme eab revoke")
    )

    package static let listAccounts = ProtectedRoute(
        "listACMEAccounts", .get, "/api/v1/admin/acme/accounts", .permission(.acmeAdmin),
        "Lists ACME accounts, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.id("profile_id", "Profile."),
            CommonQuery.choice("status", ACMEAccountStatus.allCases.map(\.rawValue), "State."),
        ],
        responses: [.page(of: ACMEAccountBody.self)], cli: .verb("acme accounts list")
    )

    package static let deactivateAccount = ProtectedRoute(
        "deactivateACMEAccount", .post, "/api/v1/admin/acme/accounts/{id}/deactivate", .permission(.acmeAdmin),
        audit: "acme_account_revoked", "Ends an account for good, with all that it has under way.",
        responses: [
            .json(200, ACMEAccountBody.self, "The account."), .notFound,
            .error(.invalidState, "It has ended already."),
        ],
        cli: .verb("acme accounts deactivate")
    )

    package static let listOrders = ProtectedRoute(
        "listACMEOrders", .get, "/api/v1/admin/acme/orders", .permission(.acmeAdmin),
        "Lists ACME orders, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.id("account_id", "Account."), CommonQuery.id("profile_id", "Profile."),
            CommonQuery.choice("status", ACMEOrderStatus.allCases.map(\.rawValue), "State."),
        ],
        responses: [.page(of: ACMEOrderBody.self)], cli: .verb("acme orders list")
    )

    package static let getOrder = ProtectedRoute(
        "getACMEOrder", .get, "/api/v1/admin/acme/orders/{id}", .permission(.acmeAdmin), "Shows an ACME order.",
        responses: [.json(200, ACMEOrderBody.self, "The order."), .notFound], cli: .verb("acme orders get")
    )

    package static let replace = ProtectedRoute(
        "replaceACMECertificates", .post, "/api/v1/admin/acme/replacements", .permission(.acmeAdmin),
        audit: "acme_replacement_requested",
        "Tells clients that ask for renewal information to renew now; what they hold stays valid.",
        request: .body(ReplaceACMECertificatesRequest.self),
        responses: [.json(200, ACMEReplacementBody.self, "How many certificates are meant."), .invalid],
        cli: .verb("acme replace")
    )

    package static let withdrawReplacement = ProtectedRoute(
        "withdrawACMEReplacement", .post, "/api/v1/admin/acme/replacements/withdraw", .permission(.acmeAdmin),
        audit: "acme_replacement_withdrawn",
        "Takes a request for replacement back: clients that have not asked since renew in their own time.",
        request: .body(ReplaceACMECertificatesRequest.self),
        responses: [
            .json(200, ACMEReplacementBody.self, "How many certificates were to be replaced, and are no more."),
            .invalid,
        ],
        cli: .verb("acme withdraw-replacement")
    )

    package static let all: [Route] = [
        createKey.route, listKeys.route, getKey.route, revokeKey.route, listAccounts.route, deactivateAccount.route,
        listOrders.route, getOrder.route, replace.route, withdrawReplacement.route,
    ]
}
