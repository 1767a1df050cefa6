/// One column of the matrix: somebody who asks.
enum PermissionCaller: String, CaseIterable, Sendable {
    case anonymous
    case expired = "expired key"
    case admin = "r-admin"
    case `operator` = "r-operator"
    case viewer = "r-viewer"
    case agentRole = "r-agent"
    case mcp = "r-mcp"
    case cli = "r-cli"
    case auditor = "r-auditor"
    /// An enrolled agent, asking about itself.
    case agent
    /// An enrolled agent, asking about the other one.
    case otherAgent = "other agent"
    /// `r-admin` for an issuer that the objects do not belong to.
    case elsewhere = "admin of another issuer"
    /// `r-admin` for the issuer of the objects.
    case issuerAdmin = "admin of the issuer"
    /// `r-admin` for the profile of the objects.
    case profileAdmin = "admin of the profile"

    /// The initial of a role in the table of permissions.
    private var initial: Character? {
        switch self {
        case .admin: "A"
        case .operator: "O"
        case .viewer: "V"
        case .agentRole: "G"
        case .mcp: "M"
        case .cli: "C"
        case .auditor: "U"
        default: nil
        }
    }

    private var isAgent: Bool { self == .agent || self == .otherAgent }

    /// What the caller is answered on a route, by the rules of the specification.
    func expected(on row: PermissionTable.Row) -> Int {
        if case .open = row.rule { return row.admitted }
        switch self {
        case .anonymous, .expired: return 401
        case .agent, .otherAgent: return asAgent(row)
        case .elsewhere, .issuerAdmin, .profileAdmin: return narrowed(row)
        default: return withRole(row)
        }
    }

    private func withRole(_ row: PermissionTable.Row) -> Int {
        func holds(_ permission: String) -> Bool {
            initial.map { PermissionTable.holders[permission]?.contains($0) ?? false } ?? false
        }
        switch row.rule {
        case .open, .anyone, .oneself: return row.admitted
        case .everywhere(let permission), .list(let permission), .object(let permission), .issuer(let permission),
            .profile(let permission), .ownAgent(let permission):
            return holds(permission) ? row.admitted : 403
        case .agent(let permission):
            // The key with the role of an agent is bound to the agent that it asks for first.
            guard holds(permission) else { return 403 }
            return holds("agent.edit") || self == .agentRole ? row.admitted : 403
        }
    }

    /// Agents do their own work and see themselves; nothing else, whatever their role allows.
    private func asAgent(_ row: PermissionTable.Row) -> Int {
        switch row.rule {
        case .open, .anyone: return row.admitted
        case .agent, .ownAgent: return self == .agent ? row.admitted : 403
        case .object where row.route == "verifyJob": return self == .agent ? row.admitted : 404
        case .everywhere, .list, .object, .issuer, .profile, .oneself: return 403
        }
    }

    private func narrowed(_ row: PermissionTable.Row) -> Int {
        switch row.rule {
        case .open, .anyone, .oneself, .list: return row.admitted
        case .everywhere, .agent, .ownAgent: return 403
        case .object:
            if self != .elsewhere { return row.admitted }
            // What is to be made does not exist yet, so that its absence cannot be pretended.
            return ["createCertificate", "importCertificate"].contains(row.route) ? 403 : 404
        case .issuer: return self == .issuerAdmin ? row.admitted : 404
        case .profile: return self == .profileAdmin ? row.admitted : 404
        }
    }
}
