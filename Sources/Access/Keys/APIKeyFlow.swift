package import Domain
import Encoding
import Query
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

/// An API key about to be made.
package struct APIKeyDraft: Sendable {
    package var name: String
    package var grants: [GrantRequest] = []
    package var expiresAt: Timestamp?
    /// Networks that it may be used from; empty for anywhere.
    package var allowedNetworks: [String] = []
    /// The person that it belongs to, and whether it may approve what others ask for.
    package var custody = KeyCustody()

    package init(name: String) { self.name = name }
}

/// Creates, rotates, changes and revokes API keys (specification, security §2.2, §3.5).
package struct APIKeyFlow: Sendable {
    private static let overlapRange = Duration.zero...Duration.days(7)
    /// How long the name of a revoked key stays unused, so that the audit trail speaks of one holder.
    private static let nameRest = Duration.days(90)

    private let context: AccessContext
    private let sealer: Sealer
    /// `CERTCTL_API_KEY_MAX_LIFETIME`; `nil` for no limit.
    private let longestLifetime: Duration?
    private let keys = KeyStore()
    private let grants: GrantFlow
    private let custody = KeyCustodyStore()

    package init(_ context: AccessContext, sealer: Sealer, longestLifetime: Duration? = nil) {
        self.context = context
        self.sealer = sealer
        self.longestLifetime = longestLifetime
        grants = GrantFlow(context)
    }

    /// Creates a key with roles. Nobody gives away more than they hold.
    package func create(
        _ draft: APIKeyDraft,
        by principal: Principal,
        origin: RequestOrigin
    ) async throws -> IssuedAPIKey {
        try ActorName.check(draft.name, at: "/name")
        try Self.check(networks: draft.allowedNetworks)
        if !draft.grants.isEmpty { try principal.require(.authRoleAssign) }
        let token = APIKeyToken.generate(random: context.random)
        let id = APIKeyID(generatedAt: context.time.now, random: context.random)
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        let actor = Actor(id: draft.name, type: .apiKey)
        let key = try await context.change("auth.key_created", draft.name, by: author) { [self] tx in
            try requireFree(draft.name, in: tx)
            let key = try keys.insert(
                NewAPIKey(
                    id: id,
                    name: draft.name,
                    tokenID: token.keyID,
                    hash: KeyHash(hex: token.hash(with: sealer), algorithm: .hmacSHA256),
                    isAdmin: draft.grants.contains { $0.roleID == GrantStore.adminRole && $0.scope == .global },
                    createdBy: principal.actor.id,
                    expiresAt: try checkedExpiry(draft.expiresAt ?? defaultExpiry(at: tx.now), at: tx.now),
                    allowedNetworks: draft.allowedNetworks
                ),
                in: tx
            )
            try requireWelcome(draft.custody.ownerUserID, in: tx)
            try custody.set(draft.custody, of: key.id, in: tx)
            try custody.noteHandover(of: key.id, named: key.name, to: author.actor, in: tx)
            for grant in draft.grants { try grants.addUnguarded(grant, to: actor, by: author, in: tx) }
            try record("auth.key_created", key, Self.facts(draft), by: author, in: tx)
            return key
        }
        let roles = Set(draft.grants.map(\.roleID)).sorted()
        return IssuedAPIKey(key: key, value: token.text, roleIDs: roles, previousValidUntil: nil)
    }

    /// Gives a key a new value; the old one is accepted for `overlap`, at most a week.
    ///
    /// Whoever holds a key may rotate it; for another one the caller must hold all that it opens.
    ///
    /// - `expiresAt`: The new end of life; `nil` keeps the one that is.
    package func rotate(
        name: String,
        overlap: Duration,
        expiresAt: Timestamp? = nil,
        by principal: Principal,
        origin: RequestOrigin
    ) async throws -> IssuedAPIKey {
        guard Self.overlapRange.contains(overlap) else {
            throw Self.problem("/overlap_seconds", "out_of_range", "must be between 0 and 604800")
        }
        let token = APIKeyToken.generate(random: context.random)
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        let actor = Actor(id: name, type: .apiKey)
        let (key, end, roles) = try await context.change("auth.key_rotated", name, by: author) { [self] tx in
            let stored = try changeable(name, by: principal, needing: .authKeyRotate, in: tx)
            if let expiresAt {
                var change = KeyChange(of: stored)
                change.expiresAt = try checkedExpiry(expiresAt, at: tx.now)
                _ = try keys.update(stored.id, change, expecting: nil, in: tx)
            }
            let end = tx.now + overlap
            // Whoever had the old value may have opened them.
            try SessionStore().revokeAll(of: stored.id, cause: .credentialChanged, in: tx)
            let key = try keys.rotate(
                stored.id,
                tokenID: token.keyID,
                hash: KeyHash(hex: token.hash(with: sealer), algorithm: .hmacSHA256),
                overlapEnd: end,
                in: tx
            )
            try custody.noteHandover(of: key.id, named: key.name, to: author.actor, in: tx)
            try record("auth.key_rotated", key, ["previous_valid_until": .string(end.rfc3339)], by: author, in: tx)
            let held = try GrantStore().grants(of: actor, in: tx).map(\.roleID)
            return (key, end, Set(held).sorted())
        }
        return IssuedAPIKey(key: key, value: token.text, roleIDs: roles, previousValidUntil: end)
    }

    /// Changes end of life, networks, or whether the key is switched on. The last administrator stays.
    package func update(
        name: String,
        expecting version: Int?,
        by principal: Principal,
        origin: RequestOrigin,
        _ apply: @escaping @Sendable (inout KeyChange) -> Void
    ) async throws -> APIKey {
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        return try await context.change("auth.key_updated", name, by: author) { [self] tx in
            try context.escalation.keepingAnAdministrator(in: tx) {
                let stored = try changeable(name, by: principal, needing: .authKeyRotate, in: tx)
                let before = KeyChange(of: stored)
                var change = before
                apply(&change)
                try Self.check(networks: change.allowedNetworks)
                if change.expiresAt != before.expiresAt {
                    change.expiresAt = try checkedExpiry(change.expiresAt, at: tx.now)
                }
                guard change != before else { return stored }
                let key = try keys.update(stored.id, change, expecting: version, in: tx)
                if change.isDisabled {
                    try SessionStore().revokeAll(of: stored.id, cause: .credentialChanged, in: tx)
                }
                let details: JSONObject = ["before": Self.facts(before), "after": Self.facts(change)]
                try record("auth.key_updated", key, details, by: author, in: tx)
                return key
            }
        }
    }

    /// Ends a key at once, and its grants. The last administrator's key stays.
    package func revoke(name: String, by principal: Principal, origin: RequestOrigin) async throws {
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        try await context.change("auth.key_deleted", name, by: author) { [self] tx in
            try context.escalation.keepingAnAdministrator(in: tx) {
                let stored = try changeable(name, by: principal, needing: .authKeyDelete, in: tx)
                guard try keys.revoke(stored.id, in: tx) != nil else { throw Self.unknown(name) }
                try SessionStore().revokeAll(of: stored.id, cause: .credentialChanged, in: tx)
                try record("auth.key_deleted", stored, [:], by: author, in: tx)
            }
        }
    }

    /// Ends one of the two values of a key that is being rotated; the other one goes on working.
    ///
    /// Without the new value the old one is the key's only value again, and ends when the overlap was to end.
    ///
    /// - `secret`: As the list of keys names it.
    package func revokeSecret(
        _ secret: String, of name: String, by principal: Principal, origin: RequestOrigin
    ) async throws {
        let author = principal.authorship(from: origin, clearance: .withoutPermission)
        try await context.change("auth.key_secret_revoked", name, by: author) { [self] tx in
            try context.escalation.keepingAnAdministrator(in: tx) {
                let stored = try changeable(name, by: principal, needing: .authKeyDelete, in: tx)
                let overlapEnd = stored.previousExpiresAt.flatMap { $0 > tx.now ? $0 : nil }
                let key: APIKey
                switch (secret, overlapEnd) {
                case (stored.previousSecretID, _?): key = try keys.dropPrevious(of: stored.id, in: tx)
                case (stored.secretID, let end?):
                    let last = stored.expiresAt.map { min($0, end) } ?? end
                    key = try keys.restorePrevious(of: stored.id, until: last, in: tx)
                case (stored.secretID, nil):
                    throw ServiceError(
                        .invalidState,
                        "\(secret) is the only value of \(name): rotate the key without overlap, or delete it")
                default: throw ServiceError(.notFound, "the API key \(name) has no value \(secret)")
                }
                let details: JSONObject = [
                    "secret_id": .string(secret), "expires_at": key.expiresAt.map { .string($0.rfc3339) } ?? .null,
                ]
                try record("auth.key_secret_revoked", key, details, by: author, in: tx)
            }
        }
    }

    // MARK: Rules

    /// The key, locked, if the caller may act on it: its own, or one that opens nothing which the caller lacks.
    private func changeable(
        _ name: String,
        by principal: Principal,
        needing permission: Permission,
        in tx: any Transaction
    ) throws -> APIKey {
        guard let stored = try keys.lock(name: name, in: tx) else { throw Self.unknown(name) }
        guard stored.origin == .api else {
            throw ServiceError(
                .invalidState,
                "\(name) is declared in the environment of the server; change CERTCTL_API_KEYS_NAMED there"
            )
        }
        let actor = Actor(id: name, type: .apiKey)
        if permission != .authKeyRotate || principal.actor != actor { try principal.require(permission) }
        try context.escalation.requireDominance(of: principal.actor, over: actor, in: tx)
        return stored
    }

    /// Nobody is given a key who has just been shown the door.
    private func requireWelcome(_ owner: String?, in tx: any Transaction) throws {
        guard let owner, let user = try UserStore().lock(UserID(stored: owner), in: tx), user.deactivatedAt != nil
        else { return }
        throw ServiceError(
            .unknownReference, "the user \(owner) is deactivated",
            problems: [FieldProblem(pointer: "/owner_user_id", code: "unknown_reference", detail: "is deactivated")])
    }

    private func requireFree(_ name: String, in tx: any Transaction) throws {
        guard let last = try keys.lastRevocation(ofName: name, in: tx), tx.now < last + Self.nameRest else { return }
        throw ServiceError(
            .alreadyExists,
            "a key named \(name) was deleted less than 90 days ago; choose another name",
            problems: [FieldProblem(pointer: "/name", code: "taken", detail: "was in use until recently")]
        )
    }

    private func defaultExpiry(at now: Timestamp) -> Timestamp? { longestLifetime.map { now + $0 } }

    private func checkedExpiry(_ end: Timestamp?, at now: Timestamp) throws(ServiceError) -> Timestamp? {
        if let end, end <= now { throw Self.problem("/expires_at", "in_past", "must lie in the future") }
        guard let longest = longestLifetime else { return end }
        guard let end, end <= now + longest else {
            throw Self.problem("/expires_at", "too_late", "must lie within CERTCTL_API_KEY_MAX_LIFETIME from now")
        }
        return end
    }

    private static func check(networks: [String]) throws(ServiceError) {
        for (index, text) in networks.enumerated() where AddressRange(text) == nil {
            throw problem("/allowed_cidrs/\(index)", "invalid_value", "must be an address or a network: 10.0.0.0/8")
        }
    }

    private func record(
        _ action: String,
        _ key: APIKey,
        _ details: JSONObject,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        var details = details
        details["name"] = .string(key.name)
        try context.recorder.record(action, "api_key", key.id.text, details: details, by: author, in: tx)
    }

    private static func facts(_ draft: APIKeyDraft) -> JSONObject {
        var facts: JSONObject = [
            "roles": JSONValue(draft.grants.map(\.roleID)), "may_approve": .bool(draft.custody.mayApprove),
        ]
        if let owner = draft.custody.ownerUserID { facts["owner_user_id"] = .string(owner) }
        return facts
    }

    private static func facts(_ change: KeyChange) -> JSONValue {
        [
            "expires_at": change.expiresAt.map { .string($0.rfc3339) } ?? .null, "disabled": .bool(change.isDisabled),
            "allowed_cidrs": JSONValue(change.allowedNetworks),
        ]
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
