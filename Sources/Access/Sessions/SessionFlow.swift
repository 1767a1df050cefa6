package import Domain
import Encoding
package import Query
import Sealing
package import Store

/// Where somebody signs in from.
package struct SignInPlace: Sendable {
    package let origin: RequestOrigin
    package let userAgent: String

    package init(origin: RequestOrigin, userAgent: String) {
        self.origin = origin
        self.userAgent = SessionFlow.printable(userAgent)
    }
}

/// A session that has just begun.
package struct OpenedSession: Sendable {
    package let session: Session
    package let credentials: SessionCredentials
}

/// Begins, lists and ends browser sessions (specification, security §5.6).
package struct SessionFlow: Sendable {
    private static let purgeBatch = 500

    private let context: AccessContext
    private let keyring: SessionKeyring
    private let policy: SessionPolicy
    private let store = SessionStore()
    private let limiter: AttemptLimiter

    /// - `limiter`: Counts sign-ins by address, together with the other replicas.
    package init(
        _ context: AccessContext, keyring: SessionKeyring, policy: SessionPolicy,
        limiter: AttemptLimiter = AttemptLimiter()
    ) {
        self.context = context
        self.keyring = keyring
        self.policy = policy
        self.limiter = limiter
    }

    /// Exchanges the API key that a request came with for a session: same actor, same roles, ended with the key.
    ///
    /// Throws 403 for agents and for keys that are not for people, 409 when the request came with a session.
    package func exchange(_ principal: Principal, at place: SignInPlace) async throws -> OpenedSession {
        try await limiter.admitSignIn(.sessionExchange, from: place.origin.clientAddress, at: context.time.now)
        guard principal.signIn == nil else {
            throw ServiceError(.invalidState, "this request came with a session; a session begins with an API key")
        }
        guard principal.actor.type == .apiKey, principal.boundAgent == nil, let credential = principal.credentialID
        else { throw Self.notForPeople }
        let key = try await keyring.current()
        let author = principal.authorship(from: place.origin, clearance: .withoutPermission)
        return try await context.database.act { [self] tx in
            guard let stored = try KeyStore().lock(name: principal.actor.id, in: tx), stored.id.text == credential,
                stored.isUsable(at: tx.now)
            else { throw ServiceError(.invalidAPIKey, "the API key has just ended") }
            guard try !KeyCustodyStore().custody(of: stored.id, in: tx).mayNotLogin else { throw Self.notForPeople }
            let end = min(tx.now + policy.absoluteTimeout, stored.expiresAt ?? tx.now + policy.absoluteTimeout)
            return try open(
                principal.actor, .apiKey, credential: stored.id, until: end, signedBy: key, at: place, by: author,
                in: tx)
        }
    }

    /// Begins a session in the transaction of the caller, which holds the row of key or user.
    func open(
        _ actor: Actor, _ method: SignInMethod, credential: APIKeyID?, until end: Timestamp,
        signedBy key: SessionMACKey, at place: SignInPlace, by author: Authorship, in tx: any Transaction
    ) throws -> OpenedSession {
        for oldest in try store.live(of: actor, in: tx).dropFirst(policy.maxPerUser - 1) {
            if try store.revoke(oldest.id, cause: .displaced, in: tx) {
                try record("auth.session_revoked", oldest, ["cause": "displaced"], by: author, in: tx)
            }
        }
        let token = SessionToken.generate(signedBy: key, random: context.random)
        let csrfToken = CSRFToken.generate(random: context.random)
        let session = try store.insert(
            NewSession(
                id: SessionID(generatedAt: tx.now, random: context.random), idHash: token.idHash, actor: actor,
                method: method, credentialID: credential, signingKeyID: token.keyID,
                csrfTokenHash: CSRFToken.hash(csrfToken), address: place.origin.clientAddress,
                userAgent: place.userAgent, idleExpiresAt: min(tx.now + policy.idleTimeout, end),
                absoluteExpiresAt: end
            ),
            in: tx
        )
        try record("auth.session_created", session, ["method": .string(method.rawValue)], by: author, in: tx)
        let credentials = SessionCredentials(token: token.text, csrfToken: csrfToken, endsAt: end)
        return OpenedSession(session: session, credentials: credentials)
    }

    // MARK: Looking and ending

    package func live(of actor: Actor) async throws -> [Session] {
        try await context.database.read { [store] tx in try store.live(of: actor, in: tx) }
    }

    /// Ends one session: the caller's own, or anybody's with the permission to. Others are not there.
    package func revoke(
        _ id: SessionID, by principal: Principal, within clearance: Clearance, origin: RequestOrigin
    ) async throws {
        let author = principal.authorship(from: origin, clearance: clearance)
        try await context.change("auth.session_revoked", id.text, by: author) { [self] tx in
            guard let session = try store.find(id, in: tx),
                session.actor == principal.actor || clearance.reach.isEverywhere,
                try store.revoke(id, cause: .revoked, in: tx)
            else { throw ServiceError(.notFound, "there is no session \(id.text)") }
            try record("auth.session_revoked", session, ["cause": "revoked"], by: author, in: tx)
        }
    }

    /// Ends the sessions of an actor, but for the one that the request came with; how many.
    package func revokeAll(
        of actor: Actor, exceptCurrent keepsCurrent: Bool, by principal: Principal, within clearance: Clearance,
        origin: RequestOrigin
    ) async throws -> Int {
        let author = principal.authorship(from: origin, clearance: clearance)
        let action = keepsCurrent ? "auth.sessions_revoked_all_except_current" : "auth.sessions_revoked_for_actor"
        return try await context.change(action, actor.id, by: author) { [self] tx in
            let kept = keepsCurrent ? principal.signIn?.session : nil
            let count = try store.revokeAll(of: actor, except: kept, cause: .revoked, in: tx)
            let details: JSONObject = [
                "actor_type": .string(actor.type.rawValue), "revoked_count": .integer(Int64(count)),
            ]
            try context.recorder.record(action, "actor", actor.id, details: details, by: author, in: tx)
            return count
        }
    }

    /// Ends the session that the caller came with.
    package func logout(_ principal: Principal, origin: RequestOrigin) async throws {
        guard let signIn = principal.signIn else { return }
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        try await context.change("auth.session_revoked", signIn.session.text, by: author) { [self] tx in
            guard try store.revoke(signIn.session, cause: .logout, in: tx),
                let session = try store.find(signIn.session, in: tx)
            else { return }
            try record("auth.session_revoked", session, ["cause": "logout"], by: author, in: tx)
        }
    }

    /// Deletes sessions that are over; how many went.
    ///
    /// - `check`: Whether this process still leads; in the transaction of the change.
    package func collect(_ check: @escaping @Sendable (any Transaction) throws -> Void) async throws -> Int {
        var count = 0
        while true {
            try Task.checkCancellation()
            let gone = try await context.database.write { [store] tx in
                try check(tx)
                return try store.purge(endedBefore: tx.now, limit: Self.purgeBatch, in: tx)
            }
            count += gone
            if gone < Self.purgeBatch { return count }
        }
    }

    private func record(
        _ action: String, _ session: Session, _ details: JSONObject, by author: Authorship, in tx: any Transaction
    ) throws {
        var details = details
        details["actor_id"] = .string(session.actor.id)
        try context.recorder.record(action, "session", session.id.text, details: details, by: author, in: tx)
    }

    /// What a client says of itself, fit to be shown: short, without control characters.
    static func printable(_ text: String) -> String {
        String(text.prefix(256).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
    }

    private static let notForPeople = ServiceError(
        .insufficientPermissions, "this credential does not open a browser session: it is not for people")
}
