import APIContract
import Access
import Domain
import HTTPServing
import Query
import Store

/// API keys (specification, rest-api §7.25, security §2.2).
struct KeyHandlers: Sendable {
    private static let mostKeys = 1000

    let database: any Database
    let keys: APIKeyFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(AuthRoutes.listKeys, list)
        handlers.on(AuthRoutes.createKey, create)
        handlers.on(AuthRoutes.getKey, get)
        handlers.on(AuthRoutes.updateKey, update)
        handlers.on(AuthRoutes.rotateKey, rotate)
        handlers.on(AuthRoutes.deleteKey, delete)
        handlers.on(AuthRoutes.deleteKeySecret, deleteSecret)
    }

    /// Every actor with a current grant; with credentials also the keys that have none.
    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let showsCredentials = context.query.text("include") == "credentials"
        let (grants, keys, now) = try await database.fetch { tx in
            (
                try GrantStore().all(limit: Self.mostKeys, in: tx),
                try showsCredentials ? KeyStore().active(limit: Self.mostKeys, in: tx) : [], tx.now
            )
        }
        let granted = Dictionary(grouping: grants, by: \.actor)
        let credentials = Dictionary(
            keys.map { (Actor(id: $0.name, type: .apiKey), $0) }, uniquingKeysWith: { first, _ in first })
        let actors = Set(granted.keys).union(credentials.keys).sorted {
            ($0.id, $0.type.rawValue) < ($1.id, $1.type.rawValue)
        }
        return .json(
            KeyListAnswer {
                $0.keys = actors.map { actor in
                    var body = KeyActorBody(actor, granted[actor] ?? [])
                    if let key = credentials[actor] { body.show(key, at: now) }
                    return body
                }
            }
        )
    }

    private func create(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: CreateKeyRequest = try context.request.decode()
        var draft = APIKeyDraft(name: request.name)
        draft.grants =
            request.roles.map { GrantRequest(roleID: $0) } + (try request.grants.map { try GrantRequest($0) })
        draft.expiresAt = request.expiresAt
        draft.allowedNetworks = request.allowedNetworks
        draft.custody = KeyCustody(
            ownerUserID: request.ownerUserID, mayApprove: request.mayApprove, mayNotLogin: request.mayNotLogin)
        let issued = try await keys.create(draft, by: context.principal, origin: context.request.origin)
        return .json(CreatedKeyAnswer(issued), status: 201, location: "/api/v1/auth/keys/\(issued.key.id.text)")
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (key, roles, custody, now) = try await key(context.request.parameter("id"))
        return .json(APIKeyBody(key, roles: roles, custody, at: now), version: key.rowVersion)
    }

    private func update(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: UpdateKeyRequest = try context.request.decode()
        let (key, roles, custody, now) = try await key(context.request.parameter("id"))
        let changed = try await keys.update(
            name: key.name, expecting: try context.expectedVersion(), by: context.principal,
            origin: context.request.origin
        ) { change in
            switch request.expiresAt {
            case .keep: break
            case .clear: change.expiresAt = nil
            case .set(let end): change.expiresAt = end
            }
            change.isDisabled = request.isDisabled.resolved(from: change.isDisabled)
            change.allowedNetworks = request.allowedNetworks.resolved(from: change.allowedNetworks, cleared: [])
        }
        return .json(APIKeyBody(changed, roles: roles, custody, at: now), version: changed.rowVersion)
    }

    private func rotate(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RotateKeyRequest = try context.request.decode()
        let (key, _, _, _) = try await key(context.request.parameter("id"))
        let issued = try await keys.rotate(
            name: key.name, overlap: .seconds(request.overlapSeconds), expiresAt: request.expiresAt,
            by: context.principal, origin: context.request.origin
        )
        return .json(CreatedKeyAnswer(issued))
    }

    private func delete(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (key, _, _, _) = try await key(context.request.parameter("id"))
        try await keys.revoke(name: key.name, by: context.principal, origin: context.request.origin)
        return .noContent
    }

    private func deleteSecret(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (key, _, _, _) = try await key(context.request.parameter("id"))
        try await keys.revokeSecret(
            context.request.parameter("secret"), of: key.name, by: context.principal, origin: context.request.origin)
        return .noContent
    }

    /// A key by its name, which is what grants and earlier clients call it by, or by its identifier.
    private func key(
        _ reference: String
    ) async throws -> (APIKey, roles: [String], KeyCustody, now: Timestamp) {
        try await database.fetch { tx in
            let store = KeyStore()
            guard let key = try store.find(name: reference, in: tx) ?? store.find(APIKeyID(stored: reference), in: tx),
                key.revokedAt == nil
            else { throw StoreError.notFound(.key, id: reference) }
            let grants = try GrantStore().grants(of: Actor(id: key.name, type: .apiKey), in: tx)
            let custody = try KeyCustodyStore().custody(of: key.id, in: tx)
            return (key, Set(grants.map(\.roleID)).sorted(), custody, tx.now)
        }
    }
}

extension APIKey {
    fileprivate var prefix: String { tokenID.map { "ctk_\($0)" } ?? "" }
}

extension APIKeyBody {
    fileprivate init(_ key: APIKey, roles: [String], _ custody: KeyCustody, at now: Timestamp) {
        self.init {
            $0.id = key.id
            $0.name = key.name
            $0.prefix = key.prefix
            $0.createdBy = key.createdBy
            $0.createdAt = key.createdAt
            $0.expiresAt = key.expiresAt
            $0.lastUsedAt = key.lastUsedAt
            $0.lastUsedIP = key.lastUsedAddress
            $0.roles = roles
            $0.manager = key.origin.rawValue
            $0.isDisabled = key.disabledAt != nil
            $0.allowedNetworks = key.allowedNetworks
            $0.boundAgentID = key.boundAgent
            $0.ownerUserID = custody.ownerUserID
            $0.mayApprove = custody.mayApprove
            $0.mayNotLogin = custody.mayNotLogin
            if let end = key.previousExpiresAt, end > now { $0.previousValidUntil = end }
            $0.version = key.rowVersion
        }
    }
}

extension KeyActorBody {
    fileprivate init(_ actor: Actor, _ grants: [Grant]) {
        self.init {
            $0.actorID = actor.id
            $0.actorType = actor.type
            $0.roleIDs = Set(grants.map(\.roleID)).sorted()
            $0.grants = grants.map { GrantBody($0) }
        }
    }

    fileprivate mutating func show(_ key: APIKey, at now: Timestamp) {
        manager = key.origin.rawValue
        isDisabled = key.disabledAt != nil
        allowedNetworks = key.allowedNetworks
        let state = key.disabledAt != nil ? "disabled" : key.isUsable(at: now) ? "active" : "expired"
        // A value that the environment declares has no public part; the key names it.
        var values = [
            KeySecretBody(
                key, id: key.secretID ?? key.id.text, prefix: key.prefix, expiresAt: key.expiresAt, state: state)
        ]
        if let end = key.previousExpiresAt, end > now {
            let prefix = key.previousTokenID.map { "ctk_\($0)" } ?? ""
            values.append(
                KeySecretBody(
                    key, id: key.previousSecretID ?? key.id.text, prefix: prefix, expiresAt: end, state: "replaced"))
        }
        secrets = values
    }
}

extension KeySecretBody {
    fileprivate init(_ key: APIKey, id: String, prefix: String, expiresAt: Timestamp?, state: String) {
        self.init {
            $0.id = id
            $0.prefix = prefix
            $0.createdAt = key.createdAt
            $0.expiresAt = expiresAt
            $0.lastUsedAt = key.lastUsedAt
            $0.lastUsedIP = key.lastUsedAddress
            $0.state = state
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
