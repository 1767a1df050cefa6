package import Domain
package import Query
import Sealing
import Store

/// A fresh agent credential, shown once.
package struct RotatedAgentKey: Sendable {
    package let key: Secret
    /// Until when the replaced key works, unless the new one is used earlier.
    package let previousValidUntil: Timestamp
}

/// Replaces the credentials of agents (specification, security §2.4).
package struct AgentKeyFlow: Sendable {
    private static let overlap = Duration.hours(24)

    private let database: any Database
    private let authenticator: Authenticator
    private let random: RandomSource
    private let recorder: AccessRecorder

    package init(database: any Database, authenticator: Authenticator, random: RandomSource) {
        self.database = database
        self.authenticator = authenticator
        self.random = random
        recorder = AccessRecorder(random: random)
    }

    /// Throws 404 for an unknown or retired agent.
    package func rotate(_ agent: AgentID, by author: Authorship) async throws -> RotatedAgentKey {
        let key = AgentKey.generate(random: random)
        let end = try await database.act { [self] tx in
            let end = tx.now + Self.overlap
            try AgentStore().rotateKey(of: agent, to: key.sha256, overlapEnd: end, in: tx)
            try recorder.record("agent_key_rotated", "agent", agent.text, by: author, in: tx)
            return end
        }
        authenticator.invalidate()
        return RotatedAgentKey(key: key.text, previousValidUntil: end)
    }
}
