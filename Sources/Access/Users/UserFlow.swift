package import Domain
import Encoding
import Query
package import Store

/// Lists, deactivates and reactivates the people who sign in (specification, security §7).
package struct UserFlow: Sendable {
    package static let mostUsers = 1000

    private let context: AccessContext
    private let users = UserStore()

    package init(_ context: AccessContext) { self.context = context }

    /// Every user; that somebody looked is audited, since these are people.
    package func all(by author: Authorship) async throws -> [User] {
        try await context.database.act { [self] tx in
            let found = try users.all(limit: Self.mostUsers, in: tx)
            try record("auth.user_list", "users", ["count": .integer(Int64(found.count))], by: author, in: tx)
            return found
        }
    }

    /// Ends what a person may do here: sign-in, sessions, and the API keys that they own. Twice is once.
    ///
    /// Throws 404 for an unknown user, 409 for oneself and for the last administrator.
    package func deactivate(_ id: UserID, by principal: Principal, within author: Authorship) async throws {
        guard principal.userID != id else {
            try await context.database.act { [self] tx in
                try record(
                    "auth.user_deactivate_self_rejected", id.text, [:], outcome: .denied, by: author.withoutIdempotency,
                    in: tx)
            }
            throw ServiceError(.invalidState, "nobody deactivates themselves; another administrator can")
        }
        try await context.change("auth.user_deactivated", id.text, by: author) { [self] tx in
            try context.escalation.keepingAnAdministrator(in: tx) {
                let user = try locked(id, in: tx)
                try context.escalation.requireDominance(of: author.actor, over: user.actor, in: tx)
                guard try users.setDeactivated(true, id, in: tx) else { return }
                let sessions = try SessionStore().revokeAll(of: user.actor, cause: .userDeactivated, in: tx)
                let keys = try KeyCustodyStore().disableKeys(of: id, in: tx)
                for key in keys { try SessionStore().revokeAll(of: key.id, cause: .userDeactivated, in: tx) }
                let details: JSONObject = [
                    "sessions": .integer(Int64(sessions)), "keys": JSONValue(keys.map(\.name)),
                ]
                try record("auth.user_deactivated", id.text, details, by: author, in: tx)
            }
        }
    }

    /// Lets a person sign in again. Keys that were switched off stay off.
    package func reactivate(_ id: UserID, by author: Authorship) async throws {
        try await context.change("auth.user_reactivated", id.text, by: author) { [self] tx in
            let user = try locked(id, in: tx)
            try context.escalation.requireDominance(of: author.actor, over: user.actor, in: tx)
            guard try users.setDeactivated(false, id, in: tx) else { return }
            try record("auth.user_reactivated", id.text, [:], by: author, in: tx)
        }
    }

    private func locked(_ id: UserID, in tx: any Transaction) throws -> User {
        guard let user = try users.lock(id, in: tx) else {
            throw ServiceError(.notFound, "there is no user \(id.text)")
        }
        return user
    }

    private func record(
        _ action: String, _ id: String, _ details: JSONObject, outcome: AuditOutcome = .success, by author: Authorship,
        in tx: any Transaction
    ) throws {
        try context.recorder.record(action, "user", id, outcome: outcome, details: details, by: author, in: tx)
    }
}
