import APIContract
import Access
import Domain
import HTTPServing
import Query
import Sealing
import Store

/// Who the caller is, the first administrator, and API keys (specification, rest-api §7.24 to §7.26).
struct IdentityHandlers: Sendable {
    private static let mostKeys = 1000

    let database: any Database
    let keys: APIKeyFlow
    let bootstrap: @Sendable () -> BootstrapFlow?
    /// Told once the first administrator exists.
    let onBootstrap: @Sendable () async -> Void

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuthRoutes.info) { _ in .json(AuthInfoBody()) }
        handlers.on(AuthRoutes.bootstrapStatus) { [bootstrap] _ in
            let isAvailable = try await bootstrap()?.isAvailable() ?? false
            return .json(BootstrapStatusBody { $0.isAvailable = isAvailable })
        }
        handlers.on(AuthRoutes.bootstrap, consume)
        handlers.on(AuthRoutes.check) { context in .json(AuthCheckBody(context.principal)) }
        handlers.on(AuthRoutes.me) { context in .json(AuthMeBody(context.principal)) }
        handlers.on(AuthRoutes.permissions) { _ in .json(PermissionsAnswer.catalogue) }
        handlers.on(AuthRoutes.listKeys, list)
        handlers.on(AuthRoutes.createKey, create)
        handlers.on(AuthRoutes.getKey, get)
        handlers.on(AuthRoutes.rotateKey, rotate)
        handlers.on(AuthRoutes.deleteKey, delete)
    }

    private func consume(_ context: PublicContext) async throws -> OutgoingResponse {
        let request: BootstrapRequest = try context.request.decode()
        guard let flow = bootstrap() else { throw ServiceError(.unavailable, "the server is starting") }
        let answer = try await flow.consume(
            token: Secret(request.token), actorName: request.actorName, origin: context.request.origin
        )
        await onBootstrap()
        return .json(
            BootstrapAnswer {
                $0.actorID = answer.actorID
                $0.apiKeyID = answer.keyID
                $0.keyValue = answer.keyValue.withText { $0 }
                $0.createdAt = answer.createdAt
                $0.message = "Store this key now: it is not shown again."
            }, status: 201)
    }

    /// Every actor with a current grant.
    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let grants = try await database.fetch { tx in try GrantStore().all(limit: Self.mostKeys, in: tx) }
        let roles = Dictionary(grouping: grants, by: \.actor).mapValues { Set($0.map(\.roleID)).sorted() }
        let bodies = roles.sorted { ($0.key.id, $0.key.type.rawValue) < ($1.key.id, $1.key.type.rawValue) }
        return .json(
            KeyListAnswer {
                $0.keys = bodies.map { actor, roles in
                    KeyActorBody {
                        $0.actorID = actor.id
                        $0.actorType = actor.type
                        $0.roleIDs = roles
                    }
                }
            }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateKeyRequest = try context.request.decode()
        let issued = try await keys.create(
            name: request.name, roleIDs: request.roles, expiresAt: request.expiresAt, by: context.principal,
            origin: context.request.origin
        )
        return .json(CreatedKeyAnswer(issued), status: 201, location: "/api/v1/auth/keys/\(issued.key.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (key, roles) = try await key(context.request.parameter("id"))
        return .json(
            APIKeyBody {
                $0.id = key.id
                $0.name = key.name
                $0.prefix = key.tokenID.map { "ctk_\($0)" } ?? ""
                $0.createdBy = key.createdBy
                $0.createdAt = key.createdAt
                $0.expiresAt = key.expiresAt
                $0.lastUsedAt = key.lastUsedAt
                $0.lastUsedIP = key.lastUsedAddress
                $0.roles = roles
            },
            version: key.rowVersion
        )
    }

    private func rotate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RotateKeyRequest = try context.request.decode()
        let (key, _) = try await key(context.request.parameter("id"))
        let issued = try await keys.rotate(
            name: key.name, overlap: .seconds(request.overlapSeconds), by: context.principal,
            origin: context.request.origin
        )
        return .json(CreatedKeyAnswer(issued))
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (key, _) = try await key(context.request.parameter("id"))
        try await keys.revoke(name: key.name, by: context.principal, origin: context.request.origin)
        return .noContent
    }

    /// A key by its name, which is what grants and earlier clients call it by, or by its identifier.
    private func key(_ reference: String) async throws -> (APIKey, roles: [String]) {
        try await database.fetch { tx in
            let store = KeyStore()
            guard let key = try store.find(name: reference, in: tx) ?? store.find(APIKeyID(stored: reference), in: tx),
                key.revokedAt == nil
            else { throw StoreError.notFound(.key, id: reference) }
            let grants = try GrantStore().grants(of: Actor(id: key.name, type: .apiKey), in: tx)
            return (key, Set(grants.map(\.roleID)).sorted())
        }
    }
}

extension CreatedKeyAnswer {
    init(_ issued: IssuedAPIKey) {
        self.init {
            $0.id = issued.key.id
            $0.name = issued.key.name
            $0.keyValue = issued.value.withText { $0 }
            $0.roles = issued.roleIDs
            $0.expiresAt = issued.key.expiresAt
            $0.createdAt = issued.key.createdAt
            $0.previousValidUntil = issued.previousValidUntil
        }
    }
}

extension AuthCheckBody {
    init(_ principal: Principal) {
        self.init {
            $0.user = principal.actor.id
            $0.isAdmin = principal.isAdministrator
            $0.actorID = principal.actor.id
            $0.actorType = principal.actor.type
            $0.roles = principal.roleIDs
            $0.effectivePermissions = EffectivePermission.all(of: principal)
            $0.isAdminViaRole = principal.isAdministrator
        }
    }
}

extension AuthMeBody {
    init(_ principal: Principal) {
        self.init {
            $0.actorID = principal.actor.id
            $0.actorType = principal.actor.type
            $0.isAdmin = principal.isAdministrator
            $0.roles = principal.roleIDs
            $0.effectivePermissions = EffectivePermission.all(of: principal)
        }
    }
}

extension EffectivePermission {
    static func all(of principal: Principal) -> [EffectivePermission] {
        principal.permissions.map(\.rawValue).sorted().map { name in EffectivePermission { $0.permission = name } }
    }
}

extension PermissionsAnswer {
    static var catalogue: PermissionsAnswer {
        PermissionsAnswer {
            $0.permissions = Permission.allCases.map { permission in
                PermissionBody {
                    $0.id = "p-\(permission.rawValue)"
                    $0.name = permission.rawValue
                    $0.namespace = String(permission.rawValue.prefix { $0 != "." })
                }
            }
        }
    }
}
