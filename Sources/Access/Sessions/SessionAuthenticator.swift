import Crypto
package import Domain
import Encoding
import Query
import Sealing
import Store
import Synchronization

/// A request that came with a session.
package struct RecognisedSession: Sendable {
    package let principal: Principal
    let session: Session

    /// Whether a page knows the CSRF token of the session, or the one that was just replaced.
    package func accepts(csrf token: Secret, at now: Timestamp) -> Bool {
        let hash = CSRFToken.hash(token)
        if ConstantTime.equal(hash, session.csrfTokenHash) { return true }
        guard let previous = session.previousCSRFTokenHash, now < session.csrfRotatedAt + SessionStore.overlap else {
            return false
        }
        return ConstantTime.equal(hash, previous)
    }
}

/// What presenting a session cookie led to.
package enum SessionOutcome: Sendable {
    case session(RecognisedSession)
    case refused(SessionRefusal)
}

/// Turns a session cookie into a principal (specification, security §5.3).
///
/// In this order: form, key, its retention, code, row, revocation, absolute and idle end, bindings, the actor. One HMAC
/// and one indexed read; a failing database is an error, never the end of a session.
package final class SessionAuthenticator: Sendable {
    private let database: any Database
    private let authenticator: Authenticator
    private let keyring: SessionKeyring
    private let policy: SessionPolicy
    private let time: TimeSource
    private let random: RandomSource
    private let recorder: AccessRecorder
    private let store = SessionStore()
    /// When a foreign place was last audited, for each session.
    private let audited = Mutex<[SessionID: Timestamp]>([:])

    package init(_ context: AccessContext, keyring: SessionKeyring, policy: SessionPolicy) {
        database = context.database
        authenticator = context.authenticator
        time = context.time
        random = context.random
        recorder = context.recorder
        self.keyring = keyring
        self.policy = policy
    }

    package func authenticate(
        _ cookie: Secret, from address: String, userAgent: String
    ) async throws -> SessionOutcome {
        guard let token = SessionToken(parsing: cookie), let held = try await keyring.key(token.keyID) else {
            return .refused(.invalidToken)
        }
        if let retiredAt = held.retiredAt, retiredAt + policy.keyRetention <= time.now {
            return .refused(.invalidToken)
        }
        guard token.isSigned(by: held.key) else { return .refused(.invalidToken) }
        let idHash = token.idHash
        let generation = authenticator.cache.generation
        let found = try await database.read { [self] tx in
            try look(idHash, from: address, userAgent: userAgent, in: tx)
        }
        switch found {
        case .refused(let refusal): return .refused(refusal)
        case .foreign(let session, let action):
            try await audit(action, session, from: address)
            return .refused(.invalidToken)
        case .valid(let presented, let base, let isFresh, let end, let now):
            if isFresh { remember(base, until: end, generation: generation) }
            try await noteUse(of: presented.session, at: now)
            let principal = Self.principal(base, presented)
            return .session(RecognisedSession(principal: principal, session: presented.session))
        }
    }

    /// Other cookies for a safe request, where the session is due for them, or the page has lost its CSRF token.
    ///
    /// What was replaced works for a minute more, so that no request under way is refused.
    package func renew(_ recognised: RecognisedSession, knowing csrf: Secret?) async throws -> SessionCredentials? {
        let session = recognised.session
        let csrfToken = CSRFToken.generate(random: random)
        if session.isRotationDue {
            let token = SessionToken.generate(signedBy: try await keyring.current(), random: random)
            return try await replace(session, csrfToken, token) { [store] tx in
                try store.rotate(
                    session, idHash: token.idHash, signingKeyID: token.keyID,
                    csrfTokenHash: CSRFToken.hash(csrfToken), in: tx)
            }
        }
        let isKnown = csrf.map { ConstantTime.equal(CSRFToken.hash($0), session.csrfTokenHash) } ?? false
        guard !isKnown, session.csrfRotatedAt + SessionStore.overlap <= time.now else { return nil }
        return try await replace(session, csrfToken, nil) { [store] tx in
            try store.rotateCSRF(session, to: CSRFToken.hash(csrfToken), in: tx)
        }
    }

    private func replace(
        _ session: Session, _ csrfToken: Secret, _ token: SessionToken?,
        _ change: @escaping @Sendable (any Transaction) throws -> Bool
    ) async throws -> SessionCredentials? {
        let isChanged = try await database.act { [recorder] tx in
            guard try change(tx) else { return false }
            try recorder.record(
                "auth.session_csrf_rotated", "session", session.id.text, details: ["cookie": .bool(token != nil)],
                by: Authorship(actor: session.actor, origin: nil, clearance: .withoutPermission), in: tx)
            return true
        }
        guard isChanged else { return nil }
        return SessionCredentials(
            token: token?.text, csrfToken: csrfToken, endsAt: session.absoluteExpiresAt)
    }

    /// The principal of a session as it is now, for what goes on long after its request was admitted.
    func refreshed(_ signIn: SignIn) async throws -> Principal? {
        try await database.read { [store] tx in
            guard let presented = try store.presented(signIn.session, in: tx) else { return nil }
            let session = presented.session
            guard session.revokedAt == nil, session.absoluteExpiresAt > tx.now, presented.isActorActive else {
                return nil
            }
            return Self.principal(try Self.base(of: session.actor, in: tx).0, presented)
        }
    }

    // MARK: Look-up

    private enum Found: Sendable {
        case refused(SessionRefusal)
        /// From another place than it began.
        case foreign(Session, action: String)
        case valid(PresentedSession, Principal, isFresh: Bool, end: Timestamp?, now: Timestamp)
    }

    private func look(
        _ idHash: [UInt8], from address: String, userAgent: String, in tx: any Transaction
    ) throws -> Found {
        guard let presented = try store.find(idHash: idHash, in: tx), !presented.isReplaced else {
            return .refused(.invalidToken)
        }
        let session = presented.session
        if session.revokedAt != nil {
            return .refused(session.end == .backChannel ? .backChannelRevoked : .invalidToken)
        }
        guard session.absoluteExpiresAt > tx.now else { return .refused(.absoluteTimeout) }
        guard session.lastSeenAt + policy.idleTimeout > tx.now else { return .refused(.idleTimeout) }
        if policy.bindsAddress, session.address != address {
            return .foreign(session, action: "auth.session_ip_mismatch")
        }
        if policy.bindsUserAgent, session.userAgent != SessionFlow.printable(userAgent) {
            return .foreign(session, action: "auth.session_ua_mismatch")
        }
        guard presented.isActorActive, AllowedNetworks(presented.allowedNetworks).admit(address) else {
            return .refused(.invalidToken)
        }
        if let entry = authenticator.cache.entry(for: Self.digest(session.actor), at: time.now) {
            return .valid(presented, entry.principal, isFresh: false, end: nil, now: tx.now)
        }
        let (base, end) = try Self.base(of: session.actor, in: tx)
        return .valid(presented, base, isFresh: true, end: end, now: tx.now)
    }

    /// What an actor may do, and when the first of its grants ends.
    private static func base(of actor: Actor, in tx: any Transaction) throws -> (Principal, Timestamp?) {
        let holdings = try GrantStore().holdings(of: actor, in: tx)
        let principal = Principal(
            actor: actor, credentialID: nil, roleIDs: holdings.roleIDs,
            rights: Rights(BuiltInRole.effective(holdings.entitlements)))
        return (principal, holdings.firstExpiry)
    }

    private static func principal(_ base: Principal, _ presented: PresentedSession) -> Principal {
        let session = presented.session
        let owner = session.actor.type == .user ? UserID(stored: session.actor.id) : presented.ownerID
        return Principal(
            actor: base.actor, credentialID: session.credentialID?.text ?? session.id.text, roleIDs: base.roleIDs,
            rights: base.rights, userID: owner,
            signIn: SignIn(
                session: session.id, method: session.method, time: session.authTime,
                endsAt: session.absoluteExpiresAt))
    }

    private func remember(_ base: Principal, until end: Timestamp?, generation: Int) {
        authenticator.cache.store(
            base, for: Self.digest(base.actor), credentialExpiresAt: end, at: time.now, generation: generation)
    }

    private static func digest(_ actor: Actor) -> [UInt8] {
        Array(SHA256.hash(data: Array("session|\(actor.type.rawValue)|\(actor.id)".utf8)))
    }

    // MARK: Notes

    private func noteUse(of session: Session, at now: Timestamp) async throws {
        let deadline = now - policy.noteInterval
        guard session.lastSeenAt <= deadline else { return }
        let end = min(now + policy.idleTimeout, session.absoluteExpiresAt)
        try await database.write { [store] tx in
            try store.noteUse(of: session.id, unlessSince: deadline, idleExpiresAt: end, in: tx)
        }
    }

    /// Once a minute for each session: whoever tries a stolen cookie again and again must not fill the trail.
    private func audit(_ action: String, _ session: Session, from address: String) async throws {
        let now = time.now
        let isDue = audited.withLock { audited in
            if let last = audited[session.id], last <= now, now < last + .minutes(1) { return false }
            if audited.count >= 10_000 { audited.removeAll() }
            audited[session.id] = now
            return true
        }
        guard isDue else { return }
        try await database.act { [recorder] tx in
            try recorder.record(
                action, "session", session.id.text, outcome: .denied, details: ["client_ip": .string(address)],
                by: Authorship(actor: session.actor, origin: nil, clearance: .withoutPermission), in: tx)
        }
    }
}
