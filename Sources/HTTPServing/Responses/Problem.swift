import APIContract
import Domain
import Encoding
import HTTPTypes

/// An error on its way to a client, before it is rendered in one of the two forms (specification, rest-api §3.2).
struct Problem: Error, Sendable {
    let status: Int
    let code: String
    /// The compatible member `error`, where older clients know it by a fixed text.
    var error: String
    var detail: String
    var problems: [FieldProblem] = []
    var counts: [String: Int] = [:]
    var requiredPermission: String?
    var missing: [String] = []
    var step: String?
    var fields = HTTPFields()

    init(status: Int, code: String, error: String? = nil, detail: String) {
        self.status = status
        self.code = code
        self.error = error ?? ReasonPhrase.of(status)
        self.detail = detail
    }

    init(_ error: ServiceError) {
        self.init(status: error.code.status, code: error.code.rawValue, detail: error.detail)
        problems = error.problems
        counts = error.counts
        missing = error.missing
        switch error.code {
        case .blockedByDependencies: self.error = error.code.rawValue
        case .insufficientPermissions: self.error = "Insufficient permissions"
        case .unauthenticated, .invalidAPIKey: fields[.wwwAuthenticate] = Self.challenge(error: "invalid_token")
        case .transient: self.error = "transient backend error; retry"
        default: break
        }
        if let version = error.currentVersion { fields[.eTag] = EntityTag.of(version: version) }
        if let retryAfter = error.retryAfter {
            fields[.retryAfter] = String(max(1, Int(retryAfter.inSeconds.rounded(.up))))
        } else if [.transient, .unavailable, .idempotencyInProgress].contains(error.code) {
            fields[.retryAfter] = "1"
        }
    }

    static func challenge(error: String? = nil) -> String {
        let suffix = error.map { ", error=\"\($0)\"" } ?? ""
        return "Bearer realm=\"certctl\"\(suffix)"
    }

    static let missingCredential: Problem = {
        var problem = Problem(
            status: 401, code: "unauthenticated", error: "Authorization header required",
            detail: "send Authorization: Bearer <api key>"
        )
        problem.fields[.wwwAuthenticate] = challenge()
        return problem
    }()

    static let malformedCredential: Problem = {
        var problem = Problem(
            status: 401, code: "unauthenticated",
            error: "Invalid Authorization header format, expected: Bearer <token>",
            detail: "the Authorization field must be: Bearer <api key>"
        )
        problem.fields[.wwwAuthenticate] = challenge(error: "invalid_request")
        return problem
    }()

    static let unknownCredential: Problem = {
        var problem = Problem(
            status: 401, code: "invalid_api_key", error: "Invalid API key",
            detail: "the API key is unknown, expired or disabled"
        )
        problem.fields[.wwwAuthenticate] = challenge(error: "invalid_token")
        return problem
    }()

    static func forbidden(_ permission: Permission) -> Problem {
        var problem = Problem(
            status: 403, code: "insufficient_permissions", error: "Insufficient permissions",
            detail: "this needs the permission \(permission.rawValue)"
        )
        problem.requiredPermission = permission.rawValue
        problem.fields[.wwwAuthenticate] = challenge(error: "insufficient_scope")
        return problem
    }

    static func bodyTooLarge(limit: Int) -> Problem {
        Problem(status: 413, code: "body_too_large", detail: "the body may be at most \(limit) bytes long")
    }

    static func limited(_ outcome: LimitOutcome) -> Problem {
        var problem = Problem(
            status: 429, code: "rate_limited", error: "Rate limit exceeded",
            detail: "too many requests; wait \(max(1, outcome.retrySeconds)) s"
        )
        if outcome.name == "export" { problem.error = "rate_limit_exceeded" }
        problem.fields[.retryAfter] = String(max(1, outcome.retrySeconds))
        return problem
    }

    static let routeNotFound = Problem(
        status: 404, code: "route_not_found",
        detail: "there is nothing at this path; GET /api/v1/openapi.json lists what is"
    )

    static func methodNotAllowed(_ allowed: String) -> Problem {
        var problem = Problem(
            status: 405, code: "method_not_allowed", detail: "this path accepts \(allowed)"
        )
        problem.fields[.allow] = allowed
        return problem
    }

    /// For everything unforeseen: says nothing about the cause.
    static let unforeseen = Problem(
        status: 500, code: "internal",
        detail: "the server could not complete the request; its log has the reason under the request id"
    )

    static func starting(_ step: String) -> Problem {
        var problem = Problem(status: 503, code: "unavailable", detail: "the server is starting: \(step)")
        problem.step = step
        problem.fields[.retryAfter] = "1"
        return problem
    }
}

extension Problem {
    /// The rendering that `Accept` asks for.
    func response(requestID: String, path: String, accepted: MediaRanges) -> OutgoingResponse {
        let asProblem =
            accepted.lists("application/problem+json")
            && accepted.quality(of: "application/problem+json") >= accepted.quality(of: "application/json")
        var response =
            asProblem
            ? OutgoingResponse.octets(status, "application/problem+json", problemBody(requestID, path).json.octets)
            : OutgoingResponse.octets(status, "application/json", body(requestID).json.octets)
        for field in fields { response.fields.append(field) }
        return response
    }

    private func body(_ requestID: String) -> ErrorBody {
        ErrorBody {
            $0.error = error
            $0.message = detail
            $0.requestID = requestID
            $0.code = code
            $0.errors = problems.isEmpty ? nil : problems.map(FieldProblemBody.init)
            $0.counts = counts.isEmpty ? nil : counts
            $0.requiredPermission = requiredPermission
            $0.missing = missing.isEmpty ? nil : missing
            $0.step = step
        }
    }

    private func problemBody(_ requestID: String, _ path: String) -> ProblemBody {
        ProblemBody {
            $0.type = "urn:certctl:error:\(code)"
            $0.title = ReasonPhrase.of(status)
            $0.status = status
            $0.detail = detail
            $0.instance = path
            $0.requestID = requestID
            $0.code = code
            $0.errors = problems.isEmpty ? nil : problems.map(FieldProblemBody.init)
            $0.counts = counts.isEmpty ? nil : counts
            $0.requiredPermission = requiredPermission
            $0.missing = missing.isEmpty ? nil : missing
            $0.step = step
        }
    }
}
