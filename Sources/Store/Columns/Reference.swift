import Query

/// Which of the rows that a request names exist, asked in one statement.
///
/// Foreign keys stay the last defence; this says which member of the request is wrong, which SQLite's error does not.
struct ReferenceCheck {
    private var parts: [SQL] = []

    mutating func expect(_ id: (some Bindable)?, in table: Table, as field: String) {
        guard let id else { return }
        let source: SQL =
            switch table {
            case .owners: "owners"
            case .teams: "teams"
            case .issuers: "issuers"
            case .policies: "renewal_policies"
            case .profiles: "certificate_profiles"
            case .targets: "deployment_targets"
            case .agents: "agents"
            case .roles: "roles"
            }
        parts.append(
            """
            SELECT CAST(\(field) AS TEXT) AS field, CAST(\(id) AS TEXT) AS id
            WHERE NOT EXISTS (SELECT 1 FROM \(fragment: source) WHERE id = \(id))
            """
        )
    }

    /// Throws ``StoreError/unknownReferences(_:)`` with every name that leads nowhere.
    func verify(in tx: any Transaction) throws {
        guard !parts.isEmpty else { return }
        let missing = try tx.rows(SQL.joined(parts, by: " UNION ALL "))
        guard missing.isEmpty else {
            throw StoreError.unknownReferences(
                try missing.map { .init(field: try $0.text("field"), id: try $0.text("id")) }
            )
        }
    }

    enum Table { case owners, teams, issuers, policies, profiles, targets, agents, roles }
}
