package import Domain
import Encoding
import Query
package import Store

/// A role that an actor is to hold.
package struct GrantRequest: Hashable, Sendable {
    package let roleID: String
    package let scope: GrantScope
    package let expiresAt: Timestamp?

    package init(roleID: String, scope: GrantScope = .global, expiresAt: Timestamp? = nil) {
        self.roleID = roleID
        self.scope = scope
        self.expiresAt = expiresAt
    }

    var details: JSONObject {
        var details: JSONObject = ["role_id": .string(roleID), "scope_type": .string(scope.type)]
        if let id = scope.id { details["scope_id"] = .string(id) }
        if let expiresAt { details["expires_at"] = .string(expiresAt.rfc3339) }
        return details
    }
}

/// Grants roles to actors and takes them back (specification, security §3.4, §3.5).
package struct GrantFlow: Sendable {
    /// The actor of demonstrations, which only the server itself grants anything.
    private static let reservedActor = "actor-demo-anon"

    private let context: AccessContext
    private let grants = GrantStore()

    package init(_ context: AccessContext) { self.context = context }

    /// Grants a role; granting it twice changes nothing.
    ///
    /// Throws 400 for the expiry, 403 for what the caller lacks, 409 for a reserved actor or an auditor who would
    /// change things, 422 for an actor, role or scope that does not exist.
    package func grant(_ request: GrantRequest, to actor: Actor, by author: Authorship) async throws {
        try Self.requireGrantable(actor)
        try await context.change("actor_role.grant", actor.id, by: author) { [self] tx in
            try requireExisting(actor, in: tx)
            try add(request, to: actor, by: author, in: tx)
        }
    }

    /// Takes a role away, in one scope or in all of them. The last administrator stays.
    ///
    /// Throws 404 when a scope is named in which the actor does not hold the role.
    package func revoke(
        role: String,
        in scope: GrantScope?,
        from actor: Actor,
        by author: Authorship
    ) async throws {
        try Self.requireGrantable(actor)
        try await context.change("actor_role.revoke", actor.id, by: author) { [self] tx in
            let gone = try context.escalation.keepingAnAdministrator(in: tx) {
                try grants.revoke(role: role, from: actor, scope: scope, in: tx)
            }
            guard gone > 0 else {
                if scope == nil { return }
                throw ServiceError(.notFound, "\(actor.id) does not hold \(role) in this scope")
            }
            try renewSessions(of: actor, in: tx)
            var details: JSONObject = ["role_id": .string(role)]
            if let scope {
                details["scope_type"] = .string(scope.type)
                if let id = scope.id { details["scope_id"] = .string(id) }
            } else {
                details["scope"] = "all_variants"
            }
            try record("actor_role.revoke", actor, details, by: author, in: tx)
        }
    }

    /// Makes the grants of an actor exactly these, all at once. What it keeps does not count as given.
    package func replace(_ wanted: [GrantRequest], of actor: Actor, by author: Authorship) async throws {
        try Self.requireGrantable(actor)
        try await context.change("actor_role.replace", actor.id, by: author) { [self] tx in
            try requireExisting(actor, in: tx)
            try context.escalation.keepingAnAdministrator(in: tx) {
                let held = try grants.grants(of: actor, in: tx)
                let kept = held.filter { wanted.contains($0.request) }
                for grant in held where !wanted.contains(grant.request) {
                    try grants.revoke(role: grant.roleID, from: actor, scope: grant.scope, in: tx)
                    try record("actor_role.revoke", actor, grant.request.details, by: author, in: tx)
                }
                let known = Set(kept.map(\.request))
                for request in wanted where !known.contains(request) { try add(request, to: actor, by: author, in: tx) }
                try renewSessions(of: actor, in: tx)
            }
        }
    }

    /// One grant, in the transaction of the caller, with every rule but the existence of the actor.
    func add(_ request: GrantRequest, to actor: Actor, by author: Authorship, in tx: any Transaction) throws {
        if let end = request.expiresAt, end <= tx.now {
            let problem = FieldProblem(pointer: "/expires_at", code: "in_past", detail: "must lie in the future")
            throw ServiceError(.validationFailed, "expires_at must lie in the future", problems: [problem])
        }
        guard actor != author.actor else {
            throw ServiceError(.privilegeEscalation, "nobody grants roles to themselves; another administrator can")
        }
        let isNew = try grants.grant(
            GrantID(generatedAt: tx.now, random: context.random),
            role: request.roleID,
            to: actor,
            scope: request.scope,
            expiresAt: request.expiresAt,
            by: author.actor.id,
            in: tx
        )
        guard isNew else { return }
        let given = try context.escalation.entitlements(ofRole: request.roleID, in: request.scope, in: tx)
        try context.escalation.requireSubset(given, of: author.actor, in: tx)
        try context.escalation.requireSplit(of: actor, in: tx)
        try SessionStore().markForRotation(of: actor, in: tx)
        try record("actor_role.grant", actor, request.details, by: author, in: tx)
    }

    /// Whoever may do less or more goes on under another cookie; whoever holds nothing any more is signed out.
    private func renewSessions(of actor: Actor, in tx: any Transaction) throws {
        if try grants.grants(of: actor, in: tx).isEmpty {
            try SessionStore().revokeAll(of: actor, cause: .rolesRemoved, in: tx)
        } else {
            try SessionStore().markForRotation(of: actor, in: tx)
        }
    }

    private func record(
        _ action: String,
        _ actor: Actor,
        _ details: JSONObject,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        var details = details
        details["actor_type"] = .string(actor.type.rawValue)
        try context.recorder.record(action, "actor", actor.id, details: details, by: author, in: tx)
    }

    private static func requireGrantable(_ actor: Actor) throws(ServiceError) {
        switch actor.type {
        case .apiKey, .user:
            guard actor.id != reservedActor else {
                throw ServiceError(.invalidState, "\(actor.id) is reserved for demonstrations")
            }
        case .anonymous: throw ServiceError(.invalidState, "\(actor.id) is reserved for demonstrations")
        case .agent: throw ServiceError(.unprocessable, "an agent holds the role r-agent by itself, and nothing else")
        case .system: throw ServiceError(.unprocessable, "the server itself holds no roles")
        }
    }

    /// A grant to a name that nobody has would wait for whoever takes it. What exists is locked: the rules about what
    /// one actor may hold together are checked by one grant at a time.
    private func requireExisting(_ actor: Actor, in tx: any Transaction) throws {
        let exists =
            switch actor.type {
            case .apiKey: try KeyStore().lock(name: actor.id, in: tx) != nil
            case .user: try UserStore().lock(UserID(stored: actor.id), in: tx) != nil
            case .agent, .system, .anonymous: false
            }
        guard exists else {
            throw ServiceError(
                .unknownReference,
                "there is no \(actor.type == .apiKey ? "API key" : "user") \(actor.id)"
            )
        }
    }
}

extension Grant {
    package var request: GrantRequest { GrantRequest(roleID: roleID, scope: scope, expiresAt: expiresAt) }
}
