import Domain
package import Query

/// How much there is of what: the figures of `/api/v1/metrics` (specification, operations §12.1).
package struct Figures: Hashable, Sendable {
    package let certificates: Int
    package let expiringSoon: Int
    package let expired: Int
    package let revoked: Int
    package let agents: Int
    package let agentsOnline: Int
    package let jobsPending: Int
    package let jobsCompleted: Int
    package let jobsFailed: Int

    /// Neither expiring, nor expired, nor revoked.
    package var active: Int { certificates - expiringSoon - expired - revoked }
}

/// Counts over the inventory; archived certificates and retired agents are left out.
package struct FigureStore: Sendable {
    /// Certificates that expire within this time count as expiring soon.
    private static let soon = Duration.days(30)

    package init() {}

    /// Three aggregate statements, whatever the size of the inventory.
    package func figures(agentOfflineAfter: Duration, in tx: any Transaction) throws -> Figures {
        let now = tx.now
        let certificates = try tx.row(
            """
            SELECT COUNT(*) AS n,
                COUNT(CASE WHEN status = 'Revoked' THEN 1 END) AS revoked,
                COUNT(CASE WHEN status <> 'Revoked' AND expires_at <= \(now) THEN 1 END) AS expired,
                COUNT(CASE WHEN status <> 'Revoked' AND expires_at > \(now) AND expires_at <= \(now + Self.soon)
                    THEN 1 END) AS soon
            FROM managed_certificates WHERE status <> 'Archived'
            """
        )
        let agents = try tx.row(
            """
            SELECT COUNT(*) AS n,
                COUNT(CASE WHEN l.last_heartbeat_at >= \(now - agentOfflineAfter) THEN 1 END) AS online
            FROM agents a LEFT JOIN agent_liveness l ON l.agent_id = a.id
            WHERE a.retired_at IS NULL
            """
        )
        let jobs = try tx.row(
            """
            SELECT COUNT(CASE WHEN status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running') THEN 1 END)
                    AS pending,
                COUNT(CASE WHEN status = 'Completed' THEN 1 END) AS completed,
                COUNT(CASE WHEN status = 'Failed' AND NOT retry_scheduled THEN 1 END) AS failed
            FROM jobs
            """
        )
        return Figures(
            certificates: try certificates?.int("n") ?? 0,
            expiringSoon: try certificates?.int("soon") ?? 0,
            expired: try certificates?.int("expired") ?? 0,
            revoked: try certificates?.int("revoked") ?? 0,
            agents: try agents?.int("n") ?? 0,
            agentsOnline: try agents?.int("online") ?? 0,
            jobsPending: try jobs?.int("pending") ?? 0,
            jobsCompleted: try jobs?.int("completed") ?? 0,
            jobsFailed: try jobs?.int("failed") ?? 0
        )
    }
}
