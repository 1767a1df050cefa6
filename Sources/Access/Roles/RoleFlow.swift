package import Domain
import Encoding
import Query
package import Store

/// Makes, changes and deletes roles of one's own (specification, security §3.4, §3.5).
package struct RoleFlow: Sendable {
    private let context: AccessContext
    private let roles = RoleStore()

    package init(_ context: AccessContext) { self.context = context }

    /// Makes a role: empty, or with the permissions of another one, as far as the caller holds them itself.
    package func create(
        name: String,
        description: String,
        copying source: RoleID?,
        by author: Authorship
    ) async throws -> Role {
        let id = RoleID(generatedAt: context.time.now, random: context.random)
        return try await context.change("role.create", id.text, by: author) { [self] tx in
            let role = try roles.insert(id, name: name, description: description, in: tx)
            var details: JSONObject = ["name": .string(name)]
            if let source {
                let copied = try known(
                    try GrantStore().entitlements(ofRoles: [source.text], in: tx)[source.text], source)
                try context.escalation.requireSubset(copied, of: author.actor, in: tx)
                for entitlement in BuiltInRole.effective(copied) { _ = try roles.add(entitlement, to: id, in: tx) }
                details["copy_from"] = .string(source.text)
            }
            try context.recorder.record("role.create", "role", id.text, details: details, by: author, in: tx)
            return role
        }
    }

    private func known(_ entitlements: [Entitlement]?, _ source: RoleID) throws -> [Entitlement] {
        guard let entitlements else {
            throw StoreError.unknownReferences([.init(field: "copy_from", id: source.text)])
        }
        return entitlements
    }

    package func update(
        _ id: RoleID,
        name: String,
        description: String,
        expecting version: Int?,
        by author: Authorship
    ) async throws -> Role {
        try await context.change("role.update", id.text, by: author) { [self] tx in
            try EscalationGuard.requireEditable(id)
            let before = try roles.lock(id, in: tx)
            let role = try roles.update(id, name: name, description: description, expecting: version, in: tx)
            try context.recorder.record(
                "role.update",
                "role",
                id.text,
                details: ["before": .string(before.name), "after": .string(name)],
                by: author,
                in: tx
            )
            return role
        }
    }

    /// Deletes a role that nobody holds; one that is gone already is no error.
    package func delete(_ id: RoleID, by author: Authorship) async throws {
        try await context.change("role.delete", id.text, by: author) { [self] tx in
            try EscalationGuard.requireEditable(id)
            guard let role = try roles.find(id, in: tx) else { return }
            try roles.delete(id, in: tx)
            try context.recorder.record(
                "role.delete", "role", id.text, details: ["name": .string(role.name)], by: author, in: tx)
        }
    }

    /// Adds a permission; adding it twice changes nothing. Whoever holds the role becomes able at once, on every
    /// replica.
    package func add(_ entitlement: Entitlement, to id: RoleID, by author: Authorship) async throws {
        try await context.change("role.permission.add", id.text, by: author) { [self] tx in
            try EscalationGuard.requireEditable(id)
            _ = try roles.lock(id, in: tx)
            try context.escalation.requireNotHeld(id, by: author.actor, in: tx)
            try context.escalation.requireSubset([entitlement], of: author.actor, in: tx)
            guard try roles.add(entitlement, to: id, in: tx) else { return }
            try requireUnheld(id, gaining: entitlement, in: tx)
            for actor in try GrantStore().holders(of: id.text, in: tx) {
                try context.escalation.requireSplit(of: actor, in: tx)
            }
            try record("role.permission.add", id, entitlement.permission.rawValue, entitlement.scope, author, tx)
        }
    }

    /// A permission of great power reaches nobody without a second person: not through a role that is held already.
    private func requireUnheld(_ id: RoleID, gaining entitlement: Entitlement, in tx: any Transaction) throws {
        guard try context.grantGate.isGuarded(id.text, opening: [entitlement], in: tx),
            try !GrantStore().holders(of: id.text, in: tx).isEmpty
        else { return }
        throw ServiceError(
            .approvalRequired,
            "\(entitlement.permission.rawValue) needs a second person's approval, and \(id.text) is held already: "
                + "make a role with it and grant that"
        )
    }

    /// Removes a permission in one scope; one that the role does not have is no error.
    package func remove(
        permission name: String,
        in scope: GrantScope,
        from id: RoleID,
        by author: Authorship
    ) async throws {
        try await context.change("role.permission.remove", id.text, by: author) { [self] tx in
            try EscalationGuard.requireEditable(id)
            _ = try roles.lock(id, in: tx)
            guard try roles.remove(permission: name, in: scope, from: id, in: tx) else { return }
            try record("role.permission.remove", id, name, scope, author, tx)
        }
    }

    private func record(
        _ action: String,
        _ id: RoleID,
        _ permission: String,
        _ scope: GrantScope,
        _ author: Authorship,
        _ tx: any Transaction
    ) throws {
        try context.recorder.record(
            action,
            "role",
            id.text,
            details: ["permission": .string(permission), "scope": .string(scope.label)],
            by: author,
            in: tx
        )
    }
}
