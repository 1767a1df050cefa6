import APIContract
import Access
import Domain
import HTTPServing
import Sealing

/// Who the caller is, and the first administrator (specification, rest-api §7.24, §7.26).
struct IdentityHandlers: Sendable {
    let bootstrap: @Sendable () -> BootstrapFlow?
    let isDemo: Bool
    /// Told once the first administrator exists.
    let onBootstrap: @Sendable () async -> Void

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuthRoutes.info) { [isDemo] _ in
            guard isDemo else { return .json(AuthInfoBody()) }
            return .json(
                AuthInfoBody {
                    $0.authType = "none"
                    $0.isRequired = false
                    $0.isDemo = true
                })
        }
        handlers.on(AuthRoutes.bootstrapStatus) { [bootstrap] _ in
            let isAvailable = try await bootstrap()?.isAvailable() ?? false
            return .json(BootstrapStatusBody { $0.isAvailable = isAvailable })
        }
        handlers.on(AuthRoutes.bootstrap, consume)
        handlers.on(AuthRoutes.check) { context in .json(AuthCheckBody(context.principal)) }
        handlers.on(AuthRoutes.me) { context in .json(AuthMeBody(context.principal)) }
        handlers.on(AuthRoutes.permissions) { _ in .json(PermissionsAnswer.catalogue) }
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
        principal.rights.entitlements.map { held in
            EffectivePermission {
                $0.permission = held.permission.rawValue
                $0.scopeType = held.scope.type
                $0.scopeID = held.scope.id
            }
        }
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
