package import Domain
package import Query
import Store

/// Why an actor may do something, or what it lacks.
package struct AccessExplanation: Sendable {
    /// One grant that allows it.
    package struct Reason: Hashable, Sendable {
        package let grantID: String
        package let roleID: String
        package let scope: GrantScope
    }

    package let isAllowed: Bool
    package let because: [Reason]
    /// What the actor would need, when it is not allowed.
    package let missing: Entitlement?

    /// Explains the decision about a permission in a scope, from what is stored now.
    ///
    /// The answer agrees with the evaluator that decides requests: it is asked too.
    package static func explain(
        _ wanted: Entitlement,
        for actor: Actor,
        in tx: any Transaction
    ) throws -> AccessExplanation {
        let store = GrantStore()
        var reasons: [Reason] = []
        let guarding = EscalationGuard(allowsAuditorOverlap: true)
        if actor.type == .agent {
            if BuiltInRole.agent.permissions.contains(wanted.permission) {
                reasons = [Reason(grantID: "", roleID: BuiltInRole.agent.rawValue, scope: .global)]
            }
        } else {
            let grants = try store.grants(of: actor, in: tx)
            let roles = try store.entitlements(ofRoles: Set(grants.map(\.roleID)), in: tx)
            for grant in grants {
                for held in BuiltInRole.effective(roles[grant.roleID] ?? []) where held.permission == wanted.permission
                {
                    guard let scope = held.scope.intersection(grant.scope), Reach(scope).covers(wanted.scope) else {
                        continue
                    }
                    reasons.append(Reason(grantID: grant.id.text, roleID: grant.roleID, scope: scope))
                }
            }
        }
        let isAllowed = try guarding.rights(of: actor, in: tx).missing(of: [wanted]).isEmpty
        return AccessExplanation(isAllowed: isAllowed, because: reasons, missing: isAllowed ? nil : wanted)
    }
}
