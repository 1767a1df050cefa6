/// One permission with the scope that it holds in, after the scopes of grant and role were intersected.
package struct Entitlement: Hashable, Sendable {
    package let permission: Permission
    package let scope: GrantScope

    package init(_ permission: Permission, _ scope: GrantScope = .global) {
        self.permission = permission
        self.scope = scope
    }
}

/// Everything that an actor may do: the evaluator of all access decisions (specification, security §3.3).
///
/// A pure function of the actor's entitlements. More entitlements never allow less, their order does not matter, and
/// what is not named is denied.
package struct Rights: Hashable, Sendable {
    private var reaches: [Permission: Reach] = [:]

    /// May do nothing.
    package static let none = Rights([])

    package init(_ entitlements: some Sequence<Entitlement>) {
        for entitlement in entitlements {
            reaches[entitlement.permission, default: .nowhere].extend(to: entitlement.scope)
        }
    }

    package func reach(of permission: Permission) -> Reach { reaches[permission] ?? .nowhere }

    /// What the actor may do everywhere.
    package var globalPermissions: Set<Permission> { Set(reaches.filter(\.value.isEverywhere).keys) }

    /// Every permission with its scopes, by name.
    package var entitlements: [Entitlement] {
        reaches.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { permission, reach in
            reach.scopes.map { Entitlement(permission, $0) }
        }
    }

    /// Which of `wanted` the actor does not hold to their full extent: what it must not give away.
    package func missing(of wanted: some Sequence<Entitlement>) -> [Entitlement] {
        wanted.filter { !reach(of: $0.permission).covers($0.scope) }
    }

    /// The leave to use a permission within its reach; `nil` when the actor does not hold it at all.
    package func clearance(for permission: Permission) -> Clearance? {
        let reach = reach(of: permission)
        return reach.isNowhere ? nil : Clearance(permission: permission, reach: reach)
    }
}

/// Proof that an access decision was made, and how far it goes.
///
/// Only ``Rights`` make one for a caller. Whatever reads or changes an object that lies in a scope asks for a
/// clearance, so that code which was reached without a decision does not compile.
package struct Clearance: Hashable, Sendable {
    /// What the decision was about; `nil` where a route asks for no permission.
    package let permission: Permission?
    package let reach: Reach

    fileprivate init(permission: Permission?, reach: Reach) {
        self.permission = permission
        self.reach = reach
    }

    /// Of the control plane itself, when nobody asked: schedule, recovery, set-up.
    package static let system = Clearance(permission: nil, reach: .everywhere)

    /// Of a caller who was recognised and needs no permission: no object in a scope is within its reach.
    package static let withoutPermission = Clearance(permission: nil, reach: .nowhere)

    package func covers(_ object: ObjectScopes) -> Bool { reach.covers(object) }

    /// Refuses with 403 what a change would put out of reach of the one who makes it.
    package func require(_ object: ObjectScopes, _ what: String) throws(ServiceError) {
        guard covers(object) else {
            let name = permission.map { "the permission \($0.rawValue)" } ?? "what you may do"
            throw ServiceError(.insufficientPermissions, "\(name) does not extend to \(what)")
        }
    }
}
