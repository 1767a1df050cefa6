package import Domain
import Encoding
package import Query
package import Sealing
import Store

/// Makes and unlocks local accounts for a person at the server's own host, who needs no credential: the first local
/// administrator, and the way back in for a locked one (specification, security §6).
package struct LocalAccountSetup: Sendable {
    private let database: any Database
    private let hasher: PasswordHasher
    private let random: RandomSource
    private let author: Authorship
    private let recorder: AccessRecorder

    /// - `userID`: Of the operating system: who is audited.
    package init(database: any Database, hasher: PasswordHasher, random: RandomSource, userID: Int) {
        self.database = database
        self.hasher = hasher
        self.random = random
        author = Authorship(
            actor: Actor(id: "local-uid-\(userID)", type: .system), origin: nil, clearance: .system)
        recorder = AccessRecorder(random: random)
    }

    /// Makes an account, or gives one another password, unlocks it and ends its sessions.
    package func set(_ draft: LocalUserDraft) async throws {
        let id = try draft.checkedID()
        let hash = try await hasher.hash(draft.password).phc
        try await database.act { [self] tx in
            _ = try UserStore().insert(id, displayName: draft.displayName ?? "", email: draft.email ?? "", in: tx)
            guard let user = try UserStore().lock(id, in: tx) else { throw StoreError.notFound(.user, id: id.text) }
            _ = try UserStore().setDeactivated(false, id, in: tx)
            _ = try BreakglassStore().set(
                id, passwordHash: hash, sealedTOTPSecret: nil, by: author.actor, in: tx)
            try SessionStore().revokeAll(of: user.actor, cause: .credentialChanged, in: tx)
            for role in draft.roles {
                try GrantStore().grant(
                    GrantID(generatedAt: tx.now, random: random), role: role, to: user.actor, by: author.actor.id,
                    source: .bootstrap, in: tx)
            }
            try recorder.record(
                "bootstrap.local_reset", "user", id.text, details: ["roles": JSONValue(draft.roles)], by: author,
                in: tx)
        }
    }

    /// Throws 404 for an account without a password.
    package func unlock(_ id: String) async throws {
        try await database.act { [self] tx in
            guard try BreakglassStore().clearFailures(UserID(stored: id), in: tx) else {
                throw ServiceError(.notFound, "there is no local account \(id)")
            }
            try recorder.record("auth.breakglass_unlocked", "user", id, by: author, in: tx)
        }
    }
}
