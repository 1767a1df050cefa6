package import Domain
import Encoding
import Query
package import Sealing
import Store

/// What somebody types who signs in to a local account.
package struct BreakglassAttempt: Sendable {
    package let actorID: String
    package let password: Secret
    package let code: Secret

    package init(actorID: String, password: Secret, code: Secret) {
        self.actorID = actorID
        self.password = password
        self.code = code
    }
}

/// Signs people in to local accounts with a password (specification, security §6).
///
/// Every refusal looks alike and costs one Argon2id hash. An attempt is counted before its password is looked at, under
/// the lock of the account's row, so that no number of attempts at once gets more guesses than the threshold.
package struct BreakglassFlow: Sendable {
    /// The server itself, on behalf of whoever could not say who they are.
    private static let gate = Actor(id: "breakglass", type: .system)

    private let context: AccessContext
    private let sessions: SessionFlow
    private let keyring: SessionKeyring
    private let hasher: PasswordHasher
    private let sealer: Sealer
    private let policy: @Sendable () -> BreakglassPolicy
    private let sessionPolicy: SessionPolicy
    private let observe: @Sendable (BreakglassOutcome) -> Void
    private let limiter: AttemptLimiter
    private let store = BreakglassStore()

    /// - `policy`: Asked at each attempt: it changes while the server runs.
    /// - `limiter`: Counts attempts by address, together with the other replicas.
    /// - `observe`: Told how each attempt ended.
    package init(
        _ context: AccessContext, sessions: SessionFlow, keyring: SessionKeyring, hasher: PasswordHasher,
        sealer: Sealer, sessionPolicy: SessionPolicy, policy: @escaping @Sendable () -> BreakglassPolicy,
        limiter: AttemptLimiter = AttemptLimiter(), observe: @escaping @Sendable (BreakglassOutcome) -> Void
    ) {
        self.limiter = limiter
        self.context = context
        self.sessions = sessions
        self.keyring = keyring
        self.hasher = hasher
        self.sealer = sealer
        self.policy = policy
        self.sessionPolicy = sessionPolicy
        self.observe = observe
    }

    /// - Throws: 401 for everything that is wrong with account, password or code; 429; 503 when too many passwords are
    ///   being checked.
    package func signIn(_ attempt: BreakglassAttempt, at place: SignInPlace) async throws -> OpenedSession {
        try await limiter.admitSignIn(.breakglass, from: place.origin.clientAddress, at: context.time.now)
        let id = Self.accountID(attempt.actorID)
        let credential = try await reserve(id)
        let isLocked = credential?.lockedAtReservation ?? false
        let stored = isLocked ? nil : credential.flatMap { PasswordHash(phc: $0.credential.passwordHash) }
        let isRight = try await hasher.verify(attempt.password, against: stored)
        let outcome: BreakglassOutcome
        var opened: OpenedSession?
        if let credential, isRight {
            (outcome, opened) = try await complete(credential.credential, attempt, at: place)
        } else {
            outcome = credential == nil ? .unknown : isLocked ? .locked : .wrongPassword
        }
        observe(outcome)
        if let opened { return opened }
        try await recordFailure(outcome, of: credential?.credential, at: place)
        throw Self.refused
    }

    package static let refused = ServiceError(.unauthenticated, "invalid credentials")

    /// A name that no local account has costs the same as one that it has.
    private static func accountID(_ text: String) -> UserID? {
        guard text.hasPrefix(LocalUserFlow.prefix), IdentifierForm.accepts(text) else { return nil }
        return UserID(stored: text)
    }

    // MARK: Counting

    private struct Reservation: Sendable {
        let credential: BreakglassCredential
        let lockedAtReservation: Bool
    }

    /// Counts the attempt as failed, for the time being.
    private func reserve(_ id: UserID?) async throws -> Reservation? {
        let policy = policy()
        return try await context.database.act { [store] tx in
            guard let id, let credential = try store.lock(id, in: tx) else { return nil }
            if let end = credential.lockedUntil, end > tx.now {
                return Reservation(credential: credential, lockedAtReservation: true)
            }
            let isForgotten = credential.lastFailureAt.map { $0 + policy.resetInterval <= tx.now } ?? true
            // A lock that is over has been paid for.
            let failures = isForgotten || credential.lockedUntil != nil ? 1 : credential.failureCount + 1
            let locks = credential.lockCount + (failures >= policy.lockoutThreshold ? 1 : 0)
            let end = failures >= policy.lockoutThreshold ? tx.now + policy.lock(locks) : nil
            try store.reserveAttempt(id, failureCount: failures, lockCount: locks, lockedUntil: end, in: tx)
            return Reservation(credential: credential, lockedAtReservation: false)
        }
    }

    // MARK: The end of an attempt

    /// The password was right: what else has to be, and the session, in one transaction.
    private func complete(
        _ credential: BreakglassCredential, _ attempt: BreakglassAttempt, at place: SignInPlace
    ) async throws -> (BreakglassOutcome, OpenedSession?) {
        guard AllowedNetworks(policy().allowedNetworks).admit(place.origin.clientAddress) else {
            return (.foreignNetwork, nil)
        }
        let key = try await keyring.current()
        let upgraded = try await upgrade(credential, attempt.password)
        return try await context.database.act { [self] tx in
            let id = credential.actorID
            guard let user = try UserStore().lock(id, in: tx), let current = try store.lock(id, in: tx),
                current.passwordHash == credential.passwordHash
            else { return (.unknown, nil) }
            guard user.deactivatedAt == nil else { return (.deactivated, nil) }
            let rights = try context.escalation.rights(of: user.actor, in: tx)
            guard rights.reach(of: .authBreakglassLogin).isEverywhere else { return (.notPermitted, nil) }
            guard try spendCode(attempt.code, of: current, in: tx) else { return (.wrongCode, nil) }
            _ = try store.clearFailures(id, in: tx)
            if let upgraded { try store.upgradeHash(of: id, from: current.passwordHash, to: upgraded, in: tx) }
            try UserStore().noteLogin(of: id, in: tx)
            let author = Authorship(actor: user.actor, origin: place.origin, clearance: .withoutPermission)
            let end = tx.now + min(sessionPolicy.breakglassTimeout, sessionPolicy.absoluteTimeout)
            let opened = try sessions.open(
                user.actor, .breakglass, credential: nil, until: end, signedBy: key, at: place, by: author, in: tx)
            try raiseAlarm("auth.breakglass_login_succeeded", user.actor, opened, by: author, in: tx)
            return (.success, opened)
        }
    }

    private func upgrade(_ credential: BreakglassCredential, _ password: Secret) async throws -> String? {
        guard let hash = PasswordHash(phc: credential.passwordHash), hasher.isOutdated(hash) else { return nil }
        return try await hasher.hash(password).phc
    }

    /// Whether the second factor is right, where there is one; a code works once.
    private func spendCode(_ code: Secret, of credential: BreakglassCredential, in tx: any Transaction) throws -> Bool {
        guard let sealed = credential.sealedTOTPSecret else { return true }
        let password = OneTimePassword(
            secret: try sealer.open(sealed, for: LocalUserFlow.totpPlace(of: credential.actorID)))
        guard let step = password.step(of: code, at: tx.now, after: Int64(credential.lastTOTPStep)) else {
            return false
        }
        return try store.spendTOTP(step: Int(step), of: credential.actorID, in: tx)
    }

    /// Somebody came in by the emergency door: audit trail and event stream say so at once.
    private func raiseAlarm(
        _ action: String, _ actor: Actor, _ opened: OpenedSession, by author: Authorship, in tx: any Transaction
    ) throws {
        let details: JSONObject = ["session_id": .string(opened.session.id.text)]
        try context.recorder.record(action, "user", actor.id, details: details, by: author, in: tx)
        let event = NewEvent(
            type: "user.breakglass_login", resourceType: "user", subject: actor.id, actor: actor,
            data: ["client_ip": .string(author.origin?.clientAddress ?? "")])
        try EventOutbox().append([event], in: tx)
        try EventOutbox().wakeReaders(in: tx)
    }

    /// The name that was typed is told only where an account has it: it could be a password in the wrong field.
    private func recordFailure(
        _ outcome: BreakglassOutcome, of credential: BreakglassCredential?, at place: SignInPlace
    ) async throws {
        let author = Authorship(actor: Self.gate, origin: place.origin, clearance: .withoutPermission)
        let details: JSONObject = ["failure_category": .string(outcome.rawValue)]
        try await context.database.act { [recorder = context.recorder] tx in
            try recorder.record(
                "auth.breakglass_login_failed", "user", credential?.actorID.text ?? "unknown", outcome: .denied,
                details: details, by: author, in: tx)
        }
    }
}
