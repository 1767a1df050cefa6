package import Domain
package import Query

/// Whose a key is, and what else it may do than call the API.
package struct KeyCustody: Hashable, Sendable {
    /// The person that the key belongs to; `nil` for a key that stands for itself.
    package var ownerUserID: String?
    package var mayApprove: Bool
    /// The key opens no browser session.
    package var mayNotLogin: Bool

    package init(ownerUserID: String? = nil, mayApprove: Bool = false, mayNotLogin: Bool = false) {
        self.ownerUserID = ownerUserID
        self.mayApprove = mayApprove
        self.mayNotLogin = mayNotLogin
    }
}

/// Who stands behind a credential, and who was shown the value of a key (specification, security §1.3, §8).
package struct KeyCustodyStore: Sendable {
    package init() {}

    package func set(_ custody: KeyCustody, of key: APIKeyID, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO api_key_custody (api_key_id, owner_user_id, may_approve, may_not_login)
            VALUES (\(key), \(custody.ownerUserID), \(custody.mayApprove), \(custody.mayNotLogin))
            ON CONFLICT (api_key_id) DO UPDATE SET owner_user_id = excluded.owner_user_id,
                may_approve = excluded.may_approve, may_not_login = excluded.may_not_login
            """
        )
    }

    /// A key that nothing was said about belongs to itself and approves nothing.
    package func custody(of key: APIKeyID, in tx: any Transaction) throws -> KeyCustody {
        let row = try tx.row(
            "SELECT owner_user_id, may_approve, may_not_login FROM api_key_custody WHERE api_key_id = \(key)")
        guard let row else { return KeyCustody() }
        return KeyCustody(
            ownerUserID: try row.optionalText("owner_user_id"), mayApprove: try row.bool("may_approve"),
            mayNotLogin: try row.bool("may_not_login"))
    }

    /// Switches off every key that a person owns; which went.
    package func disableKeys(
        of owner: UserID, in tx: any Transaction
    ) throws -> [(id: APIKeyID, name: String)] {
        let keys: [(id: APIKeyID, name: String)] = try tx.rows(
            """
            UPDATE api_keys SET disabled_at = \(tx.now), updated_at = \(tx.now), row_version = row_version + 1
            WHERE disabled_at IS NULL AND revoked_at IS NULL
                AND id IN (SELECT api_key_id FROM api_key_custody WHERE owner_user_id = \(owner.text))
            RETURNING id, name
            """
        ).map { (try $0.id("id"), try $0.text("name")) }
        if !keys.isEmpty { try tx.notify(.access, payload: owner.text) }
        return keys.sorted { $0.name < $1.name }
    }

    /// The keys of a person that are not revoked.
    package func keys(ownedBy owner: UserID, in tx: any Transaction) throws -> [APIKeyID] {
        try tx.rows(
            """
            SELECT k.id FROM api_keys k JOIN api_key_custody c ON c.api_key_id = k.id
            WHERE c.owner_user_id = \(owner.text) AND k.revoked_at IS NULL ORDER BY k.id
            """
        ).map { try $0.id("id") }
    }

    /// Notes that somebody was shown the value of a key. Whoever rotates its own key learns nothing new.
    package func noteHandover(of key: APIKeyID, named name: String, to actor: Actor, in tx: any Transaction) throws {
        guard actor != Actor(id: name, type: .apiKey) else { return }
        try tx.execute(
            """
            INSERT INTO api_key_handovers (api_key_id, handed_to, handed_to_type, handed_at)
            VALUES (\(key), \(actor.id), \(actor.type), \(tx.now)) ON CONFLICT DO NOTHING
            """
        )
    }

    /// The person or service behind an actor: the owner of a key, else the actor itself.
    package func principal(of actor: Actor, in tx: any Transaction) throws -> String {
        guard actor.type == .apiKey else { return Self.principal(actor) }
        let row = try tx.row(
            """
            SELECT c.owner_user_id FROM api_keys k JOIN api_key_custody c ON c.api_key_id = k.id
            WHERE k.name = \(actor.id) AND k.revoked_at IS NULL
            """
        )
        guard let owner = try row?.optionalText("owner_user_id") else { return Self.principal(actor) }
        return Self.principal(Actor(id: owner, type: .user))
    }

    private static func principal(_ actor: Actor) -> String { "\(actor.type.rawValue):\(actor.id)" }

    /// The names of the actors that somebody could pass for: keys that belong to a person, keys whose value came to them
    /// since `start`, local accounts whose password they chose; directly or through other such actors.
    package func keys(
        within reachOf: Actor,
        ownedBy principals: Set<String>,
        since start: Timestamp,
        in tx: any Transaction
    ) throws -> Set<String> {
        let owners = principals.compactMap { $0.hasPrefix("User:") ? String($0.dropFirst(5)) : nil }.sorted()
        var known: Set<String> = [reachOf.id]
        if !owners.isEmpty {
            let owned = try tx.rows(
                """
                SELECT k.name FROM api_keys k JOIN api_key_custody c ON c.api_key_id = k.id
                WHERE c.owner_user_id IN \(list: owners)
                """
            )
            known.formUnion(try owned.map { try $0.text("name") })
            known.formUnion(owners)
        }
        var frontier = known
        while !frontier.isEmpty {
            let received = try tx.rows(
                """
                SELECT DISTINCT k.name FROM api_key_handovers h JOIN api_keys k ON k.id = h.api_key_id
                WHERE h.handed_to IN \(list: frontier.sorted()) AND h.handed_at > \(start)
                """
            )
            let chosen = try tx.rows(
                "SELECT actor_id AS name FROM breakglass_credentials WHERE set_by IN \(list: frontier.sorted())")
            frontier = Set(try (received + chosen).map { try $0.text("name") }).subtracting(known)
            known.formUnion(frontier)
        }
        return known
    }
}
