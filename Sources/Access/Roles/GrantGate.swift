package import Domain
package import Query
package import Store

/// How grants get their approvals.
package struct GrantApprovals: Sendable {
    /// `CERTCTL_APPROVAL_ADMIN_GRANTS`.
    let rule: SecondPersonRule
    /// Files the request, in the transaction of the caller.
    let request: @Sendable (RoleGrantTerms, Authorship, any Transaction) throws -> Approval

    package init(
        rule: SecondPersonRule,
        request: @escaping @Sendable (RoleGrantTerms, Authorship, any Transaction) throws -> Approval
    ) {
        self.rule = rule
        self.request = request
    }
}

/// Proof that a grant may be stored: it gives no great power, or a second person agreed.
struct GrantPermit: ~Copyable {
    /// What it rests on.
    let approval: ApprovalID?

    fileprivate init(approval: ApprovalID? = nil) { self.approval = approval }
}

/// The gate through which every grant passes that an actor makes (specification, security §3.4).
struct GrantGate: Sendable {
    /// Permissions that let their holder decide who may do what, or replace the keys of the installation.
    private static let powers: Set<Permission> = [
        .authRoleList, .authRoleCreate, .authRoleEdit, .authRoleDelete, .authRoleAssign, .authRoleRevoke, .authOidcList,
        .authOidcCreate, .authOidcEdit, .authOidcDelete, .authBreakglassAdmin, .caHierarchyManage, .cryptoRekey,
    ]

    private let rule: SecondPersonRule

    init(_ rule: SecondPersonRule) { self.rule = rule }

    /// The permit for a grant that needs no second person; `nil` for one that does.
    func permit(
        _ role: String, opening entitlements: [Entitlement], in tx: any Transaction
    ) throws -> GrantPermit? {
        guard try isGuarded(role, opening: entitlements, in: tx) else { return GrantPermit() }
        return nil
    }

    /// The permit for a grant that was approved.
    func permit(_ request: borrowing ApprovedRequest) -> GrantPermit { GrantPermit(approval: request.id) }

    /// Whether giving these away needs a second person at this moment.
    func isGuarded(
        _ role: String, opening entitlements: [Entitlement], in tx: any Transaction
    ) throws -> Bool {
        guard role == GrantStore.adminRole || entitlements.contains(where: { Self.powers.contains($0.permission) })
        else { return false }
        switch rule {
        case .never: return false
        case .always: return true
        case .automatic: return try GrantStore().approvingAdministrators(in: tx) >= 2
        }
    }
}
