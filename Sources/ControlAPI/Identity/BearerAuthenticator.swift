package import Access
package import Domain
import HTTPServing

/// Recognises bearer credentials and session cookies for the listener.
package struct BearerAuthenticator: RequestAuthenticator {
    private let authenticator: Authenticator
    private let sessions: SessionAuthenticator

    package init(_ authenticator: Authenticator, sessions: SessionAuthenticator) {
        self.authenticator = authenticator
        self.sessions = sessions
    }

    package func authenticate(
        session token: Secret, from address: String, userAgent: String
    ) async throws -> SessionOutcome {
        try await sessions.authenticate(token, from: address, userAgent: userAgent)
    }

    package func renew(_ session: RecognisedSession, knowing csrf: Secret?) async throws -> SessionCredentials? {
        try await sessions.renew(session, knowing: csrf)
    }

    package func mayAct(_ principal: Principal, as agent: AgentID) async throws -> Bool {
        try await authenticator.mayAct(principal, as: agent)
    }

    /// - Throws: 410 for the key of a retired agent, so that the agent stops for good.
    package func authenticate(bearer token: Secret, from address: String) async throws -> Principal? {
        switch try await authenticator.authenticate(bearer: token, from: address) {
        case .principal(let principal): return principal
        case .refused: return nil
        case .agentRetired(let agent):
            throw ServiceError(
                .agentRetired, "agent \(agent.text) is retired; enrol it again under a new name to use it")
        }
    }
}
