/// The closed list of errors that an API client can observe (specification, rest-api §3.2).
///
/// One exhaustive table maps a code to its HTTP status; adding a case breaks the build until it has one.
package enum ErrorCode: String, Sendable, CaseIterable {
    case malformedJSON = "malformed_json"
    case invalidParameter = "invalid_parameter"
    case invalidCursor = "invalid_cursor"
    case validationFailed = "validation_failed"
    case unauthenticated
    case invalidAPIKey = "invalid_api_key"
    case sessionExpired = "session_expired"
    case sessionRevoked = "session_revoked"
    case ambiguousCredentials = "ambiguous_credentials"
    case csrfFailed = "csrf_failed"
    case insufficientPermissions = "insufficient_permissions"
    case privilegeEscalation = "privilege_escalation"
    case sentinelAgent = "sentinel_agent"
    case agentIdentityMismatch = "agent_identity_mismatch"
    case selfApprovalForbidden = "self_approval_forbidden"
    case notFound = "not_found"
    case routeNotFound = "route_not_found"
    case methodNotAllowed = "method_not_allowed"
    case notAcceptable = "not_acceptable"
    case alreadyExists = "already_exists"
    case inUse = "in_use"
    case invalidState = "invalid_state"
    case systemRole = "system_role"
    case lastAdministrator = "last_admin"
    case auditorOverlap = "auditor_overlap"
    case renewalInProgress = "renewal_in_progress"
    case alreadyDecided = "already_decided"
    case staleApproval = "stale_approval"
    case approvalRequired = "approval_required"
    case confirmationRequired = "confirmation_required"
    case blockedByDependencies = "blocked_by_dependencies"
    case idempotencyInProgress = "idempotency_in_progress"
    case agentRetired = "agent_retired"
    case bootstrapDisabled = "bootstrap_disabled"
    case preconditionFailed = "precondition_failed"
    case bodyTooLarge = "body_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case unprocessable
    case unknownReference = "unknown_reference"
    case idempotencyMismatch = "idempotency_mismatch"
    case policyViolation = "policy_violation"
    case unparseableCertificate = "unparseable_certificate"
    case rateLimited = "rate_limited"
    case headerTooLarge = "header_too_large"
    case requestTimeout = "request_timeout"
    case internalError = "internal"
    case notSupportedByIssuer = "not_supported_by_issuer"
    case upstreamFailed = "upstream_failed"
    case upstreamTimeout = "upstream_timeout"
    case unavailable
    case transient

    /// The HTTP status of the code.
    package var status: Int {
        switch self {
        case .malformedJSON, .invalidParameter, .invalidCursor, .validationFailed, .ambiguousCredentials: 400
        case .unauthenticated, .invalidAPIKey, .sessionExpired, .sessionRevoked: 401
        case .insufficientPermissions, .privilegeEscalation, .sentinelAgent, .agentIdentityMismatch, .csrfFailed,
            .selfApprovalForbidden:
            403
        case .notFound, .routeNotFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .requestTimeout: 408
        case .alreadyExists, .inUse, .invalidState, .renewalInProgress, .blockedByDependencies,
            .idempotencyInProgress, .systemRole, .lastAdministrator, .auditorOverlap, .alreadyDecided,
            .staleApproval, .approvalRequired, .confirmationRequired:
            409
        case .agentRetired, .bootstrapDisabled: 410
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .unprocessable, .unknownReference, .idempotencyMismatch, .policyViolation, .unparseableCertificate: 422
        case .rateLimited: 429
        case .headerTooLarge: 431
        case .internalError: 500
        case .notSupportedByIssuer: 501
        case .upstreamFailed: 502
        case .upstreamTimeout: 504
        case .unavailable, .transient: 503
        }
    }
}

/// One field of a request that is wrong, addressed by a JSON pointer (RFC 6901).
package struct FieldProblem: Hashable, Sendable {
    package let pointer: String
    /// Stable, snake_case: `required`, `invalid_hostname`, `too_long` …
    package let code: String
    package let detail: String

    package init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }
}

/// A failure that a caller caused or can act upon. Everything else is an internal error.
package struct ServiceError: Error, Sendable {
    package let code: ErrorCode
    /// What happened and what to do; shown to the caller as it is, so it never holds a secret.
    package let detail: String
    package let problems: [FieldProblem]
    /// Numbers a client may show, such as the dependents that block a deletion.
    package let counts: [String: Int]
    package let retryAfter: Duration?
    /// The version of the row that a precondition did not meet, for the entity tag of the answer.
    package let currentVersion: Int?
    /// Permissions that the caller would need, with a refusal of what exceeds its own.
    package let missing: [String]

    package init(
        _ code: ErrorCode,
        _ detail: String,
        problems: [FieldProblem] = [],
        counts: [String: Int] = [:],
        retryAfter: Duration? = nil,
        currentVersion: Int? = nil,
        missing: [String] = []
    ) {
        self.code = code
        self.detail = detail
        self.problems = problems
        self.counts = counts
        self.retryAfter = retryAfter
        self.currentVersion = currentVersion
        self.missing = missing
    }
}
