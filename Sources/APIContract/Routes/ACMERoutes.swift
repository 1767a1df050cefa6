import Domain

/// The ACME server (RFC 8555, protocol-servers §2.1). Each operation has two paths: below a profile, and the short one for
/// the profile that the settings name.
package enum ACMERoutes {
    /// One operation under both paths.
    package struct Operation: Sendable {
        package let canonical: OpenRoute
        package let shorthand: OpenRoute

        var routes: [Route] { [canonical.route, shorthand.route] }
    }

    private static let reason = "for ACME clients, which find the addresses in the directory"

    /// Octets of a signed request (protocol-servers §1.3).
    private static let requestLimit = 65_536

    private static let signed = RequestContent(
        schema: .text(1...requestLimit), isRequired: true, mediaTypes: ["application/jose+json"])

    private static func get(
        _ name: String, _ canonical: PathPattern, _ shorthand: PathPattern, _ summary: String,
        _ response: ResponseContent
    ) -> Operation {
        Operation(
            canonical: OpenRoute(
                "acmeProfile\(name)", .get, canonical, class: .acme, feature: .acme, summary, responses: [response],
                cli: .excluded(reason: reason)),
            shorthand: OpenRoute(
                "acme\(name)", .get, shorthand, class: .acme, feature: .acme, summary, responses: [response],
                cli: .excluded(reason: reason)))
    }

    private static func post(
        _ name: String, _ canonical: PathPattern, _ shorthand: PathPattern, audit: String? = nil, _ summary: String,
        query: [QueryParameter] = [], _ response: ResponseContent
    ) -> Operation {
        Operation(
            canonical: OpenRoute(
                "acmeProfile\(name)", .post, canonical, class: .acme, feature: .acme, audit: audit,
                bodyLimit: requestLimit, summary, query: query, request: signed, responses: [response],
                cli: .excluded(reason: reason)),
            shorthand: OpenRoute(
                "acme\(name)", .post, shorthand, class: .acme, feature: .acme, audit: audit, bodyLimit: requestLimit,
                summary, query: query, request: signed, responses: [response], cli: .excluded(reason: reason)))
    }

    private static func object(_ status: Int, _ summary: String) -> ResponseContent {
        .text(status, "application/json", "{}", summary)
    }

    package static let directory = get(
        "Directory", "/acme/profile/{profile_id}/directory", "/acme/directory",
        "Where everything is (RFC 8555 §7.1.1).", object(200, "The addresses of the operations."))

    package static let newNonce = get(
        "NewNonce", "/acme/profile/{profile_id}/new-nonce", "/acme/new-nonce", "A nonce, in Replay-Nonce (§7.2).",
        ResponseContent(status: 204, summary: "A nonce.", mediaType: nil, schema: nil, example: nil))

    package static let newAccount = post(
        "NewAccount", "/acme/profile/{profile_id}/new-account", "/acme/new-account", audit: "acme_account_created",
        "Opens or finds the account of a key (§7.3).", object(201, "The account."))

    package static let account = post(
        "Account", "/acme/profile/{profile_id}/account/{account_id}", "/acme/account/{account_id}",
        audit: "acme_account_updated", "Shows, changes or ends an account (§7.3.2, §7.3.6).",
        object(200, "The account."))

    package static let accountOrders = post(
        "AccountOrders", "/acme/profile/{profile_id}/account/{account_id}/orders",
        "/acme/account/{account_id}/orders", "Orders of an account, newest first (§7.1.2.1).",
        query: [QueryParameter("cursor", .text(1...1024), "Where the page begins, from the link of the one before.")],
        object(200, "Addresses of orders."))

    package static let keyChange = post(
        "KeyChange", "/acme/profile/{profile_id}/key-change", "/acme/key-change", audit: "acme_account_key_rolled",
        "Gives an account another key (§7.3.5).", object(200, "The account."))

    package static let newOrder = post(
        "NewOrder", "/acme/profile/{profile_id}/new-order", "/acme/new-order", audit: "acme_order_created",
        "Orders a certificate (§7.4).", object(201, "The order."))

    package static let order = post(
        "Order", "/acme/profile/{profile_id}/order/{order_id}", "/acme/order/{order_id}", "Shows an order (§7.1.3).",
        object(200, "The order."))

    package static let finalize = post(
        "Finalize", "/acme/profile/{profile_id}/order/{order_id}/finalize", "/acme/order/{order_id}/finalize",
        audit: "acme_order_processing", "Sends the certificate request of an order (§7.4).", object(200, "The order."))

    package static let authorization = post(
        "Authorization", "/acme/profile/{profile_id}/authz/{authz_id}", "/acme/authz/{authz_id}",
        audit: "acme_authorization_deactivated", "Shows an authorization or gives it up (§7.5, §7.5.2).",
        object(200, "The authorization."))

    package static let challenge = post(
        "Challenge", "/acme/profile/{profile_id}/challenge/{challenge_id}", "/acme/challenge/{challenge_id}",
        audit: "acme_challenge_processing", "Shows a challenge, or says that it is to be validated (§7.5.1).",
        object(200, "The challenge."))

    package static let certificate = post(
        "Certificate", "/acme/profile/{profile_id}/cert/{cert_id}", "/acme/cert/{cert_id}",
        "The certificate of an order with its chain (§7.4.2).",
        .text(200, "application/pem-certificate-chain", "-----BEGIN CERTIFICATE-----", "Leaf first."))

    package static let alternate = post(
        "CertificateAlternate", "/acme/profile/{profile_id}/cert/{cert_id}/{n}", "/acme/cert/{cert_id}/{n}",
        "The certificate of an order with another chain (§7.4.2).",
        .text(200, "application/pem-certificate-chain", "-----BEGIN CERTIFICATE-----", "Leaf first."))

    package static let revoke = post(
        "Revoke", "/acme/profile/{profile_id}/revoke-cert", "/acme/revoke-cert", audit: "certificate_revoked",
        "Revokes by the word of an account, or of the key of the certificate (§7.6).",
        .text(200, "text/plain", "", "It is revoked; the answer is empty."))

    package static let renewalInfo = get(
        "RenewalInfo", "/acme/profile/{profile_id}/renewal-info/{cert_id}", "/acme/renewal-info/{cert_id}",
        "When to renew a certificate (RFC 9773).", object(200, "The suggested window."))

    package static let newAuthorization = post(
        "NewAuthorization", "/acme/profile/{profile_id}/new-authz", "/acme/new-authz",
        audit: "acme_authorization_created", "Authorizes a name ahead of any order (§7.4.1).",
        object(201, "The authorization."))

    package static let operations: [Operation] = [
        directory, newNonce, newAccount, account, accountOrders, keyChange, newOrder, order, finalize, authorization,
        challenge, certificate, alternate, revoke, renewalInfo, newAuthorization,
    ]

    package static let all: [Route] = operations.flatMap(\.routes)
}
