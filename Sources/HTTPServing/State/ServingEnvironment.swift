package import APIContract
package import Access
package import Domain
package import HTTPTypes
package import Logging
package import Telemetry

/// Recognises a credential. Store failures are thrown; they are never "no" and never "yes".
package protocol RequestAuthenticator: Sendable {
    /// `nil` for a credential that is unknown, expired or disabled: the three look the same to a caller. The client's
    /// address is for keys bound to networks and for `last_used_ip`.
    func authenticate(bearer token: Secret, from address: String) async throws -> Principal?

    /// Whether a principal that is no agent, and is not trusted with agents either, may do the work of one.
    func mayAct(_ principal: Principal, as agent: AgentID) async throws -> Bool

    /// The session behind a cookie, or why there is none.
    func authenticate(session token: Secret, from address: String, userAgent: String) async throws -> SessionOutcome

    /// Other cookies for a safe request, when the session is due for them.
    func renew(_ session: RecognisedSession, knowing csrf: Secret?) async throws -> SessionCredentials?
}

/// What the pipeline needs beside routes and handlers.
package struct ServingEnvironment: Sendable {
    package var state: ServingState
    package var authenticator: any RequestAuthenticator
    /// Set only when authentication is switched off: every request is then this principal.
    package var anonymousPrincipal: Principal?
    package var cookies = SessionCookies()
    package var rateLimits: RateLimits
    package var largeBodies = LargeBodies()
    package var idempotency: (any IdempotencyKeeper)?
    package var time: TimeSource
    package var random: RandomSource
    /// What a client is told of an error that is none of the service's own, such as one of the database; `nil`: 500.
    package var explain: @Sendable (any Error) -> ServiceError? = { _ in nil }
    /// Told of every request that is refused with 401, 403 or 429, for the audit trail; must not wait.
    package var refused: @Sendable (RequestRefusal) -> Void = { _ in }
    /// Why a request that changes something is refused now, whoever asks; `nil` lets it through.
    package var refusesChange: @Sendable (Route) async throws -> ServiceError? = { _ in nil }
    /// Renders what the pipeline refuses of a request of the ACME protocol.
    package var renderACMERefusal: (@Sendable (PipelineRefusal) -> OutgoingResponse)?
    package var logger: Logger
    package let metrics: HTTPMetrics
    /// What changes while the server runs.
    package let rules = ServingRules()
    let dates = DateField()

    package init(
        state: ServingState, authenticator: any RequestAuthenticator, registry: MetricsRegistry, logger: Logger,
        time: TimeSource, random: RandomSource
    ) {
        self.state = state
        self.authenticator = authenticator
        self.time = time
        self.random = random
        self.logger = logger
        metrics = HTTPMetrics(registry)
        rateLimits = RateLimits(settings: RateLimitSettings())
    }
}

/// What the pipeline refused before any handler, for a protocol whose errors have a form of their own.
package struct PipelineRefusal: Sendable {
    package let status: Int
    package let detail: String
    package let requestID: String
    package let path: String
    package let authority: String?
    package let fields: HTTPFields
    package let peerAddress: String
}
