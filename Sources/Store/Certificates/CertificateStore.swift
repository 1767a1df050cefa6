package import Domain
package import Query

/// The managed certificates.
package struct CertificateStore: Sendable {
    package init() {}

    static let columns: SQL = """
        c.id, c.name, c.common_name, c.sans, c.environment, c.owner_id, c.team_id, c.issuer_id, c.renewal_policy_id,
        c.certificate_profile_id, c.status, c.declared_active, c.expires_at, c.tags, c.last_renewal_at,
        c.last_deployment_at, c.revoked_at, c.revocation_reason, c.source, c.current_version_id, c.next_renewal_at,
        c.renewal_failures, c.last_error, c.status_changed_at, c.row_version, c.created_at, c.updated_at
        """
    static let rules = [
        UniqueRule(constraint: "managed_certificates_name_key", entity: .certificate, field: "name"),
        UniqueRule(constraint: "managed_certificates_pkey", entity: .certificate, field: "id"),
    ]

    @discardableResult
    package func insert(_ new: NewCertificate, in tx: any Transaction) throws -> Certificate {
        let fields = new.fields
        try Self.verifyReferences(of: fields, in: tx)
        let status: CertificateStatus = new.isDeclaredActive ? .active : .pending
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO managed_certificates (
                    id, name, common_name, sans, environment, owner_id, team_id, issuer_id, renewal_policy_id,
                    certificate_profile_id, status, declared_active, tags, source, next_renewal_at,
                    status_changed_at, created_at, updated_at
                ) VALUES (
                    \(new.id), \(fields.name), \(fields.commonName), \(JSONColumn.value(fields.subjectAltNames)),
                    \(fields.environment), \(fields.ownerID), \(fields.teamID), \(fields.issuerID),
                    \(fields.renewalPolicyID), \(fields.profileID), \(status), \(new.isDeclaredActive),
                    \(JSONColumn.value(fields.tags)), \(new.source), \(new.nextRenewalAt), \(tx.now), \(tx.now),
                    \(tx.now)
                ) RETURNING \(fragment: Self.returned)
                """
            )
        }
        return try Certificate(rows.onlyRow())
    }

    /// ``columns`` for `RETURNING`, which knows no alias on SQLite.
    static let returned: SQL = """
        id, name, common_name, sans, environment, owner_id, team_id, issuer_id, renewal_policy_id,
        certificate_profile_id, status, declared_active, expires_at, tags, last_renewal_at, last_deployment_at,
        revoked_at, revocation_reason, source, current_version_id, next_renewal_at, renewal_failures, last_error,
        status_changed_at, row_version, created_at, updated_at
        """

    package func find(_ id: CertificateID, in tx: any Transaction) throws -> Certificate? {
        try tx.row("SELECT \(fragment: Self.columns) FROM managed_certificates c WHERE c.id = \(id)")
            .map { try Certificate($0) }
    }

    package func get(_ id: CertificateID, in tx: any Transaction) throws -> Certificate {
        guard let certificate = try find(id, in: tx) else { throw StoreError.notFound(.certificate, id: id.text) }
        return certificate
    }

    /// The certificate, locked until the transaction ends: every change of its jobs and versions starts here.
    package func lock(_ id: CertificateID, in tx: any Transaction) throws -> Certificate {
        let row = try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM managed_certificates c WHERE c.id = \(id)\(lock: .forUpdate)
            """
        )
        guard let row else { throw StoreError.notFound(.certificate, id: id.text) }
        return try Certificate(row)
    }

    /// Replaces what a client decides, and the next renewal that follows from it.
    package func update(
        _ id: CertificateID,
        _ fields: CertificateFields,
        nextRenewalAt: Timestamp?,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Certificate {
        try Self.verifyReferences(of: fields, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE managed_certificates SET name = \(fields.name), common_name = \(fields.commonName),
                    sans = \(JSONColumn.value(fields.subjectAltNames)), environment = \(fields.environment),
                    owner_id = \(fields.ownerID), team_id = \(fields.teamID), issuer_id = \(fields.issuerID),
                    renewal_policy_id = \(fields.renewalPolicyID), certificate_profile_id = \(fields.profileID),
                    tags = \(JSONColumn.value(fields.tags)), next_renewal_at = \(nextRenewalAt),
                    updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.returned)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.certificate, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Certificate(row)
    }

    static func verifyReferences(of fields: CertificateFields, in tx: any Transaction) throws {
        var references = ReferenceCheck()
        references.expect(fields.ownerID, in: .owners, as: "owner_id")
        references.expect(fields.teamID, in: .teams, as: "team_id")
        references.expect(fields.issuerID, in: .issuers, as: "issuer_id")
        references.expect(fields.renewalPolicyID, in: .policies, as: "renewal_policy_id")
        references.expect(fields.profileID, in: .profiles, as: "certificate_profile_id")
        try references.verify(in: tx)
    }
}
