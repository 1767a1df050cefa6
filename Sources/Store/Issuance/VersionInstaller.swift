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
        let slot = version.agentID?.text ?? ""
        let assignments: [SQL] =
            outcome.assignments(now: tx.now) + [
                "current_version_id = \(version.id)", "last_renewal_at = \(tx.now)", "declared_active = FALSE",
                """
                expires_at = COALESCE((
                    SELECT MIN(o.not_after) FROM certificate_versions o
                    WHERE o.certificate_id = \(version.certificateID) AND o.superseded_at IS NULL
                        AND COALESCE(o.agent_id, '') <> \(slot) AND o.not_after < \(version.notAfter)
                ), \(version.notAfter))
                """,
            ]
        let row = try tx.row(
            """
            UPDATE managed_certificates SET \(fragment: SQL.joined(assignments, by: ", "))
            WHERE id = \(version.certificateID) AND status IN \(list: statuses)
            RETURNING \(fragment: CertificateStore.returned)
            """
        )
        guard let row else {
            guard let stored = try CertificateStore().find(version.certificateID, in: tx) else {
                throw StoreError.notFound(.certificate, id: version.certificateID.text)
            }
            throw StoreError.invalidState(
                .certificate,
                id: stored.id.text,
                reason: "it is \(stored.status.rawValue) and takes no new version"
            )
        }
        let versions = VersionStore()
        let superseded = try versions.supersede(slot: version.agentID, of: version.certificateID, in: tx)
        try versions.insert(version, in: tx)
        return InstalledVersion(certificate: try Certificate(row), superseded: superseded)
    }
}
