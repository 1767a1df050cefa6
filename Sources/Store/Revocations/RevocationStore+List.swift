package import Domain
package import Query

/// Which revocations a list shows; empty members filter nothing.
package struct RevocationFilter: Hashable, Sendable {
    package var issuerIDs: [IssuerID] = []
    package var certificateIDs: [CertificateID] = []
    package var reasons: [RevocationReason] = []
    package var notifications: [RevocationNotification] = []
    /// Lower-case hexadecimal without leading zeros.
    package var serialNumber: String?
    package var spkiSHA256: String?
    package var revokedAfter: Timestamp?
    package var revokedBefore: Timestamp?
    /// Holds that ended, beside what is in force.
    package var includesReleased = true

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !issuerIDs.isEmpty { all.append("r.issuer_id IN \(list: issuerIDs)") }
        if !certificateIDs.isEmpty { all.append("r.certificate_id IN \(list: certificateIDs)") }
        if !reasons.isEmpty { all.append("r.reason IN \(list: reasons)") }
        if !notifications.isEmpty { all.append("r.notification IN \(list: notifications)") }
        if let serialNumber { all.append("r.serial_number = \(serialNumber)") }
        if let spkiSHA256 { all.append("r.spki_sha256 = \(spkiSHA256)") }
        if let revokedAfter { all.append("r.revoked_at > \(revokedAfter)") }
        if let revokedBefore { all.append("r.revoked_at < \(revokedBefore)") }
        if !includesReleased { all.append("r.released_at IS NULL") }
        return all
    }
}

package enum RevocationSort: String, ListSort {
    case revokedAt = "revoked_at"
}

extension RevocationStore {
    package func list(
        _ request: ListRequest<RevocationFilter, RevocationSort>, within clearance: Clearance, in tx: any Transaction
    ) throws -> Page<Revocation> {
        let listing = Listing(
            request,
            columns: Revocation.listColumns,
            source: "certificate_revocations r",
            conditions: request.filter.conditions + clearance.revocationConditions,
            key: "r.revoked_at",
            id: "r.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Revocation($0) }
    }
}

extension RevocationStore {
    /// One that lies in reach; ``StoreError/notFound(_:id:)`` otherwise.
    package func get(
        _ id: RevocationID, within clearance: Clearance, in tx: any Transaction
    ) throws -> Revocation {
        let conditions: [SQL] = ["r.id = \(id)"] + clearance.revocationConditions
        let row = try tx.row(
            """
            SELECT \(fragment: Revocation.listColumns) FROM certificate_revocations r
            WHERE \(fragment: SQL.joined(conditions, by: " AND "))
            """
        )
        guard let row else { throw StoreError.notFound(.revocation, id: id.text) }
        return try Revocation(row)
    }
}

extension Clearance {
    /// What a revocation (as `r`) meets when it lies in reach: through its issuer, or through its certificate.
    fileprivate var revocationConditions: [SQL] {
        guard !reach.isEverywhere else { return [] }
        return [
            """
            (r.issuer_id IN \(list: reach.issuers.sorted())
                OR EXISTS (SELECT 1 FROM managed_certificates c WHERE c.id = r.certificate_id
                    AND \(fragment: SQL.joined(certificateConditions, by: " AND "))))
            """
        ]
    }
}

extension Revocation {
    fileprivate static let listColumns: SQL = """
        r.id, r.issuer_id, r.authority_id, r.serial_number, r.certificate_id, r.version_id, r.spki_sha256, r.not_after,
        r.short_lived, r.is_ca, r.reason, r.revoked_by, r.revoked_at, r.invalidity_date, r.released_at, r.change_number,
        r.notification, r.notify_attempts, r.next_notify_at, r.notify_error, r.notify_reference,
        r.notify_ended_at,
        (r.change_number <> r.first_change) AS revised
        """
}
