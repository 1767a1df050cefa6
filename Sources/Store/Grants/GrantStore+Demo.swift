package import Domain
package import Query

/// The grant of demonstrations, which exists while one runs and at no other time (specification, security §2.6).
extension GrantStore {
    /// Whether the database holds what no demonstration made: keys, grants, agents, or the key of a CA.
    package func hasLastingState(in tx: any Transaction) throws -> Bool {
        let row = try tx.row(
            """
            SELECT (SELECT COUNT(*) FROM api_keys) + (SELECT COUNT(*) FROM actor_roles)
                + (SELECT COUNT(*) FROM ca_keys) + (SELECT COUNT(*) FROM managed_certificates) AS n
            """
        )
        return try row?.int("n") ?? 0 > 0
    }

    /// Takes every grant of an actor away.
    ///
    /// - Returns: How many there were.
    package func revokeEverything(of actor: Actor, in tx: any Transaction) throws -> Int {
        let count = try tx.execute(
            "DELETE FROM actor_roles WHERE actor_id = \(actor.id) AND actor_type = \(actor.type)")
        if count > 0 { try tx.notify(.access, payload: actor.id) }
        return count
    }
}
