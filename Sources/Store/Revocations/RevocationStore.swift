package import Domain
package import Query

/// The revoked certificates (domain §3.15).
///
/// Every change takes the next number of its authority under the lock of the authority's counter. Changes of one
/// authority therefore commit in the order of their numbers, and whoever has read up to a number has missed nothing.
package struct RevocationStore: Sendable {
    package init() {}

    /// Revokes, or makes a hold final, or holds again what was released.
    ///
    /// - Returns: The revocation and whether it is new; one that is in force already stays as it is, except that a
    ///   hold gives way to any other reason.
    package func revoke(_ new: NewRevocation, in tx: any Transaction) throws -> (revocation: Revocation, isNew: Bool) {
        try lockChanges(of: new.authorityID, issuer: new.issuerID, in: tx)
        let known = try find(issuer: new.issuerID, new.authorityID, serial: new.serialNumber, in: tx)
        if let known, known.isInForce, known.reason != .certificateHold || new.reason == .certificateHold {
            return (known, false)
        }
        let change = try takeChange(of: new.authorityID, issuer: new.issuerID, in: tx)
        if let known { return (try revise(known, with: new, change: change, in: tx), true) }
        return (try insert(new, change: change, in: tx), true)
    }

    /// Takes over what an authority that came from elsewhere had revoked before, each with its own date. It has revoked
    /// nothing here yet.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` for an authority that has.
    package func takeOver(
        _ revocations: [NewRevocation], of authority: AuthorityID, issuer: IssuerID, in tx: any Transaction
    ) throws {
        guard !revocations.isEmpty else { return }
        let isFirst =
            try tx.execute(
                """
                INSERT INTO revocation_counters (authority_id, issuer_id, last_change)
                VALUES (\(authority), \(issuer), \(revocations.count)) ON CONFLICT (authority_id) DO NOTHING
                """
            ) == 1
        guard isFirst else {
            throw StoreError.invalidState(.authority, id: authority.text, reason: "it has revoked certificates here")
        }
        for (position, revocation) in revocations.enumerated() {
            _ = try insert(revocation, change: position + 1, in: tx)
        }
    }

    private func insert(_ new: NewRevocation, change: Int, in tx: any Transaction) throws -> Revocation {
        let row = try tx.row(
            """
            INSERT INTO certificate_revocations (
                id, issuer_id, authority_id, serial_number, certificate_id, version_id, order_id, spki_sha256, not_after,
                short_lived, is_ca, reason, revoked_by, revoked_at, invalidity_date, first_change, change_number, notification,
                next_notify_at, created_at, updated_at
            ) VALUES (
                \(new.id), \(new.issuerID), \(new.authorityID), \(new.serialNumber), \(new.certificateID),
                \(new.versionID), \(new.orderID), \(new.spkiSHA256), \(new.notAfter), \(new.isShortLived), \(new.isCA), \(new.reason),
                \(new.revokedBy), \(new.revokedAt ?? tx.now), \(new.invalidityDate), \(change), \(change),
                \(notification(of: new)), \(new.notifyAt), \(tx.now), \(tx.now)
            ) RETURNING \(fragment: Revocation.columns)
            """
        )
        guard let row else { throw StoreError.notFound(.revocation, id: new.id.text) }
        return try Revocation(row)
    }

    /// Says whose certificate it was, of which only the number was known when it was revoked. That changes no list.
    package func assign(_ id: RevocationID, to version: NewVersion, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE certificate_revocations SET certificate_id = \(version.certificateID), version_id = \(version.id),
                spki_sha256 = COALESCE(spki_sha256, \(version.spkiSHA256)), updated_at = \(tx.now)
            WHERE id = \(id)
            """
        )
    }

    /// Ends a hold (RFC 5280 §5.3.1, `removeFromCRL`).
    ///
    /// - Throws: ``StoreError/notFound(_:id:)`` when nothing was revoked, ``StoreError/invalidState(_:id:reason:)``
    ///   when it is not on hold.
    package func release(
        issuer: IssuerID, _ authority: AuthorityID, serial: String, notifyAt: Timestamp? = nil, in tx: any Transaction
    ) throws -> Revocation {
        guard let known = try find(issuer: issuer, authority, serial: serial, in: tx) else {
            throw StoreError.notFound(.revocation, id: serial)
        }
        let change = try takeChange(of: known.authorityID, issuer: issuer, in: tx)
        let row = try tx.row(
            """
            UPDATE certificate_revocations
            SET released_at = \(tx.now), change_number = \(change), updated_at = \(tx.now), notify_attempts = 0,
                notify_error = NULL, notify_reference = NULL, notify_ended_at = NULL, next_notify_at = \(notifyAt),
                notification = \(notifyAt == nil ? RevocationNotification.none : .pending)
            WHERE id = \(known.id) AND reason = \(RevocationReason.certificateHold) AND released_at IS NULL
            RETURNING \(fragment: Revocation.columns)
            """
        )
        guard let row else {
            throw StoreError.invalidState(.revocation, id: serial, reason: "the certificate is not on hold")
        }
        return try Revocation(row)
    }

    /// What became of one serial number of an authority, also when the hold was released since.
    package func find(
        issuer: IssuerID, _ authority: AuthorityID, serial: String, in tx: any Transaction
    ) throws -> Revocation? {
        try all(issuer: issuer, serial: serial, in: tx).first { $0.authorityID == authority }
    }

    /// What became of one serial number, by authority: CAs that were adopted may have given it more than once.
    package func all(issuer: IssuerID, serial: String, in tx: any Transaction) throws -> [Revocation] {
        try tx.rows(
            """
            SELECT \(fragment: Revocation.columns) FROM certificate_revocations
            WHERE issuer_id = \(issuer) AND serial_number = \(serial) ORDER BY authority_id
            """
        ).map { try Revocation($0) }
    }

    /// The revocation of a serial number of an authority that is in force now: what OCSP answers.
    package func inForce(
        authority: AuthorityID, issuer: IssuerID, serial: String, in tx: any Transaction
    ) throws -> Revocation? {
        try find(issuer: issuer, authority, serial: serial, in: tx).flatMap { $0.isInForce ? $0 : nil }
    }

    /// Those of a certificate, newest first; all versions together are few.
    package func all(of certificate: CertificateID, in tx: any Transaction) throws -> [Revocation] {
        try tx.rows(
            """
            SELECT \(fragment: Revocation.columns) FROM certificate_revocations WHERE certificate_id = \(certificate)
            ORDER BY revoked_at DESC, id DESC
            """
        ).map { try Revocation($0) }
    }

    /// The newest change of an authority; 0 when nothing was ever revoked.
    package func lastChange(of authority: AuthorityID, in tx: any Transaction) throws -> Int {
        try tx.row("SELECT last_change FROM revocation_counters WHERE authority_id = \(authority)")?
            .int("last_change") ?? 0
    }

    private func revise(
        _ known: Revocation, with new: NewRevocation, change: Int, in tx: any Transaction
    ) throws -> Revocation {
        let row = try tx.row(
            """
            UPDATE certificate_revocations
            SET reason = \(new.reason), revoked_by = \(new.revokedBy), released_at = NULL,
                revoked_at = \(known.isInForce ? known.revokedAt : tx.now), invalidity_date = \(new.invalidityDate),
                change_number = \(change), notification = \(notification(of: new)), notify_attempts = 0,
                next_notify_at = \(new.notifyAt), notify_error = NULL, notify_reference = NULL, notify_ended_at = NULL,
                updated_at = \(tx.now)
            WHERE id = \(known.id) RETURNING \(fragment: Revocation.columns)
            """
        )
        guard let row else { throw StoreError.notFound(.revocation, id: known.id.text) }
        return try Revocation(row)
    }

    private func notification(of new: NewRevocation) -> RevocationNotification {
        new.notifyAt == nil ? .none : .pending
    }

    /// Waits for the changes of an authority that are under way, so that what follows sees them; takes no number.
    private func lockChanges(of authority: AuthorityID, issuer: IssuerID, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO revocation_counters (authority_id, issuer_id, last_change) VALUES (\(authority), \(issuer), 0)
            ON CONFLICT (authority_id) DO UPDATE SET last_change = revocation_counters.last_change
            """
        )
    }

    private func takeChange(of authority: AuthorityID, issuer: IssuerID, in tx: any Transaction) throws -> Int {
        let row = try tx.row(
            """
            INSERT INTO revocation_counters (authority_id, issuer_id, last_change) VALUES (\(authority), \(issuer), 1)
            ON CONFLICT (authority_id) DO UPDATE SET last_change = revocation_counters.last_change + 1
            RETURNING last_change
            """
        )
        guard let row else { throw StoreError.notFound(.authority, id: authority.text) }
        return try row.int("last_change")
    }
}

extension RevocationStore {
    /// The changes of an authority after the number `change`, in order.
    package func changes(
        of authority: AuthorityID, after change: Int, limit: Int, in tx: any Transaction
    ) throws -> [Revocation] {
        try tx.rows(
            """
            SELECT \(fragment: Revocation.columns) FROM certificate_revocations
            WHERE authority_id = \(authority) AND change_number > \(change) ORDER BY change_number LIMIT \(limit)
            """
        ).map { try Revocation($0) }
    }

    /// The serial numbers of revoked certificates that ended after `start` and not after `end`.
    package func ended(
        of authority: AuthorityID, after start: Timestamp, through end: Timestamp, in tx: any Transaction
    ) throws -> [String] {
        try tx.rows(
            """
            SELECT serial_number FROM certificate_revocations
            WHERE authority_id = \(authority) AND not_after > \(start) AND not_after <= \(end)
            """
        ).map { try $0.text("serial_number") }
    }
}
