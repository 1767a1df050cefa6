package import Domain
package import Query

/// The delegated responders of certification authorities (RFC 6960 §4.2.2.2).
package struct OCSPResponderStore: Sendable {
    /// The place that seals of keys are bound to.
    package static let table = "ocsp_responders"
    package static let keyColumn = "key_encrypted"

    package init() {}

    /// Who answers for an authority.
    package func current(of authority: AuthorityID, in tx: any Transaction) throws -> OCSPResponderRow? {
        try tx.row(
            """
            SELECT \(fragment: OCSPResponderRow.columns) FROM ocsp_responders
            WHERE authority_id = \(authority) AND cert_pem IS NOT NULL AND superseded_at IS NULL
            """
        ).map { try OCSPResponderRow($0) }
    }

    package func all(in tx: any Transaction) throws -> [OCSPResponderRow] {
        try tx.rows(
            """
            SELECT \(fragment: OCSPResponderRow.columns) FROM ocsp_responders WHERE cert_pem IS NOT NULL
            ORDER BY authority_id, created_at
            """
        ).map { try OCSPResponderRow($0) }
    }

    /// Records an appointment before the CA signs it. False when another one is under way that began after `horizon`;
    /// an older one was abandoned and gives way. False too when `seen` is not current any more: somebody else was
    /// appointed since the caller looked.
    package func begin(
        _ new: PendingOCSPResponder, replacing seen: OCSPResponderID?, abandonedBefore horizon: Timestamp,
        in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            DELETE FROM ocsp_responders
            WHERE authority_id = \(new.authority) AND cert_pem IS NULL AND created_at < \(horizon)
            """
        )
        let (sealed, path, held): ([UInt8]?, String?, (driver: String, ref: String)?) =
            switch new.key {
            case .sealed(let octets): (octets, nil, nil)
            case .file(let path): (nil, path, nil)
            case .held(let driver, let ref): (nil, nil, (driver, ref))
            }
        let isRecorded =
            try tx.execute(
                """
                INSERT INTO ocsp_responders (
                    id, authority_id, ca_sha256, serial_number, key_algorithm, spki_sha256, key_encrypted, key_path,
                    key_driver, key_ref, created_at
                ) VALUES (
                    \(new.id), \(new.authority), \(new.caSHA256), \(new.serialNumber), \(new.keyAlgorithm),
                    \(new.spkiSHA256), \(sealed), \(path), \(held?.driver), \(held?.ref), \(tx.now)
                ) ON CONFLICT DO NOTHING
                """
            ) == 1
        guard isRecorded else { return false }
        // The row above waited for whoever was appointing; what is current now stays so until this is done.
        if try current(of: new.authority, in: tx)?.appointment.id == seen { return true }
        try abandon(new.id, in: tx)
        return false
    }

    /// Puts a signed appointment in the place of whoever answered before. False when it gave way to another meanwhile.
    package func complete(
        _ id: OCSPResponderID, of authority: AuthorityID, certificatePEM: String,
        validity: (notBefore: Timestamp, notAfter: Timestamp), in tx: any Transaction
    ) throws -> Bool {
        let pending = try tx.row(
            "SELECT id FROM ocsp_responders WHERE id = \(id) AND cert_pem IS NULL\(lock: .forUpdate)")
        guard pending != nil else { return false }
        try tx.execute(
            """
            UPDATE ocsp_responders SET superseded_at = \(tx.now)
            WHERE authority_id = \(authority) AND cert_pem IS NOT NULL AND superseded_at IS NULL
            """
        )
        return try tx.execute(
            """
            UPDATE ocsp_responders SET cert_pem = \(certificatePEM), not_before = \(validity.notBefore),
                not_after = \(validity.notAfter)
            WHERE id = \(id)
            """
        ) == 1
    }

    /// An appointment that the CA did not sign.
    package func abandon(_ id: OCSPResponderID, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM ocsp_responders WHERE id = \(id) AND cert_pem IS NULL")
    }

    /// Responders that were superseded before `horizon` or have expired: no answer of theirs is good any more.
    package func ended(supersededBefore horizon: Timestamp, in tx: any Transaction) throws -> [OCSPResponderRow] {
        try tx.rows(
            """
            SELECT \(fragment: OCSPResponderRow.columns) FROM ocsp_responders
            WHERE cert_pem IS NOT NULL AND (superseded_at < \(horizon) OR not_after < \(tx.now))
            ORDER BY created_at, id
            """
        ).map { try OCSPResponderRow($0) }
    }

    /// Forgets a responder, whose key is gone.
    package func remove(_ id: OCSPResponderID, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM ocsp_responders WHERE id = \(id) AND cert_pem IS NOT NULL")
    }
}
