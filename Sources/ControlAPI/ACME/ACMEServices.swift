package import Access
package import Domain
package import Lifecycle

/// What the handlers of the ACME protocol work with.
package struct ACMEServices: Sendable {
    let plan: @Sendable () -> ACMEPlan
    /// The origin that the operator named, with its path; `nil`: the one that a client speaks to.
    let publicURL: @Sendable () -> String?
    let isTrustedProxy: @Sendable (String) -> Bool
    let accounts: ACMEAccountFlow
    let orders: ACMEOrderFlow
    let challenges: ACMEChallengeFlow
    let finalize: ACMEFinalizeFlow
    let revocation: ACMERevocation
    let renewal: ACMERenewalFlow
    let nonces: ACMENonces
    let limiter: AttemptLimiter
    let time: TimeSource
    let count: @Sendable (ACMEEvent) -> Void
    /// How long an operation took.
    let observe: @Sendable (String, Duration) -> Void
    let keys = KnownAccountKeys()

    package init(
        plan: @escaping @Sendable () -> ACMEPlan, publicURL: @escaping @Sendable () -> String?,
        isTrustedProxy: @escaping @Sendable (String) -> Bool, accounts: ACMEAccountFlow, orders: ACMEOrderFlow,
        challenges: ACMEChallengeFlow, finalize: ACMEFinalizeFlow, revocation: ACMERevocation, renewal: ACMERenewalFlow,
        nonces: ACMENonces,
        limiter: AttemptLimiter, time: TimeSource, count: @escaping @Sendable (ACMEEvent) -> Void,
        observe: @escaping @Sendable (String, Duration) -> Void
    ) {
        self.plan = plan
        self.publicURL = publicURL
        self.isTrustedProxy = isTrustedProxy
        self.accounts = accounts
        self.orders = orders
        self.challenges = challenges
        self.finalize = finalize
        self.revocation = revocation
        self.renewal = renewal
        self.nonces = nonces
        self.limiter = limiter
        self.time = time
        self.count = count
        self.observe = observe
    }
}

/// What is counted of the ACME server (protocol-servers §2.16).
package enum ACMEEvent: String, Sendable, CaseIterable {
    case directory
    case directoryFailures = "directory_failures"
    case newNonce = "new_nonce"
    case newNonceFailures = "new_nonce_failures"
    case newAccount = "new_account"
    case newAccountFailures = "new_account_failures"
    case newAccountIdempotent = "new_account_idempotent"
    case updateAccount = "update_account"
    case updateAccountFailures = "update_account_failures"
    case deactivateAccount = "deactivate_account"
    case newOrder = "new_order"
    case newOrderFailures = "new_order_failures"
    case newOrderRejected = "new_order_rejected"
    case finalizeOrder = "finalize_order"
    case finalizeOrderFailures = "finalize_order_failures"
    case certDownload = "cert_download"
    case certDownloadFailures = "cert_download_failures"
    case authzRead = "authz_read"
    case challengeRespond = "challenge_respond"
    case challengeRespondFailures = "challenge_respond_failures"
    case challengeValidateValid = "challenge_validate_valid"
    case challengeValidateInvalid = "challenge_validate_invalid"
    case keyChange = "key_change"
    case keyChangeFailures = "key_change_failures"
    case revokeCert = "revoke_cert"
    case revokeCertFailures = "revoke_cert_failures"
    case newAuthz = "new_authz"
    case newAuthzFailures = "new_authz_failures"
    case renewalInfo = "renewal_info"
    case renewalInfoFailures = "renewal_info_failures"
}
