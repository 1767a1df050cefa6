import Domain
import Encoding
package import Query
import Store

/// Takes what is personal away from people who were deactivated a while ago (specification, security §7).
///
/// The identifier stays: the audit log names it, and must go on saying who it was about.
package struct UserRetention: Sendable {
    private let context: AccessContext
    private let window: Duration
    private let batch: Int
    private let users = UserStore()

    /// - `window`: How long after deactivation.
    /// - `batch`: The most people of one run.
    package init(_ context: AccessContext, window: Duration, batch: Int) {
        self.context = context
        self.window = window
        self.batch = batch
    }

    /// Purges whoever is due, each in a transaction of its own; how many.
    ///
    /// Somebody whose keys are the last that administer this installation waits, and keeps nobody else from it.
    ///
    /// - `check`: Whether this process still leads; in the transaction of the change.
    package func run(_ check: @escaping @Sendable (any Transaction) throws -> Void) async throws -> Int {
        let due = try await context.database.read { [self] tx in
            try users.due(deactivatedBefore: tx.now - window, limit: batch, in: tx)
        }
        var count = 0
        for id in due {
            try Task.checkCancellation()
            do {
                if try await purge(id, check) { count += 1 }
            } catch let error as ServiceError where error.code == .lastAdministrator {
                continue
            }
        }
        return count
    }

    private func purge(
        _ id: UserID, _ check: @escaping @Sendable (any Transaction) throws -> Void
    ) async throws -> Bool {
        try await context.change("user.purge_pii", id.text, by: .system) { [self] tx in
            try check(tx)
            return try context.escalation.keepingAnAdministrator(in: tx) {
                guard try users.purge(id, deactivatedBefore: tx.now - window, in: tx) else { return false }
                let actor = Actor(id: id.text, type: .user)
                let grants = try GrantStore().revokeAll(from: actor, in: tx)
                _ = try BreakglassStore().delete(id, in: tx)
                try SessionStore().forgetOrigins(of: actor, in: tx)
                var keys: [String] = []
                for key in try KeyCustodyStore().keys(ownedBy: id, in: tx) {
                    try SessionStore().revokeAll(of: key, cause: .userDeactivated, in: tx)
                    if let ended = try KeyStore().revoke(key, in: tx) { keys.append(ended.name) }
                }
                let details: JSONObject = ["grants": .integer(Int64(grants)), "keys": JSONValue(keys)]
                try context.recorder.record("user.purge_pii", "user", id.text, details: details, by: .system, in: tx)
                return true
            }
        }
    }
}
