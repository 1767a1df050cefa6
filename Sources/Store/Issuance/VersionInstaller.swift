package import Domain
package import Query

/// What installing a version changed.
package struct InstalledVersion: Hashable, Sendable {
    /// The certificate as it is now.
    package let certificate: Certificate
    /// The versions that the new one replaced in its key slot, at most one.
    package let superseded: [VersionID]
}

/// Makes an issued certificate the current version of its key slot: three statements of one transaction.
package struct VersionInstaller: Sendable {
    package init() {}

    /// Updates the certificate, supersedes the version before and stores the new one, in this order: the row lock of
    /// the certificate makes concurrent installations wait for each other before either looks at the slot.
    ///
    /// `expires_at` becomes the earliest end among the current versions.
    ///
    /// - `statuses`: the states from which the certificate may take a version.
    /// - `outcome`: the state that follows, with the next renewal.
    package func install(
        _ version: NewVersion,
        from statuses: [CertificateStatus],
        to outcome: CertificateOutcome,
        in tx: any Transaction
    ) throws -> InstalledVersion {
        let assignments = Self.assignments(version, outcome, now: tx.now)
        let row = try tx.row(
            """
            UPDATE managed_certificates SET \(fragment: assignments)
            WHERE id = \(version.certificateID) AND status IN \(list: statuses)
            RETURNING \(fragment: CertificateStore.returned)
            """
        )
        guard let row else { throw try Self.refusal(of: version.certificateID, in: tx) }
        let versions = VersionStore()
        let superseded = try versions.supersede(slot: version.agentID, of: version.certificateID, in: tx)
        try versions.insert(version, in: tx)
        return InstalledVersion(certificate: try Certificate(row), superseded: superseded)
    }

    /// The same for a caller who needs to know nothing of what was there before: nothing is read back.
    package func submit(
        _ version: NewVersion,
        from statuses: [CertificateStatus],
        to outcome: CertificateOutcome,
        in tx: any Transaction
    ) throws {
        let certificate = version.certificateID
        try tx.submit(
            DeferredStatement(
                head: """
                    UPDATE managed_certificates SET \(fragment: Self.assignments(version, outcome, now: tx.now))
                    WHERE id IN (
                    """,
                member: "\(certificate)",
                tail: ") AND status IN \(list: statuses)",
                refusal: { tx in try Self.refusal(of: certificate, in: tx) }
            )
        )
        let versions = VersionStore()
        try versions.endReign(slot: version.agentID, of: certificate, in: tx)
        try versions.insert(version, in: tx)
    }

    private static func assignments(_ version: NewVersion, _ outcome: CertificateOutcome, now: Timestamp) -> SQL {
        let slot = version.agentID?.text ?? ""
        let assignments: [SQL] =
            outcome.assignments(now: now) + [
                "current_version_id = \(version.id)", "last_renewal_at = \(version.importation?.issuedAt ?? now)",
                "declared_active = FALSE",
                """
                expires_at = COALESCE((
                    SELECT MIN(o.not_after) FROM certificate_versions o
                    WHERE o.certificate_id = \(version.certificateID) AND o.superseded_at IS NULL
                        AND COALESCE(o.agent_id, '') <> \(slot) AND o.not_after < \(version.notAfter)
                ), \(version.notAfter))
                """,
            ]
        return SQL.joined(assignments, by: ", ")
    }

    private static func refusal(of id: CertificateID, in tx: any Transaction) throws -> StoreError {
        guard let stored = try CertificateStore().find(id, in: tx) else {
            return StoreError.notFound(.certificate, id: id.text)
        }
        return StoreError.invalidState(
            .certificate,
            id: stored.id.text,
            reason: "it is \(stored.status.rawValue) and takes no new version"
        )
    }
}
