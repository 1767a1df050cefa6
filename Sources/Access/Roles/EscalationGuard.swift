import Domain
import Query
import Store

/// The rules that keep anybody from gaining more than they have (specification, security §3.4).
///
/// Every rule looks at the database in the transaction of the change: what the caller held when its request was
/// admitted may be gone by then.
struct EscalationGuard: Sendable {
    /// `CERTCTL_RBAC_ALLOW_AUDITOR_OVERLAP`.
    let allowsAuditorOverlap: Bool
    private let grants = GrantStore()

    init(allowsAuditorOverlap: Bool) { self.allowsAuditorOverlap = allowsAuditorOverlap }

    /// What an actor may do at this moment.
    func rights(of actor: Actor, in tx: any Transaction) throws -> Rights {
        switch actor.type {
        case .apiKey, .user, .anonymous:
            Rights(BuiltInRole.effective(try grants.holdings(of: actor, in: tx).entitlements))
        case .agent: Rights(BuiltInRole.agent.permissions.map { Entitlement($0) })
        case .system, .protocol: .none
        }
    }

    /// Nobody gives away, to a role or to an actor, what they do not hold themselves to the same extent.
    func requireSubset(
        _ given: some Sequence<Entitlement>,
        of giver: Actor,
        in tx: any Transaction
    ) throws {
        let missing = try rights(of: giver, in: tx).missing(of: BuiltInRole.effective(given))
        guard missing.isEmpty else { throw Self.escalation(missing) }
    }

    /// What an actor gains from a role that it is granted in a scope.
    func entitlements(ofRole role: String, in scope: GrantScope, in tx: any Transaction) throws -> [Entitlement] {
        try (grants.entitlements(ofRoles: [role], in: tx)[role] ?? []).compactMap { held in
            held.scope.intersection(scope).map { Entitlement(held.permission, $0) }
        }
    }

    /// Whoever acts on the credential of another must hold all that it opens.
    func requireDominance(of actor: Actor, over other: Actor, in tx: any Transaction) throws {
        guard actor != other else { return }
        try requireSubset(try grants.holdings(of: other, in: tx).entitlements, of: actor, in: tx)
    }

    /// The seven default roles stay as they are.
    static func requireEditable(_ role: RoleID) throws(ServiceError) {
        guard let builtIn = BuiltInRole(rawValue: role.text) else { return }
        throw ServiceError(
            .systemRole,
            "the role \(builtIn.name) comes with every installation and stays as it is; copy it and change the copy"
        )
    }

    /// A caller does not widen a role that it holds itself.
    func requireNotHeld(_ role: RoleID, by actor: Actor, in tx: any Transaction) throws {
        guard try !grants.holders(of: role.text, in: tx).contains(actor) else {
            throw ServiceError(.privilegeEscalation, "you hold the role \(role.text); somebody else has to extend it")
        }
    }

    /// An auditor changes nothing: the role stands beside none that does.
    func requireSplit(of actor: Actor, in tx: any Transaction) throws {
        guard !allowsAuditorOverlap else { return }
        let holdings = try grants.holdings(of: actor, in: tx)
        guard holdings.roleIDs.contains(BuiltInRole.auditor.rawValue) else { return }
        let changing = BuiltInRole.effective(holdings.entitlements).map(\.permission).filter { !$0.isReadOnly }
        guard let first = changing.min(by: { $0.rawValue < $1.rawValue }) else { return }
        throw ServiceError(
            .auditorOverlap,
            "\(actor.id) would be an auditor and hold \(first.rawValue), which changes things; use two actors"
        )
    }

    /// Runs a change that may take an administrator away, and refuses it when it took the last.
    ///
    /// - `change`: Runs while no other such change does.
    func keepingAnAdministrator<Result>(
        in tx: any Transaction,
        _ change: () throws -> Result
    ) throws -> Result {
        try grants.lockAdministration(in: tx)
        let before = try grants.usableAdministrators(in: tx)
        let result = try change()
        guard try before == 0 || grants.usableAdministrators(in: tx) > 0 else {
            throw ServiceError(
                .lastAdministrator,
                "nobody would be left who administers this installation; make another administrator first"
            )
        }
        return result
    }

    private static func escalation(_ missing: [Entitlement]) -> ServiceError {
        let names = missing.map { entitlement in
            let scope = entitlement.scope == .global ? "" : " in \(entitlement.scope.label)"
            return entitlement.permission.rawValue + scope
        }.sorted()
        return ServiceError(
            .privilegeEscalation,
            "this would give away what you may not do yourself: " + names.joined(separator: ", "),
            missing: names
        )
    }
}

extension ErrorCode {
    /// Refusals that a guard against escalation makes, which are audited.
    var isEscalation: Bool {
        switch self {
        case .privilegeEscalation, .systemRole, .lastAdministrator, .auditorOverlap: true
        default: false
        }
    }
}
