package import Domain
package import Query

/// Whose a key is, and whether it may approve.
package struct KeyCustody: Hashable, Sendable {
    /// The person that the key belongs to; `nil` for a key that stands for itself.
    package var ownerUserID: String?
    package var mayApprove: Bool

    package init(ownerUserID: String? = nil, mayApprove: Bool = false) {
        self.ownerUserID = ownerUserID
        self.mayApprove = mayApprove
    }
}

/// Who stands behind a credential, and who was shown the value of a key (specification, security §1.3, §8).
package struct KeyCustodyStore: Sendable {
    package init() {}

    package func set(_ custody: KeyCustody, of key: APIKeyID, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO api_key_custody (api_key_id, owner_user_id, may_approve)
            VALUES (\(key), \(custody.ownerUserID), \(custody.mayApprove))
            ON CONFLICT (api_key_id) DO UPDATE SET owner_user_id = excluded.owner_user_id,
                may_approve = excluded.may_approve
            """
        )
    }

    /// A key that nothing was said about belongs to itself and approves nothing.
    package func custody(of key: APIKeyID, in tx: any Transaction) throws -> KeyCustody {
        let row = try tx.row("SELECT owner_user_id, may_approve FROM api_key_custody WHERE api_key_id = \(key)")
        guard let row else { return KeyCustody() }
        return KeyCustody(
            ownerUserID: try row.optionalText("owner_user_id"), mayApprove: try row.bool("may_approve"))
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

    /// The names of the keys that somebody could use: those that belong to a person, and those whose value came to them
    /// since `start`, directly or through other such keys.
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
            frontier = Set(try received.map { try $0.text("name") }).subtracting(known)
            known.formUnion(frontier)
        }
        return known
    }
}
