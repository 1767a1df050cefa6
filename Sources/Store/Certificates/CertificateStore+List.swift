package import Domain
package import Query

extension CertificateStore {
    package func list(
        _ request: ListRequest<CertificateFilter, CertificateSort>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Page<CertificateListing> {
        let hasNames =
            try request.filter.subjectAltName != nil && BackfillStore().isFinished(.certificateNames, in: tx)
        let listing = Listing(
            request,
            columns: Self.listColumns,
            source: "managed_certificates c LEFT JOIN certificate_versions v ON v.id = c.current_version_id",
            conditions: request.filter.conditions(hasNames: hasNames) + clearance.certificateConditions,
            key: request.sort.key,
            id: "c.id"
        )
        let page = try listing.page(request.page, total: request.total, in: tx) { row in
            (certificate: try Certificate(row), current: try CertificateListing.Current(row))
        }
        let deployments = try Self.deployments(of: page.rows.map(\.certificate.id), in: tx)
        return page.map { row in
            let targets = deployments[row.certificate.id] ?? []
            return CertificateListing(row.certificate, current: row.current, targets: targets)
        }
    }

    /// One certificate as lists show it.
    package func listing(
        _ id: CertificateID,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> CertificateListing {
        let row = try tx.row(
            """
            SELECT \(fragment: Self.listColumns) FROM managed_certificates c
            LEFT JOIN certificate_versions v ON v.id = c.current_version_id WHERE c.id = \(id)
            """
        )
        guard let row else { throw StoreError.notFound(.certificate, id: id.text) }
        let certificate = try Certificate(row)
        guard clearance.covers(certificate.scopes) else { throw StoreError.notFound(.certificate, id: id.text) }
        let targets = try Self.deployments(of: [id], in: tx)[id] ?? []
        return CertificateListing(certificate, current: try CertificateListing.Current(row), targets: targets)
    }

    private static let listColumns: SQL =
        columns + """
            , v.id AS v_id, v.serial_number AS v_serial_number, v.fingerprint_sha256 AS v_fingerprint_sha256,
            v.not_before AS v_not_before, v.key_algorithm AS v_key_algorithm, v.key_size AS v_key_size,
            v.created_at AS v_created_at
            """

    /// The targets of several certificates, each with its newest deployment, in one statement.
    private static func deployments(
        of ids: [CertificateID],
        in tx: any Transaction
    ) throws -> [CertificateID: [TargetDeployment]] {
        guard !ids.isEmpty else { return [:] }
        let rows = try tx.rows(
            """
            SELECT m.certificate_id, m.target_id, d.enabled, d.retired_at,
                (SELECT j.status FROM jobs j WHERE j.id = last.id) AS job_status,
                (SELECT j.retry_scheduled FROM jobs j WHERE j.id = last.id) AS retry_scheduled,
                (SELECT CASE WHEN v.superseded_at IS NULL THEN 1 ELSE 0 END FROM jobs j
                    JOIN certificate_versions v ON v.id = j.certificate_version_id
                    WHERE j.id = last.id) AS is_current
            FROM certificate_target_mappings m
            JOIN deployment_targets d ON d.id = m.target_id
            LEFT JOIN (
                SELECT certificate_id, target_id, MAX(id) AS id FROM jobs
                WHERE certificate_id IN \(list: ids) AND type = \(JobType.deployment)
                GROUP BY certificate_id, target_id
            ) last ON last.certificate_id = m.certificate_id AND last.target_id = m.target_id
            WHERE m.certificate_id IN \(list: ids)
            ORDER BY m.certificate_id, m.target_id
            """
        )
        var targets: [CertificateID: [TargetDeployment]] = [:]
        for row in rows { targets[try row.id("certificate_id"), default: []].append(try TargetDeployment(row)) }
        return targets
    }
}

/// One attached target and what became of its newest deployment.
struct TargetDeployment: Sendable {
    let targetID: TargetID
    /// Retired and disabled targets receive nothing.
    let isActive: Bool
    let isDeployed: Bool
    let isFailed: Bool

    init(_ row: Row) throws(DatabaseError) {
        targetID = try row.id("target_id")
        isActive = try row.bool("enabled") ? row.optionalTime("retired_at") == nil : false
        let status: JobStatus? = try row.optionalValue("job_status")
        let isCurrent = try row.optionalInt("is_current") == 1
        isDeployed = status == .completed && isCurrent
        let retries = try row.optionalInt("retry_scheduled") == 1
        isFailed = status == .failed && !retries
    }
}

extension CertificateListing {
    init(_ certificate: Certificate, current: Current?, targets: [TargetDeployment]) {
        self.certificate = certificate
        self.current = current
        targetIDs = targets.map(\.targetID)
        let active = targets.filter(\.isActive)
        deployments = Deployments(
            targets: active.count,
            deployed: active.count(where: \.isDeployed),
            failed: active.count(where: \.isFailed)
        )
    }
}

extension CertificateListing.Current {
    /// The version that a left join found, if any.
    init?(_ row: Row) throws(DatabaseError) {
        guard let id: VersionID = try row.optionalID("v_id") else { return nil }
        versionID = id
        serialNumber = try row.text("v_serial_number")
        fingerprintSHA256 = try row.text("v_fingerprint_sha256")
        notBefore = try row.time("v_not_before")
        keyAlgorithm = try row.value("v_key_algorithm")
        keySize = try row.int("v_key_size")
        issuedAt = try row.time("v_created_at")
    }
}
