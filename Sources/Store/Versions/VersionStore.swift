package import Domain
import Encoding
package import Query

/// The issued versions of certificates.
package struct VersionStore: Sendable {
    /// The place that seals of server-made keys are bound to.
    package static let table = "certificate_versions"
    package static let keyColumn = "key_material_encrypted"

    package init() {}

    private static let columns: SQL = """
        id, certificate_id, issuer_id, serial_number, not_before, not_after, fingerprint_sha256, spki_sha256,
        key_algorithm, key_size, key_origin, agent_id, job_id, issued_elsewhere, issuing_ca_id, lint_findings, path_outcome,
        path_detail, superseded_at, created_at
        """
    private static let detailColumns: SQL = columns + ", pem_chain, csr_pem, alternate_chains"
    private static let rules = [
        UniqueRule(
            constraint: "certificate_versions_issuer_id_serial_number_key",
            entity: .version,
            field: "serial_number"
        ),
        UniqueRule(
            constraint: "certificate_versions_fingerprint_sha256_key",
            entity: .version,
            field: "fingerprint_sha256"
        ),
        UniqueRule(constraint: "certificate_versions_job_id_key", entity: .version, field: "job_id"),
    ]

    /// Stores a version; the one it follows in its key slot must have been superseded before.
    ///
    /// - `isSuperseded`: Of an imported version that a newer one had followed before.
    package func insert(_ new: NewVersion, isSuperseded: Bool = false, in tx: any Transaction) throws {
        try tx.submit(
            DeferredStatement(
                head: """
                    INSERT INTO certificate_versions (
                        id, certificate_id, issuer_id, serial_number, not_before, not_after, fingerprint_sha256,
                        spki_sha256, pem_chain, csr_pem, key_algorithm, key_size, signature_algorithm, key_origin, agent_id,
                        key_material_encrypted, job_id, issued_elsewhere, issuing_ca_id, lint_findings, path_outcome,
                        path_detail, alternate_chains,
                        upstream_id, upstream_ref, superseded_at, created_at
                    ) VALUES
                    """,
                member: """
                     (
                        \(new.id), \(new.certificateID), \(new.issuerID), \(new.serialNumber), \(new.notBefore),
                        \(new.notAfter), \(new.fingerprintSHA256), \(new.spkiSHA256), \(new.pemChain), \(new.csrPEM),
                        \(new.keyAlgorithm), \(new.keySize), \(new.signatureAlgorithm), \(new.keyOrigin), \(new.agentID),
                        \(new.sealedKey), \(new.jobID), \(new.importation?.isIssuedElsewhere ?? false), \(new.issuingCA),
                        \(JSONColumn.value(new.lintFindings)), \(new.importation?.path.outcome),
                        \(new.importation?.path.detail ?? ""),
                        \(new.alternateChains.isEmpty ? nil : JSONColumn.value(new.alternateChains)),
                        \(new.upstream?.id), \(JSONColumn.value(new.upstream?.reference ?? .object([:]))),
                        \(isSuperseded ? tx.now : nil), \(new.importation?.issuedAt ?? tx.now)
                    )
                    """,
                translate: { UniqueRule.error(for: $0, under: Self.rules) }
            )
        )
    }

    /// As ``supersede(slot:of:in:)``, for a caller who does not ask what was current.
    func endReign(slot agent: AgentID?, of certificate: CertificateID, in tx: any Transaction) throws {
        try tx.submit(
            DeferredStatement(
                head: """
                    UPDATE certificate_versions SET superseded_at = \(tx.now), key_material_encrypted = NULL
                    WHERE COALESCE(agent_id, '') = \(agent?.text ?? "") AND superseded_at IS NULL
                        AND certificate_id IN (
                    """,
                member: "\(certificate)",
                tail: ")"
            )
        )
    }

    /// Ends the reign of the current version of a key slot and erases a key that the server held for it.
    ///
    /// - `agent`: the slot; `nil` for keys of the server or of a client.
    ///
    /// - Returns: The versions that were current, at most one.
    @discardableResult
    package func supersede(
        slot agent: AgentID?,
        of certificate: CertificateID,
        in tx: any Transaction
    ) throws -> [VersionID] {
        try tx.rows(
            """
            UPDATE certificate_versions SET superseded_at = \(tx.now), key_material_encrypted = NULL
            WHERE certificate_id = \(certificate) AND COALESCE(agent_id, '') = \(agent?.text ?? "")
                AND superseded_at IS NULL
            RETURNING id
            """
        ).map { try $0.id("id") }
    }

    package func find(_ id: VersionID, in tx: any Transaction) throws -> CertificateVersionDetail? {
        try tx.row(
            "SELECT \(fragment: Self.detailColumns) FROM certificate_versions WHERE id = \(id)"
        ).map(Self.detail)
    }

    /// The current version of every key slot of a certificate, newest first.
    package func current(of certificate: CertificateID, in tx: any Transaction) throws -> [CertificateVersion] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM certificate_versions
            WHERE certificate_id = \(certificate) AND superseded_at IS NULL ORDER BY created_at DESC, id DESC
            """
        ).map { try CertificateVersion($0) }
    }

    /// Every version of a certificate, newest first.
    package func all(of certificate: CertificateID, in tx: any Transaction) throws -> [CertificateVersion] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM certificate_versions WHERE certificate_id = \(certificate)
            ORDER BY created_at DESC, id DESC
            """
        ).map { try CertificateVersion($0) }
    }

    package func find(
        issuer: IssuerID, serial: String, in tx: any Transaction
    ) throws -> CertificateVersion? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM certificate_versions
            WHERE issuer_id = \(issuer) AND serial_number = \(serial) AND NOT issued_elsewhere
            """
        ).map { try CertificateVersion($0) }
    }

    /// The versions with a serial number, of whichever issuer: one for each that gave it.
    package func all(serial: String, in tx: any Transaction) throws -> [CertificateVersion] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM certificate_versions
            WHERE serial_number = \(serial) AND NOT issued_elsewhere ORDER BY issuer_id
            """
        ).map { try CertificateVersion($0) }
    }

    /// The certificates that have an unexpired version with this key.
    package func certificates(withKey spkiSHA256: String, in tx: any Transaction) throws -> [CertificateID] {
        try tx.rows(
            """
            SELECT DISTINCT certificate_id FROM certificate_versions
            WHERE spki_sha256 = \(spkiSHA256) AND not_after > \(tx.now) ORDER BY certificate_id
            """
        ).map { try $0.id("certificate_id") }
    }

    /// Different keys of versions that have not ended, by kind: of those in use, or of those that others took the place of.
    package func keyCounts(superseded: Bool, in tx: any Transaction) throws -> [VersionKeyCount] {
        try tx.rows(
            """
            SELECT key_algorithm, key_size, COUNT(DISTINCT spki_sha256) AS n, MIN(not_after) AS first_end,
                MAX(not_after) AS last_end
            FROM certificate_versions
            WHERE \(fragment: superseded ? "superseded_at IS NOT NULL" : "superseded_at IS NULL") AND not_after > \(tx.now)
            GROUP BY key_algorithm, key_size ORDER BY key_algorithm, key_size
            """
        ).map { row in
            VersionKeyCount(
                algorithm: try row.value("key_algorithm"), size: try row.int("key_size"), count: try row.int("n"),
                firstEnd: try row.time("first_end"), lastEnd: try row.time("last_end"))
        }
    }

    /// Versions that have not ended, by how they are signed; those of which it is not known are left out.
    package func signatureCounts(in tx: any Transaction) throws -> [(signature: String, count: Int)] {
        try tx.rows(
            """
            SELECT signature_algorithm, COUNT(*) AS n FROM certificate_versions
            WHERE not_after > \(tx.now) AND signature_algorithm <> ''
            GROUP BY signature_algorithm ORDER BY signature_algorithm
            """
        ).map { (signature: try $0.text("signature_algorithm"), count: try $0.int("n")) }
    }

    /// The current version of one key slot, with its chain.
    package func current(
        of certificate: CertificateID,
        slot agent: AgentID?,
        in tx: any Transaction
    ) throws -> CertificateVersionDetail? {
        try tx.row(
            """
            SELECT \(fragment: Self.detailColumns) FROM certificate_versions
            WHERE certificate_id = \(certificate) AND COALESCE(agent_id, '') = \(agent?.text ?? "")
                AND superseded_at IS NULL
            """
        ).map(Self.detail)
    }

    /// A private key that the server made and still holds, sealed.
    package func sealedKey(of id: VersionID, in tx: any Transaction) throws -> [UInt8]? {
        try tx.row("SELECT key_material_encrypted FROM certificate_versions WHERE id = \(id)")?
            .optionalBytes("key_material_encrypted")
    }

    package func find(fingerprint: String, in tx: any Transaction) throws -> CertificateVersion? {
        try tx.row(
            "SELECT \(fragment: Self.columns) FROM certificate_versions WHERE fingerprint_sha256 = \(fingerprint)"
        ).map { try CertificateVersion($0) }
    }

    /// Whether a key was certified before, by any version of any certificate.
    package func isCertified(spkiSHA256: String, in tx: any Transaction) throws -> Bool {
        try tx.row("SELECT 1 AS one FROM certificate_versions WHERE spki_sha256 = \(spkiSHA256) LIMIT 1") != nil
    }

    /// The version that a job stored, which makes repeating the job's last step harmless.
    package func find(storedBy job: JobID, in tx: any Transaction) throws -> CertificateVersion? {
        try tx.row("SELECT \(fragment: Self.columns) FROM certificate_versions WHERE job_id = \(job)")
            .map { try CertificateVersion($0) }
    }

    /// The versions of a certificate with their encodings; pages are small because each row carries a chain.
    package func list(
        _ request: ListRequest<VersionFilter, VersionSort>,
        in tx: any Transaction
    ) throws -> Page<CertificateVersionDetail> {
        let listing = Listing(
            request,
            columns: Self.detailColumns,
            source: "certificate_versions",
            conditions: ["certificate_id = \(request.filter.certificateID)"],
            key: "created_at",
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx, Self.detail)
    }

    private static func detail(_ row: Row) throws -> CertificateVersionDetail {
        CertificateVersionDetail(
            version: try CertificateVersion(row),
            pemChain: try row.text("pem_chain"),
            csrPEM: try row.optionalText("csr_pem"),
            alternateChains: try row.optionalText("alternate_chains") == nil ? [] : row.texts("alternate_chains")
        )
    }
}
