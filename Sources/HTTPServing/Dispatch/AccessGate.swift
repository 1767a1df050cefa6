import APIContract
import Access
import Domain
import HTTPTypes

/// Rate limits, authentication and the access decision: the one place where a route's `access` is read.
struct AccessGate: Sendable {
    enum Caller: Sendable {
        case nobody
        case principal(Principal)
        case token(Secret)
    }

    let environment: ServingEnvironment

    /// `recognised` hears of the principal before the decision, for the access line.
    func admit(
        _ route: Route, _ parameters: [String], _ head: HTTPRequest, _ address: String, _ added: inout HTTPFields,
        recognised: (Principal) -> Void
    ) async throws -> Caller {
        let credential = head.headerFields[.authorization]
        let limits = environment.rateLimits
        let countsLater = limits.countsAddressAfterAuthentication && credential != nil && route.access != .open
        if !countsLater { try countAddress(route, address, &added) }
        switch route.access {
        case .open: return .nobody
        case .permissionOrEnrolmentToken(let permission):
            if let token = try enrolmentToken(head) { return .token(token) }
            let principal = try await principal(credential, address)
            recognised(principal)
            try count(principal, route, address, countsLater, &added)
            guard principal.holds(permission) else { throw Problem.forbidden(permission) }
            return .principal(principal)
        case .authenticated, .permission, .agentSelf, .ownAgentOr, .ownKeyOr:
            let principal = try await principal(credential, address)
            recognised(principal)
            try count(principal, route, address, countsLater, &added)
            try decide(route, parameters, principal)
            return .principal(principal)
        }
    }

    /// The access decision.
    private func decide(_ route: Route, _ parameters: [String], _ principal: Principal) throws {
        switch route.access {
        case .open, .authenticated, .permissionOrEnrolmentToken: return
        case .permission(let permission):
            guard principal.holds(permission) else { throw Problem.forbidden(permission) }
        case .agentSelf(let permission):
            guard principal.holds(permission) else { throw Problem.forbidden(permission) }
            try principal.requireIdentity(of: AgentID(stored: parameters.first ?? ""))
        case .ownAgentOr(let permission):
            if let agent = principal.agentID {
                guard agent.text == parameters.first else {
                    try principal.requireIdentity(of: AgentID(stored: parameters.first ?? ""))
                    return
                }
                return
            }
            guard principal.holds(permission) else { throw Problem.forbidden(permission) }
        case .ownKeyOr(let permission):
            // By identifier alone: a key can be given the name that another key has for its identifier.
            let isOwn = principal.credentialID != nil && parameters.first == principal.credentialID
            guard isOwn || principal.holds(permission) else { throw Problem.forbidden(permission) }
        }
    }

    private func principal(_ credential: String?, _ address: String) async throws -> Principal {
        guard let credential else {
            if let anonymous = environment.anonymousPrincipal { return anonymous }
            throw Problem.missingCredential
        }
        guard let token = Self.bearer(credential) else { throw Problem.malformedCredential }
        let attempts = environment.rateLimits.authentication(address, at: environment.time.now)
        guard attempts.verdict.isAllowed else {
            environment.metrics.limited(by: attempts.name)
            throw Problem.limited(attempts)
        }
        guard let principal = try await environment.authenticator.authenticate(bearer: token, from: address) else {
            environment.rateLimits.noteFailedAuthentication(address, at: environment.time.now)
            throw Problem.unknownCredential
        }
        return principal
    }

    /// An enrolment token in its own field, or in place of a bearer key; both kinds of token carry a prefix.
    private func enrolmentToken(_ head: HTTPRequest) throws -> Secret? {
        if let token = head.headerFields[.enrolmentToken], !token.isEmpty { return Secret(token) }
        guard let credential = head.headerFields[.authorization], let text = Self.bearerText(credential) else {
            return nil
        }
        return text.hasPrefix("ce_") ? Secret(String(text)) : nil
    }

    private func countAddress(_ route: Route, _ address: String, _ added: inout HTTPFields) throws {
        switch route.rateClass {
        case .unlimited: return
        case .bootstrap: try note(environment.rateLimits.bootstrap(address, at: environment.time.now), &added)
        case .general:
            guard let outcome = environment.rateLimits.address(address, at: environment.time.now) else { return }
            try note(outcome, &added)
        }
    }

    private func count(
        _ principal: Principal, _ route: Route, _ address: String, _ countsAddress: Bool, _ added: inout HTTPFields
    ) throws {
        guard route.rateClass != .unlimited, !environment.rateLimits.isExempt(principal) else { return }
        if countsAddress { try countAddress(route, address, &added) }
        guard let outcome = environment.rateLimits.actor(principal.actor.id, at: environment.time.now) else { return }
        try note(outcome, &added)
    }

    private func note(_ outcome: LimitOutcome, _ added: inout HTTPFields) throws {
        added[.rateLimitPolicy] = outcome.policyField
        added[.rateLimit] = outcome.field
        guard !outcome.verdict.isAllowed else { return }
        environment.metrics.limited(by: outcome.name)
        throw Problem.limited(outcome)
    }

    private static func bearer(_ credential: String) -> Secret? { bearerText(credential).map { Secret(String($0)) } }

    /// The scheme is matched without regard to case (RFC 9110 §11.1).
    private static func bearerText(_ credential: String) -> Substring? {
        let parts = credential.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].contains(" "), parts[1].utf8.count <= 1024
        else { return nil }
        return parts[1]
    }
}
