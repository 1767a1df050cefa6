package import Domain
import Encoding
import Query
package import Sealing
package import Store

/// A local account about to be made, or to get another password.
package struct LocalUserDraft: Sendable {
    package let actorID: String
    package let password: Secret
    package var displayName: String?
    package var email: String?
    /// Roles to grant, everywhere.
    package var roles: [String] = []
    package var hasSecondFactor = false

    package init(actorID: String, password: Secret) {
        self.actorID = actorID
        self.password = password
    }

    /// The identifier, once name and password have the required form.
    func checkedID() throws(ServiceError) -> UserID {
        guard actorID.hasPrefix(LocalUserFlow.prefix), ActorName.accepts(actorID) else {
            throw Self.problem(
                "/actor_id", "invalid_name", "must be bg- and then letters a-z, digits, _ and -, at most 64 in all")
        }
        if let fault = PasswordForm.fault(of: password, actor: actorID, isOnlyFactor: !hasSecondFactor) {
            throw Self.problem("/password", "weak_password", fault)
        }
        return UserID(stored: actorID)
    }

    private static func problem(_ pointer: String, _ code: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed, "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: code, detail: detail)])
    }
}

/// A local account with the password that was just set.
package struct LocalUser: Sendable {
    package let credential: BreakglassCredential
    /// Shown once, where a second factor was asked for.
    package let secondFactor: OneTimePassword?
}

/// Makes local accounts and guards their passwords (specification, security §6).
package struct LocalUserFlow: Sendable {
    /// Every local account has it; what an identity provider brings has another one.
    package static let prefix = "bg-"
    private static let mostCredentials = 1000

    private let context: AccessContext
    private let hasher: PasswordHasher
    private let sealer: Sealer
    private let grants: GrantFlow
    private let store = BreakglassStore()

    package init(_ context: AccessContext, hasher: PasswordHasher, sealer: Sealer) {
        self.context = context
        self.hasher = hasher
        self.sealer = sealer
        grants = GrantFlow(context)
    }

    static func totpPlace(of id: UserID) -> SealedPlace {
        SealedPlace(table: BreakglassStore.table, column: BreakglassStore.totpColumn, rowID: id.text)
    }

    package func credentials() async throws -> [BreakglassCredential] {
        try await context.database.read { [store] tx in try store.all(limit: Self.mostCredentials, in: tx) }
    }

    /// Makes an account, or gives one another password, which ends its sessions. Nobody sets the password of somebody
    /// who may do more.
    ///
    /// Throws 400 for name and password, 403 for what the caller lacks.
    package func set(_ draft: LocalUserDraft, by principal: Principal, within author: Authorship) async throws
        -> LocalUser
    {
        if !draft.roles.isEmpty { try principal.require(.authRoleAssign) }
        let id = try draft.checkedID()
        let hash = try await hasher.hash(draft.password).phc
        let factor = draft.hasSecondFactor ? OneTimePassword.generate(random: context.random) : nil
        let sealed = factor.map { sealer.seal($0.stored, for: Self.totpPlace(of: id)) }
        let credential = try await context.change("auth.breakglass_password_set", id.text, by: author) { [self] tx in
            _ = try UserStore().insert(
                id, displayName: draft.displayName ?? "", email: draft.email ?? "", in: tx)
            guard let user = try UserStore().lock(id, in: tx) else {
                throw StoreError.notFound(.user, id: id.text)
            }
            try context.escalation.requireDominance(of: author.actor, over: user.actor, in: tx)
            try UserStore().describe(id, displayName: draft.displayName, email: draft.email, in: tx)
            let credential = try store.set(id, passwordHash: hash, sealedTOTPSecret: sealed, by: author.actor, in: tx)
            try SessionStore().revokeAll(of: user.actor, cause: .credentialChanged, in: tx)
            for role in draft.roles {
                try grants.addUnguarded(GrantRequest(roleID: role), to: user.actor, by: author, in: tx)
            }
            try record(
                "auth.breakglass_password_set", id, ["second_factor": .bool(factor != nil)], by: author, in: tx)
            return credential
        }
        return LocalUser(credential: credential, secondFactor: factor)
    }

    /// Ends a lock, whoever caused it.
    package func unlock(_ id: String, by author: Authorship) async throws {
        try await context.change("auth.breakglass_unlocked", id, by: author) { [self] tx in
            let id = UserID(stored: id)
            guard try store.clearFailures(id, in: tx) else { throw Self.unknown(id) }
            try record("auth.breakglass_unlocked", id, [:], by: author, in: tx)
        }
    }

    /// Takes the password away, and with it the sessions. The user and its roles stay.
    package func remove(_ id: String, by author: Authorship) async throws {
        try await context.change("auth.breakglass_credential_removed", id, by: author) { [self] tx in
            let id = UserID(stored: id)
            guard let user = try UserStore().lock(id, in: tx) else { throw Self.unknown(id) }
            try context.escalation.requireDominance(of: author.actor, over: user.actor, in: tx)
            guard try store.delete(id, in: tx) else { throw Self.unknown(id) }
            try SessionStore().revokeAll(of: user.actor, cause: .credentialChanged, in: tx)
            try record("auth.breakglass_credential_removed", id, [:], by: author, in: tx)
        }
    }

    private func record(
        _ action: String, _ id: UserID, _ details: JSONObject, by author: Authorship, in tx: any Transaction
    ) throws {
        try context.recorder.record(action, "user", id.text, details: details, by: author, in: tx)
    }

    private static func unknown(_ id: UserID) -> ServiceError {
        ServiceError(.notFound, "there is no local account \(id.text)")
    }
}
