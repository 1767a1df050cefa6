package import Domain
import Encoding
package import Query
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

/// What asking for a grant led to.
package enum GrantOutcome: Hashable, Sendable {
    case granted
    /// Somebody else has to agree first.
    case pending(ApprovalID)
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
    ///
    /// A role of great power waits until somebody else agrees, once the installation asks for that.
    @discardableResult
    package func grant(
        _ request: GrantRequest, to actor: Actor, by author: Authorship
    ) async throws -> GrantOutcome {
        try Self.requireGrantable(actor)
        return try await context.change("actor_role.grant", actor.id, by: author) { [self] tx in
            try requireExisting(actor, in: tx)
            let given = try context.escalation.entitlements(ofRole: request.roleID, in: request.scope, in: tx)
            if let permit = try context.grantGate.permit(request.roleID, opening: given, in: tx) {
                try add(request, to: actor, under: permit, by: author, in: tx)
                return .granted
            }
            return try ask(for: request, opening: given, to: actor, by: author, in: tx)
        }
    }

    /// Files a request for approval, once the caller has met every rule of granting.
    private func ask(
        for request: GrantRequest, opening given: [Entitlement], to actor: Actor, by author: Authorship,
        in tx: any Transaction
    ) throws -> GrantOutcome {
        guard let approvals = context.grantApprovals else {
            throw ServiceError(.approvalRequired, "\(request.roleID) needs an approval, which nobody can give here")
        }
        guard try !grants.grants(of: actor, in: tx).contains(where: { $0.request == request }) else { return .granted }
        try requireFuture(request.expiresAt, at: tx.now)
        try requireOther(actor, author)
        try context.escalation.requireSubset(given, of: author.actor, in: tx)
        let terms = RoleGrantTerms(
            actor: actor, roleID: request.roleID, scope: request.scope, expiresAt: request.expiresAt,
            entitlements: given)
        let approval = try approvals.request(terms, author, tx)
        guard approval.state == .approved, let approved = try ApprovalStore().approved(approval.id, in: tx) else {
            return .pending(approval.id)
        }
        try add(request, to: actor, under: context.grantGate.permit(approved), by: author, in: tx)
        return .granted
    }

    /// Gives a role that a second person, the author, agreed to: exactly what was asked for, and as far as whoever
    /// asked may still give it.
    package func apply(
        _ approved: borrowing ApprovedRequest, by author: Authorship, in tx: any Transaction
    ) throws {
        guard case .roleGrant(let terms) = approved.subject else {
            throw ServiceError(.staleApproval, "the approval \(approved.id.text) is about something else; ask again")
        }
        try requireOther(terms.actor, author)
        guard try context.escalation.rights(of: author.actor, in: tx).reach(of: .authRoleAssign).isEverywhere else {
            throw ServiceError(.insufficientPermissions, "agreeing to a grant needs the permission auth.role.assign")
        }
        try requireExisting(terms.actor, in: tx)
        let given = try context.escalation.entitlements(ofRole: terms.roleID, in: terms.scope, in: tx)
        let now = RoleGrantTerms(
            actor: terms.actor, roleID: terms.roleID, scope: terms.scope, expiresAt: terms.expiresAt,
            entitlements: given)
        guard now == terms else {
            throw ServiceError(
                .staleApproval,
                "the approval \(approved.id.text) no longer holds: \(terms.roleID) opens something else by now; ask again"
            )
        }
        let request = GrantRequest(roleID: terms.roleID, scope: terms.scope, expiresAt: terms.expiresAt)
        let requester = Authorship(
            actor: approved.requestedBy, origin: author.withoutIdempotency.origin, clearance: author.clearance)
        try add(request, to: terms.actor, under: context.grantGate.permit(approved), by: requester, in: tx)
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
                for request in wanted where !known.contains(request) {
                    try addUnguarded(request, to: actor, by: author, in: tx)
                }
                try renewSessions(of: actor, in: tx)
            }
        }
    }

    /// One of several grants that are made together; 409 for one that needs an approval, which is asked for alone.
    func addUnguarded(
        _ request: GrantRequest, to actor: Actor, by author: Authorship, in tx: any Transaction
    ) throws {
        let given = try context.escalation.entitlements(ofRole: request.roleID, in: request.scope, in: tx)
        guard let permit = try context.grantGate.permit(request.roleID, opening: given, in: tx) else {
            throw ServiceError(
                .approvalRequired,
                "\(request.roleID) needs a second person's approval: grant it alone, by "
                    + "POST /api/v1/auth/keys/\(actor.id)/roles"
            )
        }
        try add(request, to: actor, under: permit, by: author, in: tx)
    }

    private func requireFuture(_ end: Timestamp?, at now: Timestamp) throws(ServiceError) {
        guard let end, end <= now else { return }
        let problem = FieldProblem(pointer: "/expires_at", code: "in_past", detail: "must lie in the future")
        throw ServiceError(.validationFailed, "expires_at must lie in the future", problems: [problem])
    }

    private func requireOther(_ actor: Actor, _ author: Authorship) throws(ServiceError) {
        guard actor != author.actor else {
            throw ServiceError(.privilegeEscalation, "nobody grants roles to themselves; another administrator can")
        }
    }

    /// One grant, in the transaction of the caller, with every rule but the existence of the actor.
    private func add(
        _ request: GrantRequest, to actor: Actor, under permit: consuming GrantPermit, by author: Authorship,
        in tx: any Transaction
    ) throws {
        try requireFuture(request.expiresAt, at: tx.now)
        try requireOther(actor, author)
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
        var details = request.details
        if let approval = permit.approval { details["approval_id"] = .string(approval.text) }
        try record("actor_role.grant", actor, details, by: author, in: tx)
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
        case .protocol: throw ServiceError(.unprocessable, "the client of a protocol holds no roles")
        }
    }

    /// A grant to a name that nobody has would wait for whoever takes it. What exists is locked: the rules about what
    /// one actor may hold together are checked by one grant at a time.
    private func requireExisting(_ actor: Actor, in tx: any Transaction) throws {
        let exists =
            switch actor.type {
            case .apiKey: try KeyStore().lock(name: actor.id, in: tx) != nil
            case .user: try UserStore().lock(UserID(stored: actor.id), in: tx) != nil
            case .agent, .system, .anonymous, .protocol: false
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
