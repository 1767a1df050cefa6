package import Domain
package import Query

extension VersionStore {
    /// Gives a version whose key nobody was known to hold to the agent that holds it.
    ///
    /// - `request`: What proved it, in PEM.
    package func assign(
        _ id: VersionID, to agent: AgentID, request: String, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE certificate_versions SET agent_id = \(agent), key_origin = \(KeyOrigin.agent), csr_pem = \(request)
            WHERE id = \(id) AND agent_id IS NULL
            """
        )
    }
}
