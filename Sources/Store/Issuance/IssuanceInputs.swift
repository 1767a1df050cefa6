package import Domain
package import Query

/// Everything in the database that decides about an issuance, read in one statement.
package struct IssuanceInputs: Hashable, Sendable {
    package let certificate: Certificate
    package let policy: RenewalPolicyFields
    package private(set) var profile: ProfileFields?
    /// The row version of the profile, which an approval is bound to.
    package let profileVersion: Int?
    package let issuerType: IssuerType
    package let issuerEnabled: Bool
    package let configRevision: Int
    package let hierarchyMode: HierarchyMode
    /// The CA of a tree which signs where the profile names none, by the configuration of the issuer.
    package let usualCAID: AuthorityID?
    /// Whether the issuer is to revoke what is not what was ordered.
    package let revokesMismatches: Bool
    /// SHA-256 of the certificates of roots to which chains lead first.
    package let preferredRoots: Set<String>
    /// Whether any target would receive what is issued.
    package let hasTargets: Bool

    /// Reads the inputs; `nil` when there is no such certificate.
    package static func read(_ id: CertificateID, in tx: any Transaction) throws -> IssuanceInputs? {
        try tx.row("\(fragment: selection) WHERE c.id = \(id)").map { try IssuanceInputs($0) }
    }

    /// Those of the certificates under a profile that can be renewed, in the order of their identifiers.
    ///
    /// - `after`: Where an earlier call ended.
    package static func renewable(
        under profile: ProfileID, after last: CertificateID?, limit: Int, within clearance: Clearance,
        in tx: any Transaction
    ) throws -> [IssuanceInputs] {
        var conditions: [SQL] = [
            "c.certificate_profile_id = \(profile)",
            "c.status NOT IN (\(CertificateStatus.archived), \(CertificateStatus.revoked))",
        ]
        if let last { conditions.append("c.id > \(last)") }
        conditions += clearance.certificateConditions
        return try tx.rows(
            """
            \(fragment: selection) WHERE \(fragment: SQL.joined(conditions, by: " AND "))
            ORDER BY c.id LIMIT \(limit)
            """
        ).map { try IssuanceInputs($0) }
    }

    /// The same, as if the certificate were under a profile with these members.
    package func under(_ profile: ProfileFields) -> IssuanceInputs {
        var inputs = self
        inputs.profile = profile
        return inputs
    }

    private static let selection: SQL = """
        SELECT \(fragment: CertificateStore.columns), \(fragment: policyColumns), \(fragment: profileColumns),
            i.type AS i_type, i.enabled AS i_enabled, i.config_revision AS i_config_revision,
            i.hierarchy_mode AS i_hierarchy_mode, i.config AS i_config,
            EXISTS (SELECT 1 FROM certificate_target_mappings m JOIN deployment_targets d ON d.id = m.target_id
                WHERE m.certificate_id = c.id AND d.enabled AND d.retired_at IS NULL) AS has_targets
        FROM managed_certificates c
        JOIN issuers i ON i.id = c.issuer_id
        JOIN renewal_policies r ON r.id = c.renewal_policy_id
        LEFT JOIN certificate_profiles p ON p.id = c.certificate_profile_id
        """

    private init(_ row: Row) throws(DatabaseError) {
        certificate = try Certificate(row)
        policy = try RenewalPolicyFields(row, prefix: "r_")
        profile = try row.optionalText("p_name") == nil ? nil : ProfileFields(row, prefix: "p_")
        profileVersion = try row.optionalInt("p_row_version")
        issuerType = try row.value("i_type")
        issuerEnabled = try row.bool("i_enabled")
        configRevision = try row.int("i_config_revision")
        hierarchyMode = try row.value("i_hierarchy_mode")
        let config = try row.json("i_config")
        usualCAID = Issuer.usualCAID(hierarchyMode, config)
        revokesMismatches = Issuer.revokesMismatches(config)
        preferredRoots = Issuer.preferredRoots(hierarchyMode, config)
        hasTargets = try row.bool("has_targets")
    }

    private static let policyColumns: SQL = """
        r.name AS r_name, r.renewal_window_days AS r_renewal_window_days, r.auto_renew AS r_auto_renew,
        r.max_retries AS r_max_retries, r.retry_interval_seconds AS r_retry_interval_seconds,
        r.alert_thresholds_days AS r_alert_thresholds_days, r.alert_channels AS r_alert_channels,
        r.alert_severity_map AS r_alert_severity_map
        """

    private static let profileColumns: SQL = """
        p.name AS p_name, p.description AS p_description, p.allowed_key_algorithms AS p_allowed_key_algorithms,
        p.max_ttl_seconds AS p_max_ttl_seconds, p.allowed_ekus AS p_allowed_ekus,
        p.required_san_patterns AS p_required_san_patterns, p.spiffe_uri_pattern AS p_spiffe_uri_pattern,
        p.allow_short_lived AS p_allow_short_lived, p.must_staple AS p_must_staple,
        p.required_csr_attributes AS p_required_csr_attributes, p.acme_auth_mode AS p_acme_auth_mode,
        p.requires_approval AS p_requires_approval, p.enabled AS p_enabled,
        p.default_ttl_seconds AS p_default_ttl_seconds, p.backdate_seconds AS p_backdate_seconds,
        p.eku_critical AS p_eku_critical, p.allowed_san_types AS p_allowed_san_types, p.max_sans AS p_max_sans,
        p.subject_policy AS p_subject_policy, p.policy_oids AS p_policy_oids, p.key_reuse AS p_key_reuse,
        p.acme_require_eab AS p_acme_require_eab, p.acme_challenge_types AS p_acme_challenge_types,
        p.acme_allow_wildcards AS p_acme_allow_wildcards, p.acme_allow_single_label AS p_acme_allow_single_label,
        p.acme_preauthorization AS p_acme_preauthorization, p.acme_profiles AS p_acme_profiles,
        p.acme_perspectives AS p_acme_perspectives, p.acme_perspective_quorum AS p_acme_perspective_quorum,
        p.acme_orders_per_hour AS p_acme_orders_per_hour,
        p.issuer_id AS p_issuer_id, p.issuing_ca_id AS p_issuing_ca_id, p.owner_id AS p_owner_id,
        p.team_id AS p_team_id, p.renewal_policy_id AS p_renewal_policy_id, p.key_usages AS p_key_usages,
        p.name_constraints AS p_name_constraints, p.must_staple_on_request AS p_must_staple_on_request,
        p.row_version AS p_row_version
        """
}
