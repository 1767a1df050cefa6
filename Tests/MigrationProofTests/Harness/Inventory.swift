import Query

/// Many certificates at once, as a release before a given migration wrote them.
struct Inventory {
    let engine: Engine
    let count: Int

    /// The rows that they need around them are those of ``Rows`` with the tag `a`.
    var statements: [String] {
        let names = #"'["n' || n || '.example.com","www.n' || n || '.example.com"]'"#
        return [
            """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))
            INSERT INTO managed_certificates (id, name, common_name, sans, owner_id, team_id, issuer_id,
                renewal_policy_id)
            SELECT 'mc-' || n, 'many ' || n, 'n' || n || '.example.com',
                \(engine == .sqlite ? names : "(" + names + ")::jsonb"), 'o-a', 'tm-a', 'iss-a', 'rp-a'
            FROM numbers
            """
        ]
    }
}
