package import Domain
package import Query

/// What the database knows of a certificate that OCSP is asked about.
package enum OCSPStatus: Hashable, Sendable {
    case good
    case revoked(at: Timestamp, reason: RevocationReason)
}

/// A certificate with its status.
package struct OCSPSubject: Hashable, Sendable {
    package let status: OCSPStatus
    package let notAfter: Timestamp?
}

/// An answer that was signed ahead.
package struct CachedOCSPResponse: Hashable, Sendable {
    package let authority: AuthorityID
    package let serialNumber: String
    /// How the request named the certificate: answers repeat that (RFC 6960 §4.2.1).
    package let form: String
    package let status: OCSPStatus
    package let response: [UInt8]
    package let thisUpdate: Timestamp
    package let nextUpdate: Timestamp
    /// When it was last looked up; what nobody asks for is not signed ahead.
    package let requestedAt: Timestamp

    package init(
        authority: AuthorityID, serialNumber: String, form: String, status: OCSPStatus, response: [UInt8],
        updates: (this: Timestamp, next: Timestamp), requestedAt: Timestamp
    ) {
        self.authority = authority
        self.serialNumber = serialNumber
        self.form = form
        self.status = status
        self.response = response
        thisUpdate = updates.this
        nextUpdate = updates.next
        self.requestedAt = requestedAt
    }
}

/// What changed in the status of the certificates of one authority.
package struct OCSPChanges: Hashable, Sendable {
    /// The number of the newest change.
    package let last: Int
    /// The serial numbers since the number that was asked from; `nil` when they are too many.
    package let serials: [String]?
}

/// Answers that were signed ahead, and the rule that none of them outlives a revocation.
///
/// ``RevocationStore`` numbers the changes of an authority in the order of their commits. An answer is stored only while
/// no change is under way and the status is still the one that was signed; it is given only after the status, or the
/// number of the newest change, has been read again since the request came in. No signal between replicas is needed.
package struct OCSPResponseStore: Sendable {
    /// More changes than this are not told one by one.
    private static let mostChanges = 1000

    package init() {}

    // MARK: Status

    /// The status of a certificate that an authority issued; `nil` for a number that it never gave.
    package func subject(
        authority: AuthorityID, issuer: IssuerID, serial: String, in tx: any Transaction
    ) throws -> OCSPSubject? {
        if let revocation = try RevocationStore().inForce(
            authority: authority, issuer: issuer, serial: serial, in: tx)
        {
            return OCSPSubject(
                status: .revoked(at: revocation.revokedAt, reason: revocation.reason), notAfter: revocation.notAfter)
        }
        let row = try tx.row(
            """
            SELECT not_after FROM certificate_versions
            WHERE issuer_id = \(issuer) AND serial_number = \(serial) AND NOT issued_elsewhere
                AND COALESCE(issuing_ca_id, issuer_id) = \(authority)
            UNION ALL
            SELECT not_after FROM intermediate_cas WHERE parent_ca_id = \(authority) AND serial_number = \(serial)
            UNION ALL
            SELECT not_after FROM ca_certificates WHERE parent_ca_id = \(authority) AND serial_number = \(serial)
            UNION ALL
            SELECT not_after FROM adopted_certificates WHERE authority_id = \(authority) AND serial_number = \(serial)
            UNION ALL
            SELECT not_after FROM ocsp_responders
            WHERE authority_id = \(authority) AND serial_number = \(serial) AND cert_pem IS NOT NULL
            UNION ALL
            SELECT not_after FROM certificate_revocations
            WHERE issuer_id = \(issuer) AND serial_number = \(serial) AND authority_id = \(authority)
            """
        )
        return try row.map { OCSPSubject(status: .good, notAfter: try $0.time("not_after")) }
    }

    // MARK: Changes

    /// The number of the newest change of every authority that had one.
    package func lastChanges(in tx: any Transaction) throws -> [AuthorityID: Int] {
        try tx.rows("SELECT authority_id, last_change FROM revocation_counters").reduce(into: [:]) { changes, row in
            changes[try row.id("authority_id")] = try row.int("last_change")
        }
    }

    /// What changed since `known`, the newest changes that the caller knows of, by authority; without those that know
    /// everything.
    package func changes(
        since known: [AuthorityID: Int], in tx: any Transaction
    ) throws -> [AuthorityID: OCSPChanges] {
        var news: [AuthorityID: OCSPChanges] = [:]
        for (authority, last) in try lastChanges(in: tx) where last != known[authority] ?? 0 {
            let serials = try tx.rows(
                """
                SELECT serial_number FROM certificate_revocations
                WHERE authority_id = \(authority) AND change_number > \(known[authority] ?? 0) LIMIT \(Self.mostChanges)
                """
            ).map { try $0.text("serial_number") }
            news[authority] = OCSPChanges(last: last, serials: serials.count < Self.mostChanges ? serials : nil)
        }
        return news
    }

    /// Removes what was signed about a certificate. To be called by whoever changes its status, in the same transaction
    /// and after ``RevocationStore``.
    ///
    /// - `serial`: In the canonical form, lower-case hexadecimal without leading zeros.
    package static func invalidate(authority: AuthorityID, serial: String, in tx: any Transaction) throws {
        try tx.execute(
            "DELETE FROM ocsp_response_cache WHERE authority_id = \(authority) AND serial_number = \(serial)")
    }

    // MARK: Answers

    package func find(
        authority: AuthorityID, serial: String, form: String, in tx: any Transaction
    ) throws -> CachedOCSPResponse? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM ocsp_response_cache
            WHERE authority_id = \(authority) AND serial_number = \(serial) AND cert_id_form = \(form)
            """
        ).map(Self.response)
    }

    /// Stores an answer unless the status of its certificate is another one by now, or a newer answer is there.
    @discardableResult
    package func put(_ new: CachedOCSPResponse, issuer: IssuerID, in tx: any Transaction) throws -> Bool {
        // The counter exists from here on, so that there is something to lock before the first revocation. While it is
        // locked no change of the authority commits, and each that did is seen by the statements that follow.
        try tx.execute(
            """
            INSERT INTO revocation_counters (authority_id, issuer_id) VALUES (\(new.authority), \(issuer))
            ON CONFLICT (authority_id) DO NOTHING
            """
        )
        _ = try tx.row(
            "SELECT last_change FROM revocation_counters WHERE authority_id = \(new.authority)\(lock: .forShare)")
        let subject = try subject(authority: new.authority, issuer: issuer, serial: new.serialNumber, in: tx)
        guard subject?.status == new.status else { return false }
        let (status, reason, revokedAt): (String, RevocationReason?, Timestamp?) =
            switch new.status {
            case .good: ("good", nil, nil)
            case .revoked(let time, let reason): ("revoked", reason, time)
            }
        return try tx.execute(
            """
            INSERT INTO ocsp_response_cache (
                authority_id, serial_number, cert_id_form, cert_status, revocation_reason, revoked_at, response_der,
                this_update, next_update, requested_at
            ) VALUES (
                \(new.authority), \(new.serialNumber), \(new.form), \(status), \(reason), \(revokedAt), \(new.response),
                \(new.thisUpdate), \(new.nextUpdate), \(new.requestedAt)
            )
            ON CONFLICT (authority_id, serial_number, cert_id_form) DO UPDATE SET
                cert_status = excluded.cert_status, revocation_reason = excluded.revocation_reason,
                revoked_at = excluded.revoked_at, response_der = excluded.response_der,
                this_update = excluded.this_update, next_update = excluded.next_update,
                requested_at = excluded.requested_at
            WHERE ocsp_response_cache.this_update <= excluded.this_update
            """
        ) == 1
    }

    /// Notes that somebody asked for an answer.
    package func touch(_ response: CachedOCSPResponse, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE ocsp_response_cache SET requested_at = \(tx.now)
            WHERE authority_id = \(response.authority) AND serial_number = \(response.serialNumber)
                AND cert_id_form = \(response.form)
            """
        )
    }

    /// Whose answers began before `horizon` and were asked for since `interest`.
    package func dueAuthorities(
        signedBefore horizon: Timestamp, requestedSince interest: Timestamp, in tx: any Transaction
    ) throws -> [AuthorityID] {
        try tx.rows(
            """
            SELECT DISTINCT authority_id FROM ocsp_response_cache
            WHERE this_update <= \(horizon) AND requested_at >= \(interest) ORDER BY authority_id
            """
        ).map { try $0.id("authority_id") }
    }

    /// Answers of an authority that began before `horizon` and were asked for since `interest`, in the order of their
    /// serial numbers.
    ///
    /// - `last`: The one to go on after.
    package func due(
        of authority: AuthorityID, signedBefore horizon: Timestamp, requestedSince interest: Timestamp,
        after last: CachedOCSPResponse?, limit: Int, in tx: any Transaction
    ) throws -> [CachedOCSPResponse] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM ocsp_response_cache
            WHERE authority_id = \(authority) AND this_update <= \(horizon) AND requested_at >= \(interest)
                AND (serial_number > \(last?.serialNumber ?? "")
                    OR (serial_number = \(last?.serialNumber ?? "") AND cert_id_form > \(last?.form ?? "")))
            ORDER BY serial_number, cert_id_form LIMIT \(limit)
            """
        ).map(Self.response)
    }

    /// Removes answers that ended before `horizon`.
    package func purge(endedBefore horizon: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM ocsp_response_cache WHERE (authority_id, serial_number, cert_id_form) IN (
                SELECT authority_id, serial_number, cert_id_form FROM ocsp_response_cache
                WHERE next_update < \(horizon) LIMIT \(limit)
            )
            """
        )
    }

    private static let columns: SQL = """
        authority_id, serial_number, cert_id_form, cert_status, revocation_reason, revoked_at, response_der, this_update,
        next_update, requested_at
        """

    private static func response(_ row: Row) throws -> CachedOCSPResponse {
        let status: OCSPStatus =
            if let revokedAt = try row.optionalTime("revoked_at") {
                .revoked(
                    at: revokedAt,
                    reason: RevocationReason(rawValue: try row.optionalText("revocation_reason") ?? "") ?? .unspecified)
            } else {
                .good
            }
        return CachedOCSPResponse(
            authority: try row.id("authority_id"), serialNumber: try row.text("serial_number"),
            form: try row.text("cert_id_form"), status: status, response: try row.bytes("response_der"),
            updates: (try row.time("this_update"), try row.time("next_update")),
            requestedAt: try row.time("requested_at"))
    }
}
