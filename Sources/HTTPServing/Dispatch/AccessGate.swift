import APIContract
import Access
import Domain
import HTTPTypes

/// Proof that the access decision of a route was made for a principal. Only this file makes one, and the context of a
/// protected handler cannot be made without it.
struct Authorisation: Sendable {
    let principal: Principal
    let clearance: Clearance

    fileprivate init(_ principal: Principal, _ clearance: Clearance) {
        self.principal = principal
        self.clearance = clearance
    }
}

/// Rate limits, authentication and the access decision: the one place where a route's `access` is read.
struct AccessGate: Sendable {
    enum Caller: Sendable {
        case nobody
        case authorised(Authorisation)
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
        if !countsLater { try await countAddress(route, address, &added) }
        switch route.access {
        case .open: return .nobody
        case .permissionOrEnrolmentToken:
            if let token = try enrolmentToken(head) {
                try note(try await limits.attempt(.enrolment, from: address, at: environment.time.now), &added)
                return .token(token)
            }
        case .authenticated, .permission, .agentSelf, .ownAgentOr, .ownKeyOr, .selfOr: break
        }
        let principal = try await principal(credential, address)
        recognised(principal)
        try await count(principal, route, address, countsLater, &added)
        return .authorised(Authorisation(principal, try await decide(route, parameters, principal)))
    }

    /// The access decision: how far the principal may go on the route, or why not at all.
    ///
    /// An agent is confined to the routes that agents use for themselves, whatever its role allows.
    private func decide(
        _ route: Route, _ parameters: [String], _ principal: Principal
    ) async throws -> Clearance {
        let subject = parameters.first ?? ""
        switch route.access {
        case .open, .authenticated: return .withoutPermission
        case .permission(let permission), .permissionOrEnrolmentToken(let permission):
            guard !principal.isAgent || route.routeClass == .agent else { throw Problem.forbidden(permission) }
            return try Self.clearance(for: permission, of: principal, on: route, subject)
        case .agentSelf(let permission):
            let clearance = try Self.clearance(for: permission, of: principal, on: route, subject)
            try principal.requireIdentity(of: AgentID(stored: subject))
            // Whoever acts for an agent without being it is trusted with agents, or shares the key of that one.
            if principal.isAgent || principal.holds(.agentEdit) { return clearance }
            let agent = AgentID(stored: subject)
            guard try await environment.authenticator.mayAct(principal, as: agent) else {
                throw ServiceError(.agentIdentityMismatch, "this key does not belong to the agent \(agent.text)")
            }
            return clearance
        case .ownAgentOr(let permission):
            guard principal.isAgent else {
                return try Self.clearance(for: permission, of: principal, on: route, subject)
            }
            try principal.requireIdentity(of: AgentID(stored: subject))
            return .withoutPermission
        case .ownKeyOr(let permission):
            // Both spellings of the caller's own key. A key can be given the name that another has for its identifier, so
            // whoever acts on the key that is found compares again.
            let isOwnName = principal.actor.type == .apiKey && subject == principal.actor.id
            if !principal.isAgent, isOwnName || (principal.credentialID != nil && subject == principal.credentialID) {
                return .withoutPermission
            }
            return try Self.clearance(for: permission, of: principal, on: route, subject)
        case .selfOr(let permission):
            guard !principal.isAgent else { throw Problem.forbidden(permission) }
            return principal.rights.clearance(for: permission) ?? .withoutPermission
        }
    }

    /// What a permission lets a principal do on a route. A route without a scope mark needs it everywhere; an object
    /// that lies outside the caller's scopes is not there.
    private static func clearance(
        for permission: Permission, of principal: Principal, on route: Route, _ subject: String
    ) throws -> Clearance {
        guard let clearance = principal.rights.clearance(for: permission) else {
            throw Problem.forbidden(permission)
        }
        switch route.scope {
        case nil:
            guard clearance.reach.isEverywhere else { throw Problem.forbidden(permission) }
        case .issuer:
            guard clearance.covers(ObjectScopes(issuer: IssuerID(stored: subject))) else { throw notVisible }
        case .profile:
            guard clearance.covers(ObjectScopes(profile: ProfileID(stored: subject))) else { throw notVisible }
        case .object, .list: break
        }
        return clearance
    }

    private static let notVisible = ServiceError(.notFound, "there is no such resource")

    private func principal(_ credential: String?, _ address: String) async throws -> Principal {
        if let anonymous = environment.anonymousPrincipal {
            // Agents and keys stay who they are; nobody else is refused.
            guard let credential, let token = Self.bearer(credential) else { return anonymous }
            return try await environment.authenticator.authenticate(bearer: token, from: address) ?? anonymous
        }
        guard let credential else { throw Problem.missingCredential }
        guard let token = Self.bearer(credential) else { throw Problem.malformedCredential }
        let limits = environment.rateLimits
        if let refusal = limits.authenticationRefusal(address, at: environment.time.now) {
            throw Problem.limited(refusal)
        }
        if let principal = try await environment.authenticator.authenticate(bearer: token, from: address) {
            return principal
        }
        let outcome = try await limits.failedAuthentication(address, at: environment.time.now)
        throw outcome.verdict.isAllowed ? Problem.unknownCredential : Problem.limited(outcome)
    }

    /// An enrolment token in its own field, or in place of a bearer key; both kinds of token carry a prefix.
    private func enrolmentToken(_ head: HTTPRequest) throws -> Secret? {
        if let token = head.headerFields[.enrolmentToken], !token.isEmpty { return Secret(token) }
        guard let credential = head.headerFields[.authorization], let text = Self.bearerText(credential) else {
            return nil
        }
        return text.hasPrefix("ce_") ? Secret(String(text)) : nil
    }

    private func countAddress(_ route: Route, _ address: String, _ added: inout HTTPFields) async throws {
        let now = environment.time.now
        if route.rateClass != .unlimited, let outcome = environment.rateLimits.address(address, at: now) {
            try noteCapacity(outcome, &added)
        }
        if route.rateClass == .bootstrap {
            try note(try await environment.rateLimits.attempt(.bootstrap, from: address, at: now), &added)
        }
    }

    private func count(
        _ principal: Principal, _ route: Route, _ address: String, _ countsAddress: Bool, _ added: inout HTTPFields
    ) async throws {
        let (limits, now) = (environment.rateLimits, environment.time.now)
        if route.rateClass == .export { try note(try await limits.export(by: principal.actor, at: now), &added) }
        guard route.rateClass != .unlimited, !limits.isExempt(principal) else { return }
        if countsAddress { try await countAddress(route, address, &added) }
        guard let outcome = limits.actor(principal.actor, at: now) else { return }
        try noteCapacity(outcome, &added)
    }

    private func noteCapacity(_ outcome: LimitOutcome, _ added: inout HTTPFields) throws {
        if !outcome.verdict.isAllowed { environment.metrics.limited(by: outcome.name) }
        try note(outcome, &added)
    }

    private func note(_ outcome: LimitOutcome, _ added: inout HTTPFields) throws {
        added[.rateLimitPolicy] = outcome.policyField
        added[.rateLimit] = outcome.field
        guard !outcome.verdict.isAllowed else { return }
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
