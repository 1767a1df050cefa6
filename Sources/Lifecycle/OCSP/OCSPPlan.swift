package import Domain

/// How OCSP is answered (protocol-servers §5.5).
package struct OCSPPlan: Hashable, Sendable {
    /// `CERTCTL_OCSP_RESPONDER_KEYS_WITH_CA`.
    package var keepsKeysWithAuthority = false
    /// `CERTCTL_OCSP_RESPONDER_VALIDITY`.
    package var responderValidity = Duration.days(30)
    /// `CERTCTL_OCSP_RESPONDER_ROTATION_GRACE`.
    package var rotationGrace = Duration.days(7)
    /// `CERTCTL_OCSP_RESPONSE_VALIDITY`.
    package var responseValidity = Duration.hours(4)

    package init() {}

    /// An answer of this age is signed anew.
    var refreshAge: Duration { responseValidity / 2 }
    /// An answer of this age is signed anew in the background, so that nobody waits for it.
    var presignAge: Duration { responseValidity * 3 / 8 }
    /// How often the background looks.
    package var presignInterval: Duration { min(max(responseValidity / 16, .seconds(1)), .minutes(10)) }
}

/// What the figures of OCSP are made of.
package struct OCSPObservers: Sendable {
    /// The events of `certctl_ocsp_counter_total`.
    package enum Event: String, Sendable, CaseIterable {
        case requestGET = "request_get"
        case requestPOST = "request_post"
        case requestSuccess = "request_success"
        case requestInvalid = "request_invalid"
        case issuerNotFound = "issuer_not_found"
        case certificateNotFound = "cert_not_found"
        case signingFailed = "signing_failed"
        case nonceEchoed = "nonce_echoed"
        case nonceMalformed = "nonce_malformed"
        case rateLimited = "rate_limited"
    }

    /// Where an answer came from that was not signed for its request.
    package enum Tier: String, Sendable, CaseIterable { case memory, database }

    package var count: @Sendable (Event) -> Void = { _ in }
    package var signed: @Sendable (Duration, _ driver: String) -> Void = { _, _ in }
    package var hit: @Sendable (Tier) -> Void = { _ in }
    package var failed: @Sendable (_ authority: AuthorityID, any Error) -> Void = { _, _ in }

    package init() {}
}

/// Where keys of responders lie when they are files of the server instead of sealed values of the database.
package struct OCSPKeyFiles: Sendable {
    /// The place of an authority's key; the same at any time.
    package let path: @Sendable (_ authority: AuthorityID) -> String
    /// The key in PEM; `nil` when there is no file.
    package let read: @Sendable (_ path: String) async throws -> Secret?
    package let write: @Sendable (_ path: String, Secret) async throws -> Void

    package init(
        path: @escaping @Sendable (_ authority: AuthorityID) -> String,
        read: @escaping @Sendable (_ path: String) async throws -> Secret?,
        write: @escaping @Sendable (_ path: String, Secret) async throws -> Void
    ) {
        self.path = path
        self.read = read
        self.write = write
    }
}
