package import Domain
package import Query
import Store

/// Where the cells of security limiters lie. A failure to count is an error, never an admission.
package protocol LimitBackend: Sendable {
    /// Counts one attempt under a key that is unique among all limiters.
    ///
    /// - Returns: Whether it was counted, until when the key is paid for, and the clock by which that was decided.
    func take(_ policy: LimitPolicy, key: String, at now: Timestamp) async throws -> CountedAttempt
}

/// What a backend did with an attempt.
package struct CountedAttempt: Sendable, Hashable {
    let verdict: LimitVerdict
    let paidUntil: Int64
}

/// The memory of this process: nothing is shared, and a restart forgets.
package struct MemoryLimitBackend: LimitBackend {
    private let table: LimitTable

    package init(capacity: Int = 100_000) { table = LimitTable(capacity: capacity) }

    package func take(_ policy: LimitPolicy, key: String, at now: Timestamp) async throws -> CountedAttempt {
        let verdict = table.take(policy, key, at: now)
        return CountedAttempt(verdict: verdict, paidUntil: table.paidUntil(key) ?? now.microsecondsSinceEpoch)
    }
}

/// The database: replicas share it and a restart keeps it.
package struct DatabaseLimitBackend: LimitBackend {
    private let database: any Database

    package init(_ database: any Database) { self.database = database }

    package func take(_ policy: LimitPolicy, key: String, at _: Timestamp) async throws -> CountedAttempt {
        try await database.write { tx in
            let now = tx.now.microsecondsSinceEpoch
            switch try RateCellStore().take(key, cost: policy.cost, allowance: policy.allowance, in: tx) {
            case .counted(let paidUntil):
                return CountedAttempt(verdict: policy.approval(paidUntil: paidUntil, at: now), paidUntil: paidUntil)
            case .refused(let paidUntil):
                return CountedAttempt(verdict: policy.refusal(paidUntil: paidUntil, at: now), paidUntil: paidUntil)
            }
        }
    }
}
