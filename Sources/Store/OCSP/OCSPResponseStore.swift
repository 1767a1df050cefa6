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
    package let authority: String
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
        authority: String, serialNumber: String, form: String, status: OCSPStatus, response: [UInt8],
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

/// A counter of what changed in the status of certificates, for a sixteenth of an authority's serial numbers.
package struct OCSPEpoch: Hashable, Sendable {
    package let authority: String
    package let shard: Int

    package init(authority: String, serialNumber: String) {
        self.authority = authority
        shard =
            serialNumber.utf8.last.flatMap { octet in
                Int(String(UnicodeScalar(octet)), radix: 16)
            } ?? 0
    }

    init(_ row: Row) throws(DatabaseError) {
        authority = try row.text("authority_id")
        shard = try row.int("shard")
    }
}

/// Answers that were signed ahead, and the rule that none of them outlives a revocation.
///
/// Whoever changes the status of a certificate calls ``invalidate(authority:serial:in:)`` in the same transaction. An
/// answer is stored only under the epoch that its status was read under, and given only after its epoch, or its status,
/// has been read again since the request came in. No signal between replicas is needed for that.
package struct OCSPResponseStore: Sendable {
    package init() {}

    // MARK: Status

    /// The status of a certificate that an authority issued; `nil` for a number that it never gave.
    package func subject(
        authority: String, serial: String, in tx: any Transaction
    ) throws -> OCSPSubject? {
        let revocation = try tx.row(
            """
            SELECT reason, revoked_at, not_after FROM certificate_revocations
            WHERE issuer_id = \(authority) AND serial_number = \(serial)
            """
        )
        if let revocation {
            return OCSPSubject(
                status: .revoked(
                    at: try revocation.time("revoked_at"),
                    reason: RevocationReason(rawValue: try revocation.text("reason")) ?? .unspecified),
                notAfter: try revocation.optionalTime("not_after"))
        }
        let row = try tx.row(
            """
            SELECT not_after FROM certificate_versions WHERE issuer_id = \(authority) AND serial_number = \(serial)
            UNION ALL
            SELECT not_after FROM ocsp_responders
            WHERE authority_id = \(authority) AND serial_number = \(serial) AND cert_pem IS NOT NULL
            """
        )
        return try row.map { OCSPSubject(status: .good, notAfter: try $0.time("not_after")) }
    }

    // MARK: Epochs

    /// To be called in the transaction that changes the status of a certificate: a revocation, a changed reason, or the
    /// release of a hold.
    ///
    /// - `serial`: In the canonical form, lower-case hexadecimal without leading zeros.
    package static func invalidate(authority: String, serial: String, in tx: any Transaction) throws {
        let epoch = OCSPEpoch(authority: authority, serialNumber: serial)
        // First the epoch, whose row lock keeps answers from being stored until this commits, then what is stored.
        try tx.execute(
            """
            INSERT INTO ocsp_epochs (authority_id, shard, epoch) VALUES (\(epoch.authority), \(epoch.shard), 1)
            ON CONFLICT (authority_id, shard) DO UPDATE SET epoch = ocsp_epochs.epoch + 1
            """
        )
        try tx.execute(
            "DELETE FROM ocsp_response_cache WHERE authority_id = \(authority) AND serial_number = \(serial)")
    }

    /// Every epoch that is not zero.
    package func epochs(in tx: any Transaction) throws -> [OCSPEpoch: Int] {
        try tx.rows("SELECT authority_id, shard, epoch FROM ocsp_epochs").reduce(into: [:]) { epochs, row in
            epochs[try OCSPEpoch(row)] = try row.int("epoch")
        }
    }

    package func epoch(_ epoch: OCSPEpoch, in tx: any Transaction) throws -> Int {
        try tx.row(
            "SELECT epoch FROM ocsp_epochs WHERE authority_id = \(epoch.authority) AND shard = \(epoch.shard)"
        )?.int("epoch") ?? 0
    }

    // MARK: Answers

    package func find(
        authority: String, serial: String, form: String, in tx: any Transaction
    ) throws -> CachedOCSPResponse? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM ocsp_response_cache
            WHERE authority_id = \(authority) AND serial_number = \(serial) AND cert_id_form = \(form)
            """
        ).map(Self.response)
    }

    /// Stores an answer unless the status of its certificate may have changed since `epoch` was read, or a newer answer
    /// is there.
    @discardableResult
    package func put(_ new: CachedOCSPResponse, signedUnder epoch: Int, in tx: any Transaction) throws -> Bool {
        let place = OCSPEpoch(authority: new.authority, serialNumber: new.serialNumber)
        // The row exists from here on, so that there is something to lock before the first revocation.
        try tx.execute(
            """
            INSERT INTO ocsp_epochs (authority_id, shard, epoch) VALUES (\(place.authority), \(place.shard), 0)
            ON CONFLICT (authority_id, shard) DO NOTHING
            """
        )
        let current = try tx.row(
            """
            SELECT epoch FROM ocsp_epochs
            WHERE authority_id = \(place.authority) AND shard = \(place.shard)\(lock: .forShare)
            """
        )
        guard try current?.int("epoch") == epoch else { return false }
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

    /// Answers that began before `horizon` and were asked for since `interest`, oldest first.
    package func due(
        signedBefore horizon: Timestamp, requestedSince interest: Timestamp, limit: Int, in tx: any Transaction
    ) throws -> [CachedOCSPResponse] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM ocsp_response_cache
            WHERE this_update <= \(horizon) AND requested_at >= \(interest) ORDER BY this_update LIMIT \(limit)
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
            authority: try row.text("authority_id"), serialNumber: try row.text("serial_number"),
            form: try row.text("cert_id_form"), status: status, response: try row.bytes("response_der"),
            updates: (try row.time("this_update"), try row.time("next_update")),
            requestedAt: try row.time("requested_at"))
    }
}
