import Crypto
package import Domain
package import Query
package import Sealing
import Store
import Synchronization

/// What presenting a bearer credential led to.
package enum AuthenticationOutcome: Sendable {
    case principal(Principal)
    /// Unknown, expired, revoked or malformed: all alike to the caller.
    case refused
    /// The credential is right, but its agent is retired: 410 on every route.
    case agentRetired(AgentID)
}

/// What an API key with the role of an agent is worth (`CERTCTL_AGENT_SHARED_KEY_MODE`).
package enum SharedKeyRule: Sendable {
    case bind, allow, deny
}

/// Turns a bearer credential into a principal (specification, security §2.2, §2.4).
///
/// API keys are found by the public part of the token and compared by their HMAC; opaque tokens of earlier
/// installations and agent keys are found by their SHA-256. A failing database is an error, never a refusal and never
/// an admission.
package final class Authenticator: Sendable {
    private let database: any Database
    private let sealer: Sealer
    private let time: TimeSource
    private let sharedKeys: SharedKeyRule
    let cache = PrincipalCache()
    /// When the use of a key was last noted by this process.
    private let noted = Mutex<[APIKeyID: Timestamp]>([:])

    package init(
        database: any Database,
        sealer: Sealer,
        time: TimeSource,
        sharedKeys: SharedKeyRule = .bind
    ) {
        self.sharedKeys = sharedKeys
        self.database = database
        self.sealer = sealer
        self.time = time
    }

    /// The principal behind a token that came from `address`.
    package func authenticate(bearer token: Secret, from address: String) async throws -> AuthenticationOutcome {
        let digest = token.withBytes { Array(SHA256.hash(data: $0)) }
        let now = time.now
        if let entry = cache.entry(for: digest, at: now) {
            guard entry.networks.admit(address) else { return .refused }
            try await noteUse(of: entry.principal, from: address, at: now)
            return .principal(entry.principal)
        }
        let generation = cache.generation
        let found = try await database.read { [sealer] tx in try Self.find(token, sealer, in: tx) }
        switch found {
        case .none: return .refused
        case .retired(let agent): return .agentRetired(agent)
        case .valid(let credential):
            cache.store(
                credential.principal,
                for: digest,
                networks: credential.networks,
                credentialExpiresAt: credential.expiresAt,
                at: now,
                generation: generation
            )
            guard credential.networks.admit(address) else { return .refused }
            try await finish(credential, from: address, at: now)
            return .principal(credential.principal)
        }
    }

    /// The principal as it is now, for what goes on long after its request was admitted; `nil` when the credential
    /// ended.
    package func refreshed(
        _ principal: Principal, sessions: SessionAuthenticator
    ) async throws -> Principal? {
        if let signIn = principal.signIn { return try await sessions.refreshed(signIn) }
        guard principal.actor.type == .apiKey, let id = principal.credentialID else {
            return principal.isAgent ? nil : principal
        }
        return try await database.read { tx in
            guard let key = try KeyStore().find(APIKeyID(stored: id), in: tx), key.isUsable(at: tx.now) else {
                return nil
            }
            return try Self.principal(of: key, in: tx).0
        }
    }

    /// Whether a principal that is no agent may do an agent's work with its key, as earlier fleets share one.
    ///
    /// Only a key with the permissions of an agent counts. Under ``SharedKeyRule/bind`` the first agent that asks takes the key; every other one is refused from then on.
    package func mayAct(_ principal: Principal, as agent: AgentID) async throws -> Bool {
        guard principal.actor.type == .apiKey, principal.holds(.agentJobPoll), let id = principal.credentialID else {
            return false
        }
        switch sharedKeys {
        case .deny: return false
        case .allow: return true
        case .bind:
            if let bound = principal.boundAgent { return bound == agent }
            let bound = try await database.write { tx in
                try KeyStore().bind(APIKeyID(stored: id), to: agent, in: tx)
            }
            cache.invalidate()
            return bound == agent
        }
    }

    /// Forgets every cached principal: keys, grants or agents changed here or on another replica.
    package func invalidate() { cache.invalidate() }

    // MARK: Look-up

    private struct Credential: Sendable {
        let principal: Principal
        let expiresAt: Timestamp?
        var networks = AllowedNetworks.any
        /// A legacy hash that is to be replaced now that the token is known.
        var upgrade: (key: APIKeyID, from: KeyHash, to: KeyHash)?
        /// An agent that used its new key for the first time, so that the old one goes.
        var confirmedAgent: AgentID?
    }

    private enum Found: Sendable {
        case none
        case valid(Credential)
        case retired(AgentID)
    }

    private static func find(_ token: Secret, _ sealer: Sealer, in tx: any Transaction) throws -> Found {
        if let parsed = APIKeyToken(parsing: token) { return try findKey(parsed, sealer, in: tx) }
        // The form of an API key with a wrong checksum is a typing error, and no opaque token.
        guard !token.withText({ $0.hasPrefix("ctk_") }) else { return .none }
        if let key = AgentKey(parsing: token), let agent = try AgentStore().find(keyHash: key.sha256, in: tx) {
            guard !agent.isRetired else { return .retired(agent.id) }
            var credential = Credential(principal: principal(of: agent.id), expiresAt: nil)
            if !agent.isPreviousKey { credential.confirmedAgent = agent.id }
            return .valid(credential)
        }
        return try findOpaque(token, sealer, in: tx)
    }

    private static func findKey(
        _ token: APIKeyToken,
        _ sealer: Sealer,
        in tx: any Transaction
    ) throws -> Found {
        // A key that the environment declares is kept by its hash alone, whatever its form.
        let declared = KeyHash(hex: TokenHash.sha256(token.text), algorithm: .sha256)
        guard
            let candidate = try KeyStore().candidate(tokenID: token.keyID, in: tx)
                ?? KeyStore().candidate(hash: declared, in: tx)
        else { return .none }
        let matches: Bool =
            switch candidate.hash.algorithm {
            case .hmacSHA256: token.matches(hash: candidate.hash.hex, with: sealer)
            case .sha256:
                ConstantTime.equal(Array(TokenHash.sha256(token.text).utf8), Array(candidate.hash.hex.utf8))
            }
        guard matches else { return .none }
        return try admit(candidate, upgradeTo: token.hash(with: sealer), in: tx)
    }

    /// A token without structure, from an earlier installation: its hash is the look-up key.
    private static func findOpaque(_ token: Secret, _ sealer: Sealer, in tx: any Transaction) throws -> Found {
        let hash = KeyHash(hex: TokenHash.sha256(token), algorithm: .sha256)
        guard let candidate = try KeyStore().candidate(hash: hash, in: tx) else { return .none }
        return try admit(candidate, upgradeTo: nil, in: tx)
    }

    private static func admit(
        _ candidate: KeyCandidate,
        upgradeTo hash: String?,
        in tx: any Transaction
    ) throws -> Found {
        guard candidate.key.isUsable(at: tx.now), candidate.acceptedUntil.map({ $0 > tx.now }) ?? true else {
            return .none
        }
        let (principal, grantsChange) = try principal(of: candidate.key, in: tx)
        let ends = [candidate.key.expiresAt, candidate.acceptedUntil, grantsChange].compactMap { $0 }
        var credential = Credential(principal: principal, expiresAt: ends.min())
        credential.networks = AllowedNetworks(candidate.key.allowedNetworks)
        if let hash, candidate.hash.algorithm == .sha256, candidate.acceptedUntil == nil,
            candidate.key.origin == .api
        {
            let better = KeyHash(hex: hash, algorithm: .hmacSHA256)
            credential.upgrade = (candidate.key.id, candidate.hash, better)
        }
        return .valid(credential)
    }

    /// The principal of a key, and when the first of its grants ends.
    private static func principal(
        of key: APIKey,
        in tx: any Transaction
    ) throws -> (Principal, grantsChange: Timestamp?) {
        let actor = Actor(id: key.name, type: .apiKey)
        let holdings = try GrantStore().holdings(of: actor, in: tx)
        let principal = Principal(
            actor: actor,
            credentialID: key.id.text,
            roleIDs: holdings.roleIDs,
            rights: Rights(BuiltInRole.effective(holdings.entitlements)),
            boundAgent: key.boundAgent,
            userID: try KeyCustodyStore().custody(of: key.id, in: tx).ownerUserID.map { UserID(stored: $0) }
        )
        return (principal, holdings.firstExpiry)
    }

    private static func principal(of agent: AgentID) -> Principal {
        Principal(
            actor: Actor(id: agent.text, type: .agent),
            credentialID: agent.text,
            roleIDs: [BuiltInRole.agent.rawValue],
            permissions: BuiltInRole.agent.permissions,
            agentID: agent
        )
    }

    // MARK: Notes

    private func finish(_ credential: Credential, from address: String, at now: Timestamp) async throws {
        if let upgrade = credential.upgrade {
            try await database.write { tx in
                try KeyStore().upgradeHash(of: upgrade.key, from: upgrade.from, to: upgrade.to, in: tx)
            }
        }
        if let agent = credential.confirmedAgent {
            let hasPrevious = try await database.read { tx in
                try tx.row(
                    "SELECT 1 AS one FROM agents WHERE id = \(agent) AND previous_api_key_hash IS NOT NULL"
                ) != nil
            }
            if hasPrevious {
                try await database.write { tx in try AgentStore().dropPreviousKey(of: agent, in: tx) }
            }
        }
        try await noteUse(of: credential.principal, from: address, at: now)
    }

    /// Notes the use of a key at most once a minute; a busy key costs one write a minute.
    private func noteUse(of principal: Principal, from address: String, at now: Timestamp) async throws {
        guard principal.actor.type == .apiKey, let id = principal.credentialID else { return }
        let key = APIKeyID(stored: id)
        let isDue = noted.withLock { noted in
            if let last = noted[key], last <= now, now - last < KeyStore.useNoteInterval { return false }
            if noted.count >= 10_000 { noted.removeAll() }
            noted[key] = now
            return true
        }
        guard isDue else { return }
        try await database.write { tx in try KeyStore().noteUse(of: key, from: address, in: tx) }
    }
}
