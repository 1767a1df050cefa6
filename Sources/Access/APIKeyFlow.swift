package import Domain
import Encoding
package import Query
package import Sealing
package import Store

/// A key with its value, which is shown once.
package struct IssuedAPIKey: Sendable {
    package let key: APIKey
    package let value: Secret
    package let roleIDs: [String]
    /// Until when the value before is accepted, after a rotation.
    package let previousValidUntil: Timestamp?
}

/// Creates, rotates and revokes API keys (specification, security §2.2, §3.5).
package struct APIKeyFlow: Sendable {
    private static let overlapRange = Duration.zero...Duration.days(7)

    private let database: any Database
    private let sealer: Sealer
    private let authenticator: Authenticator
    private let time: TimeSource
    private let random: RandomSource
    private let recorder: AccessRecorder
    private let keys = KeyStore()
    private let grants = GrantStore()

    package init(
        database: any Database,
        sealer: Sealer,
        authenticator: Authenticator,
        time: TimeSource,
        random: RandomSource
    ) {
        self.database = database
        self.sealer = sealer
        self.authenticator = authenticator
        self.time = time
        self.random = random
        recorder = AccessRecorder(random: random)
    }

    /// Creates a key with roles. Nobody gives away more than they hold.
    package func create(
        name: String,
        roleIDs: [String],
        expiresAt: Timestamp?,
        by principal: Principal,
        origin: RequestOrigin
    ) async throws -> IssuedAPIKey {
        try ActorName.check(name, at: "/name")
        let roles = try Self.roles(roleIDs)
        if let expiresAt, expiresAt <= time.now {
            throw Self.problem("/expires_at", "in_past", "must lie in the future")
        }
        if !roles.isEmpty { try principal.require(.authRoleAssign) }
        try Self.requireSubset(of: roles, principal)
        let token = APIKeyToken.generate(random: random)
        let id = APIKeyID(generatedAt: time.now, random: random)
        let author = principal.authorship(from: origin)
        let key = try await database.act { [self] tx in
            let key = try keys.insert(
                NewAPIKey(
                    id: id,
                    name: name,
                    tokenID: token.keyID,
                    hash: KeyHash(hex: token.hash(with: sealer), algorithm: .hmacSHA256),
                    isAdmin: roles.contains(.admin),
                    createdBy: principal.actor.id,
                    expiresAt: expiresAt
                ),
                in: tx
            )
            for role in roles {
                try grants.grant(
                    GrantID(generatedAt: tx.now, random: random),
                    role: role.rawValue,
                    to: Actor(id: name, type: .apiKey),
                    by: principal.actor.id,
                    in: tx
                )
            }
            try recorder.record(
                "auth.key_created",
                "api_key",
                id.text,
                details: ["name": .string(name), "roles": JSONValue(roles.map(\.rawValue))],
                by: author,
                in: tx
            )
            return key
        }
        return IssuedAPIKey(key: key, value: token.text, roleIDs: roles.map(\.rawValue), previousValidUntil: nil)
    }

    /// Gives a key a new value; the old one is accepted for `overlap`, at most a week.
    ///
    /// Whoever holds a key may rotate it; other keys need `auth.key.rotate`.
    package func rotate(
        name: String,
        overlap: Duration,
        by principal: Principal,
        origin: RequestOrigin
    ) async throws -> IssuedAPIKey {
        if principal.actor != Actor(id: name, type: .apiKey) { try principal.require(.authKeyRotate) }
        guard Self.overlapRange.contains(overlap) else {
            throw Self.problem("/overlap_seconds", "out_of_range", "must be between 0 and 604800")
        }
        let token = APIKeyToken.generate(random: random)
        let author = principal.authorship(from: origin)
        let (key, end, roles) = try await database.act { [self] tx in
            guard let stored = try keys.find(name: name, in: tx) else { throw Self.unknown(name) }
            let held = try grants.grants(of: Actor(id: name, type: .apiKey), in: tx).map(\.roleID)
            if principal.actor.id != name { try Self.requireSubset(of: Self.roles(held), principal) }
            let end = tx.now + overlap
            let key = try keys.rotate(
                stored.id,
                tokenID: token.keyID,
                hash: KeyHash(hex: token.hash(with: sealer), algorithm: .hmacSHA256),
                overlapEnd: end,
                in: tx
            )
            try recorder.record(
                "auth.key_rotated",
                "api_key",
                stored.id.text,
                details: ["name": .string(name)],
                by: author,
                in: tx
            )
            return (key, end, held)
        }
        authenticator.invalidate()
        return IssuedAPIKey(key: key, value: token.text, roleIDs: roles, previousValidUntil: end)
    }

    /// Ends a key at once. The last administrator's key stays.
    package func revoke(name: String, by principal: Principal, origin: RequestOrigin) async throws {
        let author = principal.authorship(from: origin)
        try await database.act { [self] tx in
            guard let stored = try keys.find(name: name, in: tx), try keys.revoke(stored.id, in: tx) != nil else {
                throw Self.unknown(name)
            }
            guard try grants.hasAdministrator(in: tx) else {
                throw ServiceError(
                    .invalidState,
                    "\(name) is the last administrator; create another administrator first"
                )
            }
            try recorder.record(
                "auth.key_deleted",
                "api_key",
                stored.id.text,
                details: ["name": .string(name)],
                by: author,
                in: tx
            )
        }
        authenticator.invalidate()
    }

    // MARK: Rules

    private static func roles(_ ids: [String]) throws(ServiceError) -> [BuiltInRole] {
        var roles: [BuiltInRole] = []
        for (index, id) in ids.enumerated() {
            guard let role = BuiltInRole(rawValue: id) else {
                throw ServiceError(
                    .unknownReference,
                    "there is no role \(id)",
                    problems: [
                        FieldProblem(
                            pointer: "/roles/\(index)", code: "unknown_reference", detail: "there is no role \(id)")
                    ]
                )
            }
            if !roles.contains(role) { roles.append(role) }
        }
        return roles
    }

    private static func requireSubset(of roles: [BuiltInRole], _ principal: Principal) throws(ServiceError) {
        for role in roles {
            let missing = role.permissions.subtracting(principal.permissions)
            guard missing.isEmpty else {
                let names = missing.map(\.rawValue).sorted().joined(separator: ", ")
                throw ServiceError(
                    .insufficientPermissions,
                    "the role \(role.name) allows what you may not do yourself: \(names)"
                )
            }
        }
    }

    private static func problem(_ pointer: String, _ code: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed,
            "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: code, detail: detail)]
        )
    }

    private static func unknown(_ name: String) -> ServiceError {
        ServiceError(.notFound, "there is no API key \(name)")
    }
}
