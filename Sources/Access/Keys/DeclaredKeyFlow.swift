package import Domain
import Encoding
import Query
import Sealing
package import Store

/// An API key that the environment of the server declares, by the hashes of its values.
package struct DeclaredAPIKey: Sendable {
    package let name: String
    package let hash: KeyHash
    /// The second value of a rotation.
    package let previous: KeyHash?
    package let roleID: String

    package init(name: String, hash: KeyHash, previous: KeyHash?, roleID: String) {
        self.name = name
        self.hash = hash
        self.previous = previous
        self.roleID = roleID
    }

    /// The hash under which a plain value is looked up.
    package static func hash(of value: Secret) -> KeyHash {
        KeyHash(hex: TokenHash.sha256(value), algorithm: .sha256)
    }
}

/// Makes the keys in the database those that the environment declares (specification, security §2.2).
///
/// A key is granted its role when its row is made, and never again: what an administrator takes away stays away. A key
/// that is no longer declared is switched off. Replicas take turns, and must be given the same declarations.
package struct DeclaredKeyFlow: Sendable {
    /// The second value of a declared key works for as long as it is declared.
    private static let endless = Timestamp(secondsSinceEpoch: 253_402_300_799)

    private let context: AccessContext
    private let keys = KeyStore()
    private let grants = GrantStore()

    package init(_ context: AccessContext) { self.context = context }

    /// - Returns: The names of keys that were switched off.
    package func declare(_ declared: [DeclaredAPIKey]) async throws -> [String] {
        try await context.change("auth.key_declared", "environment", by: .system) { [self] tx in
            try grants.lockAdministration(in: tx)
            for key in declared { try declare(key, in: tx) }
            let names = Set(declared.map(\.name))
            var gone: [String] = []
            for key in try keys.environmentKeys(in: tx) where key.disabledAt == nil && !names.contains(key.name) {
                var change = KeyChange(of: key)
                change.isDisabled = true
                _ = try keys.update(key.id, change, expecting: nil, in: tx)
                try record("auth.key_updated", key.id, key.name, ["disabled": true], in: tx)
                gone.append(key.name)
            }
            return gone
        }
    }

    private func declare(_ declared: DeclaredAPIKey, in tx: any Transaction) throws {
        if let stored = try keys.lock(name: declared.name, in: tx) {
            guard stored.origin == .env else {
                throw ServiceError(
                    .alreadyExists,
                    "CERTCTL_API_KEYS_NAMED declares \(declared.name), but a key of this name was made over the API; "
                        + "delete that key or choose another name"
                )
            }
            if try apply(declared, to: stored.id, in: tx) {
                try record("auth.key_updated", stored.id, declared.name, ["declared": "changed"], in: tx)
            }
            return
        }
        let key = try keys.insert(
            NewAPIKey(
                id: APIKeyID(generatedAt: tx.now, random: context.random),
                name: declared.name,
                tokenID: nil,
                hash: declared.hash,
                isAdmin: declared.roleID == GrantStore.adminRole,
                createdBy: "environment",
                origin: .env
            ),
            in: tx
        )
        _ = try apply(declared, to: key.id, in: tx)
        try grants.grant(
            GrantID(generatedAt: tx.now, random: context.random),
            role: declared.roleID,
            to: Actor(id: declared.name, type: .apiKey),
            by: "bootstrap",
            source: .env,
            in: tx
        )
        try record("auth.key_created", key.id, declared.name, ["roles": [.string(declared.roleID)]], in: tx)
    }

    private func apply(_ declared: DeclaredAPIKey, to id: APIKeyID, in tx: any Transaction) throws -> Bool {
        try keys.declare(id, hash: declared.hash, previous: declared.previous, until: Self.endless, in: tx)
    }

    private func record(
        _ action: String,
        _ id: APIKeyID,
        _ name: String,
        _ details: JSONObject,
        in tx: any Transaction
    ) throws {
        var details = details
        details["name"] = .string(name)
        details["managed_by"] = "env"
        try context.recorder.record(action, "api_key", id.text, details: details, by: .system, in: tx)
    }
}
