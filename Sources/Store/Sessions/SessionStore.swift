package import Domain
package import Query

/// The browser sessions. The row decides: what it does not say is no session.
package struct SessionStore: Sendable {
    /// How long the cookie and the CSRF token that a rotation replaced are still accepted.
    package static let overlap = Duration.seconds(60)

    package init() {}

    private static let columns: SQL = """
        s.id, s.id_hash, s.previous_until, s.actor_id, s.actor_type, s.auth_method, s.auth_time, s.credential_id,
        s.csrf_token_hash, s.previous_csrf_token_hash, s.csrf_rotated_at, s.rotation_due, s.ip_address, s.user_agent,
        s.created_at, s.last_seen_at, s.idle_expires_at, s.absolute_expires_at, s.revoked_at, s.revoke_cause
        """
    /// With the key or the user behind each.
    private static let presented: SQL = """
        SELECT \(fragment: columns), k.id AS key_id, k.revoked_at AS key_revoked_at, k.disabled_at AS key_disabled_at,
            k.expires_at AS key_expires_at, k.allowed_cidrs AS key_allowed_cidrs, u.id AS user_id,
            u.deactivated_at AS user_deactivated_at, h.owner_user_id
        FROM sessions s
        LEFT JOIN api_keys k ON k.id = s.credential_id
        LEFT JOIN api_key_custody h ON h.api_key_id = k.id
        LEFT JOIN users u ON u.id = s.actor_id
        """

    package func insert(_ new: NewSession, in tx: any Transaction) throws -> Session {
        try tx.execute(
            """
            INSERT INTO sessions (
                id, id_hash, actor_id, actor_type, auth_method, auth_time, credential_id, signing_key_id,
                csrf_token_hash, csrf_rotated_at, ip_address, user_agent, created_at, last_seen_at, idle_expires_at,
                absolute_expires_at
            ) VALUES (
                \(new.id), \(new.idHash), \(new.actor.id), \(new.actor.type), \(new.method), \(tx.now),
                \(new.credentialID), \(new.signingKeyID), \(new.csrfTokenHash), \(tx.now), \(new.address),
                \(new.userAgent), \(tx.now), \(tx.now), \(new.idleExpiresAt), \(new.absoluteExpiresAt)
            )
            """
        )
        guard let session = try find(new.id, in: tx) else { throw StoreError.notFound(.session, id: new.id.text) }
        return session
    }

    /// The session of a cookie, whatever its state; one read of an index.
    package func find(idHash: [UInt8], in tx: any Transaction) throws -> PresentedSession? {
        try tx.row(
            """
            \(fragment: Self.presented)
            WHERE s.id_hash = \(idHash) OR s.previous_id_hash = \(idHash) LIMIT 1
            """
        ).map { try PresentedSession($0, idHash: idHash, at: tx.now) }
    }

    /// The session of a handle, as if its current cookie had come.
    package func presented(_ id: SessionID, in tx: any Transaction) throws -> PresentedSession? {
        try tx.row("\(fragment: Self.presented) WHERE s.id = \(id)").map { row in
            try PresentedSession(row, idHash: try row.bytes("id_hash"), at: tx.now)
        }
    }

    package func find(_ id: SessionID, in tx: any Transaction) throws -> Session? {
        try tx.row("SELECT \(fragment: Self.columns) FROM sessions s WHERE s.id = \(id)").map { try Session($0) }
    }

    /// The sessions of an actor that could still be used, newest first.
    package func live(of actor: Actor, in tx: any Transaction) throws -> [Session] {
        try tx.rows(
            """
            \(fragment: Self.presented)
            WHERE s.actor_id = \(actor.id) AND s.actor_type = \(actor.type) AND s.revoked_at IS NULL
                AND s.absolute_expires_at > \(tx.now) AND s.idle_expires_at > \(tx.now)
            ORDER BY s.created_at DESC, s.id DESC
            """
        ).compactMap { row in
            let found = try PresentedSession(row, idHash: try row.bytes("id_hash"), at: tx.now)
            return found.isActorActive ? found.session : nil
        }
    }

    /// Notes that a session is used, unless that was noted after `deadline`.
    package func noteUse(
        of id: SessionID, unlessSince deadline: Timestamp, idleExpiresAt: Timestamp, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE sessions SET last_seen_at = \(tx.now), idle_expires_at = \(idleExpiresAt)
            WHERE id = \(id) AND revoked_at IS NULL AND last_seen_at <= \(deadline)
            """
        )
    }

    /// Gives a session another cookie and another CSRF token; of several that try at once, one does.
    package func rotate(
        _ session: Session, idHash: [UInt8], signingKeyID: String, csrfTokenHash: [UInt8], in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE sessions SET previous_id_hash = id_hash, previous_until = \(tx.now + Self.overlap),
                id_hash = \(idHash), signing_key_id = \(signingKeyID), previous_csrf_token_hash = csrf_token_hash,
                csrf_token_hash = \(csrfTokenHash), csrf_rotated_at = \(tx.now), rotation_due = FALSE
            WHERE id = \(session.id) AND revoked_at IS NULL AND rotation_due = TRUE
            """
        ) == 1
    }

    /// Gives a session another CSRF token, unless somebody just did.
    package func rotateCSRF(_ session: Session, to hash: [UInt8], in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE sessions SET previous_csrf_token_hash = csrf_token_hash, csrf_token_hash = \(hash),
                csrf_rotated_at = \(tx.now)
            WHERE id = \(session.id) AND revoked_at IS NULL AND csrf_token_hash = \(session.csrfTokenHash)
            """
        ) == 1
    }

    /// Has the sessions of an actor take other cookies: what it may do has changed.
    package func markForRotation(of actor: Actor, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE sessions SET rotation_due = TRUE
            WHERE actor_id = \(actor.id) AND actor_type = \(actor.type) AND revoked_at IS NULL AND rotation_due = FALSE
            """
        )
    }

    /// Ends one session; false when it had ended before.
    package func revoke(_ id: SessionID, cause: SessionEnd, in tx: any Transaction) throws -> Bool {
        try revoke("id = \(id)", cause, in: tx) == 1
    }

    /// Ends every session of an actor, but for one; how many.
    @discardableResult
    package func revokeAll(
        of actor: Actor, except kept: SessionID? = nil, cause: SessionEnd, in tx: any Transaction
    ) throws -> Int {
        var condition: SQL = "actor_id = \(actor.id) AND actor_type = \(actor.type)"
        if let kept { condition += " AND id <> \(kept)" }
        return try revoke(condition, cause, in: tx)
    }

    /// Ends every session that a key was exchanged for; how many.
    @discardableResult
    package func revokeAll(of key: APIKeyID, cause: SessionEnd, in tx: any Transaction) throws -> Int {
        try revoke("credential_id = \(key)", cause, in: tx)
    }

    private func revoke(_ condition: SQL, _ cause: SessionEnd, in tx: any Transaction) throws -> Int {
        let count = try tx.execute(
            """
            UPDATE sessions SET revoked_at = \(tx.now), revoke_cause = \(cause)
            WHERE revoked_at IS NULL AND \(fragment: condition)
            """
        )
        if count > 0 { try tx.notify(.access, payload: "sessions") }
        return count
    }

    /// Takes address and browser away from the sessions of an actor.
    package func forgetOrigins(of actor: Actor, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE sessions SET ip_address = '', user_agent = ''
            WHERE actor_id = \(actor.id) AND actor_type = \(actor.type)
            """
        )
    }

    /// Deletes what has ended, by time or by hand, before `deadline`, at most `limit`; how many went.
    package func purge(endedBefore deadline: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions
                WHERE absolute_expires_at <= \(deadline) OR idle_expires_at <= \(deadline) OR revoked_at <= \(deadline)
                ORDER BY id LIMIT \(limit)
            )
            """
        )
    }
}
