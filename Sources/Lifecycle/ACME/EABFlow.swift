package import Domain
import Encoding
import PKI
import Query
package import Sealing
package import Store

/// What an operator decides about a key for external account bindings.
package struct EABDraft: Sendable {
    package let label: String
    package var profileID: String?
    package var ownerID: String?
    package var teamID: String?
    package var allowedIdentifiers: [String] = []
    package var maxAccounts: Int?
    package var expiresAt: Timestamp?

    package init(label: String) { self.label = label }
}

/// Makes and ends keys for external account bindings (protocol-servers §2.6).
package struct EABFlow: Sendable {
    private static let keyLength = 32
    private static let mostPatterns = 100

    private let context: LifecycleContext
    private let sealer: Sealer
    private let store = EABKeyStore()

    package init(_ context: LifecycleContext, sealer: Sealer) {
        self.context = context
        self.sealer = sealer
    }

    /// A new key; its secret is told this once and never again, in base64url.
    package func create(_ draft: EABDraft, by author: Authorship) async throws -> (key: EABKey, secret: Secret) {
        var problems = FieldProblems()
        if draft.label.isEmpty { problems.add("/label", "required", "must not be empty") }
        problems.checkLength(draft.label, at: "/label", limit: 255)
        if draft.allowedIdentifiers.count > Self.mostPatterns {
            problems.add("/allowed_identifiers", "too_many", "at most \(Self.mostPatterns) patterns")
        }
        for (index, pattern) in draft.allowedIdentifiers.prefix(Self.mostPatterns).enumerated() {
            do {
                _ = try SANPattern(pattern)
            } catch {
                problems.add("/allowed_identifiers/\(index)", "invalid_pattern", "\(error)")
            }
        }
        if let most = draft.maxAccounts, most < 1 {
            problems.add("/max_accounts", "out_of_range", "must be at least 1")
        }
        if let end = draft.expiresAt, end <= context.time.now {
            problems.add("/expires_at", "in_the_past", "must lie in the future")
        }
        let profile: ProfileID? = draft.profileID.flatMap { problems.checkedID($0, at: "/profile_id") }
        let owner: OwnerID? = draft.ownerID.flatMap { problems.checkedID($0, at: "/owner_id") }
        let team: TeamID? = draft.teamID.flatMap { problems.checkedID($0, at: "/team_id") }
        try problems.throwIfAny()

        let id: EABKeyID = context.newID()
        var octets = Self.key(of: context.random)
        defer { Erasure.erase(&octets) }
        let place = SealedPlace(table: EABKeyStore.table, column: EABKeyStore.column, rowID: id.text)
        var new = NewEABKey(
            id: id, label: draft.label, sealedKey: sealer.seal(octets, for: place), createdBy: author.actor.id)
        new.profileID = profile
        new.ownerID = owner
        new.teamID = team
        new.allowedIdentifiers = draft.allowedIdentifiers
        new.maxAccounts = draft.maxAccounts
        new.expiresAt = draft.expiresAt
        let stored = new
        let key = try await context.write { tx in
            let key = try store.insert(stored, in: tx)
            try context.recorder.record(
                .eabKeyCreated, id.text, details: ["label": .string(key.label)], by: author, in: tx)
            return key
        }
        return (key, Secret(Base64URL.encode(octets)))
    }

    /// A key whose text no command line takes for an option: certbot refuses `--eab-hmac-key -…`. A text of base64url begins with
    /// a hyphen when its first six bits are 62.
    static func key(of random: RandomSource) -> [UInt8] {
        var octets = random.bytes(keyLength)
        if octets[0] >> 2 == 62 { octets[0] ^= 0x80 }
        return octets
    }

    package func get(_ id: EABKeyID) async throws -> EABKey {
        guard let key = try await context.read({ tx in try store.find(id, in: tx) }) else {
            throw StoreError.notFound(.eabKey, id: id.text).serviceError
        }
        return key
    }

    /// Ends a key. Accounts that it opened stay; ending one is a step of its own.
    package func revoke(_ id: EABKeyID, by author: Authorship) async throws {
        try await context.write { tx in
            guard try store.find(id, in: tx) != nil else { throw StoreError.notFound(.eabKey, id: id.text) }
            guard try store.revoke(id, in: tx) != nil else { return }
            try context.recorder.record(.eabKeyRevoked, id.text, by: author, in: tx)
        }
    }
}
