import Access
import Domain
import HTTPTypes

/// Tells what the pages of this server ask for from what other pages make a browser ask for (specification, security
/// §5.5). Both have to be right: where the request comes from, and the token that only our pages can read.
struct CrossSiteGuard: Sendable {
    /// `https://certctl.example`; `nil` when the operator named none, so that it is the one the client speaks to.
    let publicOrigin: String?

    static func isChange(_ method: HTTPRequest.Method) -> Bool {
        ![.get, .head, .options].contains(method)
    }

    /// Whether a browser says that one of our pages asks. Without `Origin` it has to say so in `Sec-Fetch-Site`.
    func comesFromHere(_ head: HTTPRequest) -> Bool {
        guard let origin = head.headerFields[.origin] else {
            return head.headerFields[.fetchSite] == "same-origin"
        }
        return origin == publicOrigin ?? head.authority.map { "https://\($0.lowercased())" }
    }

    /// Whether a browser says that another page asks. Who is no browser says nothing.
    func comesFromElsewhere(_ head: HTTPRequest) -> Bool {
        if head.headerFields[.origin] != nil { return !comesFromHere(head) }
        return head.headerFields[.fetchSite].map { $0 != "same-origin" && $0 != "none" } ?? false
    }

    /// Refuses a change that came with a session but not from one of its pages.
    func check(_ session: RecognisedSession, _ head: HTTPRequest, at now: Timestamp) throws(Problem) {
        guard comesFromHere(head), let token = head.headerFields[.csrfToken],
            session.accepts(csrf: Secret(token), at: now)
        else { throw Problem.crossSite }
    }
}

extension Problem {
    static let crossSite = Problem(ServiceError(.csrfFailed, "repeat the value of the CSRF cookie in X-CSRF-Token"))

    static let ambiguousCredentials = Problem(
        ServiceError(
            .ambiguousCredentials, "the session cookie and the bearer key belong to different actors; send one of them")
    )

    /// Nobody is recognised: a cookie came, and why it does not count.
    static func endedSession(_ refusal: SessionRefusal) -> Problem {
        let code: ErrorCode =
            switch refusal {
            case .idleTimeout, .absoluteTimeout: .sessionExpired
            case .backChannelRevoked: .sessionRevoked
            case .invalidToken: .unauthenticated
            }
        var problem = Problem(
            status: 401, code: code.rawValue, error: "Authorization header required",
            detail: "the session is over or was never one; sign in again")
        problem.fields[.wwwAuthenticate] =
            challenge(error: "invalid_token") + ", error_description=\"\(refusal.rawValue)\""
        return problem
    }
}
