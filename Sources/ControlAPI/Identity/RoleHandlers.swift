import APIContract
import Access
import Domain
import HTTPServing
import Query
import Store

/// Roles, grants, and why somebody may do something (specification, rest-api §7.25, security §3.5).
struct RoleHandlers: Sendable {
    let database: any Database
    let roles: RoleFlow
    let grants: GrantFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(RoleRoutes.list, list)
        handlers.on(RoleRoutes.create, create)
        handlers.on(RoleRoutes.get, get)
        handlers.on(RoleRoutes.replace, update)
        handlers.on(RoleRoutes.patch, update)
        handlers.on(RoleRoutes.delete, delete)
        handlers.on(RoleRoutes.addPermission, addPermission)
        handlers.on(RoleRoutes.removePermission, removePermission)
        handlers.on(RoleRoutes.grantToKey, grant)
        handlers.on(RoleRoutes.revokeFromKey, revoke)
        handlers.on(RoleRoutes.grantToActor, grant)
        handlers.on(RoleRoutes.revokeFromActor, revoke)
        handlers.on(RoleRoutes.replaceOfActor, replaceGrants)
        handlers.on(RoleRoutes.explain, explain)
    }

    // MARK: Roles

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let roles = try await database.fetch { try RoleStore().all(in: $0) }
        return .json(RolesAnswer { $0.roles = roles.map { RoleBody($0) } })
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateRoleRequest = try context.request.decode()
        let role = try await roles.create(
            name: request.name, description: request.description, copying: request.source, by: context.authorship
        )
        return .json(
            RoleBody(role), status: 201, version: role.rowVersion, location: "/api/v1/auth/roles/\(role.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: RoleID = try context.request.id()
        let (role, permissions) = try await database.fetch { tx in
            (try RoleStore().get(id, in: tx), try RoleStore().permissions(of: id, in: tx))
        }
        let answer = RoleAnswer {
            $0.role = RoleBody(role)
            $0.permissions = permissions.map { held in
                RolePermissionBody {
                    $0.roleID = id
                    $0.permissionID = held.permissionID
                    $0.permission = held.name
                    $0.scopeType = held.scope.type
                    $0.scopeID = held.scope.id
                }
            }
        }
        return .json(answer, version: role.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let id: RoleID = try context.request.id()
        let request: UpdateRoleRequest = try context.request.decode()
        let stored = try await database.fetch { try RoleStore().get(id, in: $0) }
        let role = try await roles.update(
            id, name: request.name.resolved(from: stored.name),
            description: request.description.resolved(from: stored.description, cleared: ""),
            expecting: try context.expectedVersion(request.expectedVersion) ?? stored.rowVersion,
            by: context.authorship
        )
        return .json(RoleBody(role), version: role.rowVersion)
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try await roles.delete(try context.request.id(), by: context.authorship)
        return .noContent
    }

    private func addPermission(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: AddPermissionRequest = try context.request.decode()
        let permission = try Self.permission(request.permission)
        let scope = try Self.scope(request.scopeType, request.scopeID)
        try await roles.add(
            Entitlement(permission, scope), to: try context.request.id(), by: context.authorship)
        return .noContent
    }

    private func removePermission(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let scope = try Self.scope(context.query.text("scope_type") ?? "global", context.query.text("scope_id"))
        try await roles.remove(
            permission: context.request.parameter("permission"), in: scope, from: try context.request.id(),
            by: context.authorship
        )
        return .noContent
    }

    // MARK: Grants

    private func grant(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let actor = try Self.actor(context)
        let request: GrantRequestBody = try context.request.decode()
        switch try await grants.grant(try GrantRequest(request), to: actor, by: context.authorship) {
        case .granted: return .noContent
        case .pending(let approval): return .pendingApproval(approval, "the grant of \(request.roleID.text)")
        }
    }

    private func revoke(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let type = context.query.text("scope_type")
        let id = context.query.text("scope_id")
        let scope = type == nil && id == nil ? nil : try Self.scope(type ?? "", id)
        try await grants.revoke(
            role: context.request.parameter("role_id"), in: scope, from: try Self.actor(context),
            by: context.authorship
        )
        return .noContent
    }

    private func replaceGrants(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        try context.principal.require(.authRoleRevoke)
        let actor = try Self.actor(context)
        let request: ReplaceGrantsRequest = try context.request.decode()
        try await grants.replace(try request.grants.map { try GrantRequest($0) }, of: actor, by: context.authorship)
        return .noContent
    }

    /// The actor that a path names: an API key by its name, or any actor by type and id.
    private static func actor(_ context: AuthenticatedContext) throws(ServiceError) -> Actor {
        let id = context.request.parameter("id")
        let typeName = context.request.parameter("type")
        guard typeName.isEmpty || ActorType(rawValue: typeName) != nil, (1...255).contains(id.utf8.count) else {
            throw ServiceError(.notFound, "there is no such actor; types are APIKey, User and Agent")
        }
        return Actor(id: id, type: ActorType(rawValue: typeName) ?? .apiKey)
    }

    // MARK: Explanations

    private func explain(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ExplainRequest = try context.request.decode()
        let own = context.principal.actor
        let actor = Actor(
            id: request.actorID ?? own.id, type: request.actorType ?? (request.actorID == nil ? own.type : .apiKey))
        // Without the permission the clearance reaches nothing, and only oneself may be asked about.
        guard actor == own || context.clearance.reach.isEverywhere else {
            throw ServiceError(.insufficientPermissions, "this needs the permission auth.role.list")
        }
        let wanted = Entitlement(
            try Self.permission(request.permission), try Self.scope(request.scopeType, request.scopeID))
        let explanation = try await database.fetch { try AccessExplanation.explain(wanted, for: actor, in: $0) }
        return .json(
            ExplainAnswer {
                $0.isAllowed = explanation.isAllowed
                $0.because = explanation.because.map { reason in
                    ExplainedGrant {
                        $0.grantID = reason.grantID
                        $0.roleID = reason.roleID
                        $0.scope = reason.scope.label
                    }
                }
                $0.missing = explanation.missing.map { "\($0.permission.rawValue) @ \($0.scope.label)" }
            }
        )
    }

    // MARK: Members

    private static func permission(_ name: String) throws(ServiceError) -> Permission {
        guard let permission = Permission(rawValue: name) else {
            let detail = "there is no permission \(name); GET /api/v1/auth/permissions lists them"
            throw ServiceError(
                .validationFailed, detail,
                problems: [FieldProblem(pointer: "/permission", code: "unknown_permission", detail: detail)]
            )
        }
        return permission
    }

    static func scope(_ type: String, _ id: String?) throws(ServiceError) -> GrantScope {
        guard let scope = GrantScope(type: type, id: id) else {
            let detail = "scope_id belongs to the scope types profile and issuer, and to no other"
            throw ServiceError(
                .validationFailed, detail,
                problems: [FieldProblem(pointer: "/scope_id", code: "invalid_scope", detail: detail)]
            )
        }
        return scope
    }
}

extension GrantRequest {
    init(_ body: GrantRequestBody) throws(ServiceError) {
        self.init(
            roleID: body.roleID.text, scope: try RoleHandlers.scope(body.scopeType, body.scopeID),
            expiresAt: body.expiresAt
        )
    }
}

extension RoleBody {
    init(_ role: Role) {
        self.init {
            $0.id = role.id
            $0.tenantID = role.tenantID
            $0.name = role.name
            $0.description = role.description
            $0.isSystem = BuiltInRole(rawValue: role.id.text) != nil
            $0.createdAt = role.createdAt
            $0.updatedAt = role.updatedAt
            $0.version = role.rowVersion
        }
    }
}

extension GrantBody {
    init(_ grant: Grant) {
        self.init {
            $0.id = grant.id
            $0.roleID = grant.roleID
            $0.scopeType = grant.scope.type
            $0.scopeID = grant.scope.id
            $0.expiresAt = grant.expiresAt
            $0.source = grant.source.rawValue
        }
    }
}
