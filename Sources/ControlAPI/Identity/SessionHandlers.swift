import APIContract
import Access
import Domain
import HTTPServing
import HTTPTypes
import Store

/// Browser sessions: begun, shown, ended (specification, rest-api §7.27, §8.2, security §5.6).
struct SessionHandlers: Sendable {
    let signIn: SignInServices

    func register(in handlers: inout HandlerTable) {
        handlers.on(SignInRoutes.exchange, exchange)
        handlers.on(SignInRoutes.logout, logout)
        handlers.on(SignInRoutes.breakglassLogin, login)
        handlers.on(SignInRoutes.listSessions, list)
        handlers.on(SignInRoutes.revokeSession, revoke)
        handlers.on(SignInRoutes.revokeSessions, revokeAll)
        handlers.on(SignInRoutes.rotateSessionKey, rotateKey)
    }

    private func exchange(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let opened = try await signIn.sessions.exchange(context.principal, at: context.request.place)
        var response = OutgoingResponse.json(SessionBody(opened.session, current: opened.session.id), status: 201)
        response.setCookies(signIn.cookies.setting(opened.credentials, at: signIn.time.now))
        return response
    }

    /// The pipeline has seen to it that one of our pages asks, where there is a session.
    private func logout(_ context: PublicContext) async throws -> OutgoingResponse {
        if let cookie = SessionCookies.session(in: context.fields),
            case .session(let session) = try await signIn.recogniser.authenticate(
                cookie, from: context.clientAddress, userAgent: context.fields[.userAgent] ?? "")
        {
            try await signIn.sessions.logout(session.principal, origin: context.request.origin)
        }
        var response = OutgoingResponse.noContent
        response.setCookies(signIn.cookies.clearing)
        return response
    }

    /// What cannot be read is refused like what is wrong.
    private func login(_ context: PublicContext) async throws -> OutgoingResponse {
        let request: BreakglassLoginRequest
        do {
            request = try context.request.decode()
        } catch {
            throw BreakglassFlow.refused
        }
        let attempt = BreakglassAttempt(
            actorID: request.actorID, password: Secret(request.password), code: Secret(request.code))
        let opened = try await signIn.breakglass.signIn(attempt, at: context.request.place)
        var response = OutgoingResponse.noContent
        response.setCookies(signIn.cookies.setting(opened.credentials, at: signIn.time.now))
        return response
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let actor = try Self.subject(context)
        let current = context.principal.signIn?.session
        let found = try await signIn.sessions.live(of: actor)
        return .json(SessionsAnswer { $0.sessions = found.map { SessionBody($0, current: current) } })
    }

    private func revoke(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await signIn.sessions.revoke(
            try context.request.id(), by: context.principal, within: context.clearance, origin: context.request.origin)
        return .noContent
    }

    private func revokeAll(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let keepsCurrent = context.query.text("except") == "current"
        guard keepsCurrent || context.query.text("actor_id") != nil else {
            throw ServiceError(.invalidParameter, "give except=current, or actor_id")
        }
        let count = try await signIn.sessions.revokeAll(
            of: try Self.subject(context), exceptCurrent: keepsCurrent, by: context.principal,
            within: context.clearance, origin: context.request.origin)
        return .json(RevokedSessionsAnswer { $0.count = count })
    }

    private func rotateKey(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let rotated = try await signIn.keys.rotate(by: context.authorship)
        return .json(
            RotatedSessionKeyAnswer {
                $0.id = rotated.id
                $0.createdAt = rotated.createdAt
                $0.retiredID = rotated.retiredID
                $0.retiredValidUntil = rotated.retiredValidUntil
            })
    }

    /// Whose sessions are meant: the caller's, or anybody's for those whom the gate lets go further.
    private static func subject(_ context: AuthenticatedContext) throws(ServiceError) -> Actor {
        let own = context.principal.actor
        guard let id = context.query.text("actor_id") else { return own }
        let type = context.query.text("actor_type").flatMap { ActorType(rawValue: $0) } ?? .user
        let actor = Actor(id: id, type: type)
        guard actor == own || context.clearance.reach.isEverywhere else {
            throw ServiceError(.insufficientPermissions, "these are the sessions of another actor")
        }
        return actor
    }
}

extension RequestContext {
    fileprivate var place: SignInPlace { SignInPlace(origin: origin, userAgent: fields[.userAgent] ?? "") }
}

extension SessionBody {
    fileprivate init(_ session: Session, current: SessionID?) {
        self.init {
            $0.id = session.id
            $0.actorID = session.actor.id
            $0.actorType = session.actor.type
            $0.method = session.method
            $0.authTime = session.authTime
            $0.ipAddress = session.address.isEmpty ? nil : session.address
            $0.userAgent = session.userAgent.isEmpty ? nil : session.userAgent
            $0.createdAt = session.createdAt
            $0.lastSeenAt = session.lastSeenAt
            $0.idleExpiresAt = session.idleExpiresAt
            $0.absoluteExpiresAt = session.absoluteExpiresAt
            $0.isRevoked = session.revokedAt != nil
            $0.isCurrent = session.id == current
        }
    }
}
