package import Access
package import Domain
import HTTPServing

/// Recognises bearer credentials for the listener.
package struct BearerAuthenticator: RequestAuthenticator {
    private let authenticator: Authenticator

    package init(_ authenticator: Authenticator) { self.authenticator = authenticator }

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
