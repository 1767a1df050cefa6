package import Domain
package import Query

/// The certificate profiles.
package struct ProfileStore: Sendable {
    package init() {}

    static let columns: SQL = """
        id, name, description, allowed_key_algorithms, max_ttl_seconds, allowed_ekus, required_san_patterns,
        spiffe_uri_pattern, allow_short_lived, must_staple, required_csr_attributes, acme_auth_mode,
        requires_approval, enabled, row_version, created_at, updated_at, default_ttl_seconds, backdate_seconds,
        eku_critical, allowed_san_types, max_sans, subject_policy, policy_oids, key_reuse, acme_require_eab,
        acme_challenge_types, acme_allow_wildcards, acme_allow_single_label, acme_preauthorization,
        acme_profiles, acme_perspectives, acme_perspective_quorum, acme_orders_per_hour, issuer_id, issuing_ca_id,
        owner_id, team_id, renewal_policy_id, key_usages, name_constraints, must_staple_on_request
        """
    private static let rules = [
        UniqueRule(constraint: "certificate_profiles_name_key", entity: .profile, field: "name"),
        UniqueRule(constraint: "certificate_profiles_pkey", entity: .profile, field: "id"),
    ]

    @discardableResult
    package func insert(_ id: ProfileID, _ fields: ProfileFields, in tx: any Transaction) throws -> Profile {
        try verifyReferences(of: fields, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO certificate_profiles (
                    id, name, description, allowed_key_algorithms, max_ttl_seconds, allowed_ekus,
                    required_san_patterns, spiffe_uri_pattern, allow_short_lived, must_staple,
                    required_csr_attributes, acme_auth_mode, requires_approval, enabled, default_ttl_seconds,
                    backdate_seconds, eku_critical, allowed_san_types, max_sans, subject_policy, policy_oids,
                    key_reuse, acme_require_eab, acme_challenge_types, acme_allow_wildcards,
                    acme_allow_single_label, acme_preauthorization, acme_profiles, acme_perspectives,
                    acme_perspective_quorum, acme_orders_per_hour, issuer_id, issuing_ca_id, owner_id, team_id,
                    renewal_policy_id, key_usages, name_constraints, must_staple_on_request, created_at, updated_at
                ) VALUES (
                    \(id), \(fields.name), \(fields.description), \(fields.keysValue), \(fields.maxTTLSeconds),
                    \(JSONColumn.value(fields.allowedEKUs)), \(JSONColumn.value(fields.requiredSANPatterns)),
                    \(fields.spiffeURIPattern), \(fields.allowShortLived), \(fields.mustStaple),
                    \(JSONColumn.value(fields.requiredCSRAttributes)), \(fields.acmeAuthMode),
                    \(fields.requiresApproval), \(fields.enabled), \(fields.defaultTTLSeconds),
                    \(fields.backdateSeconds), \(fields.ekuCritical), \(fields.sanTypesValue), \(fields.maxSANs),
                    \(fields.subjectValue), \(JSONColumn.value(fields.policyOIDs)), \(fields.keyReuse),
                    \(fields.acmeRequireEAB), \(fields.challengeTypesValue), \(fields.acmeAllowWildcards),
                    \(fields.acmeAllowSingleLabel), \(fields.acmePreauthorization), \(fields.acmeProfilesValue),
                    \(JSONColumn.value(fields.acmePerspectives)), \(fields.acmePerspectiveQuorum),
                    \(fields.acmeOrdersPerHour), \(fields.issuerID), \(fields.issuingCAID), \(fields.ownerID),
                    \(fields.teamID), \(fields.renewalPolicyID), \(JSONColumn.value(fields.keyUsages)),
                    \(fields.constraintsValue), \(fields.mustStapleOnRequest), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try Profile(rows.onlyRow())
    }

    package func find(_ id: ProfileID, in tx: any Transaction) throws -> Profile? {
        try tx.row("SELECT \(fragment: Self.columns) FROM certificate_profiles WHERE id = \(id)")
            .map { try Profile($0) }
    }

    package func get(_ id: ProfileID, in tx: any Transaction) throws -> Profile {
        guard let profile = try find(id, in: tx) else { throw StoreError.notFound(.profile, id: id.text) }
        return profile
    }

    package func list(
        _ request: ListRequest<ProfileFilter, ProfileSort>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Page<Profile> {
        let filter = request.filter
        var conditions = clearance.profileConditions
        if let enabled = filter.enabled { conditions.append("enabled = \(enabled)") }
        if let search = filter.search {
            conditions.append("(\("name", contains: search) OR \("description", contains: search))")
        }
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "certificate_profiles",
            conditions: conditions,
            key: request.sort.key,
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Profile($0) }
    }

    package func update(
        _ id: ProfileID,
        _ fields: ProfileFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Profile {
        try verifyReferences(of: fields, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE certificate_profiles SET name = \(fields.name), description = \(fields.description),
                    allowed_key_algorithms = \(fields.keysValue), max_ttl_seconds = \(fields.maxTTLSeconds),
                    allowed_ekus = \(JSONColumn.value(fields.allowedEKUs)),
                    required_san_patterns = \(JSONColumn.value(fields.requiredSANPatterns)),
                    spiffe_uri_pattern = \(fields.spiffeURIPattern), allow_short_lived = \(fields.allowShortLived),
                    must_staple = \(fields.mustStaple),
                    must_staple_on_request = \(fields.mustStapleOnRequest),
                    required_csr_attributes = \(JSONColumn.value(fields.requiredCSRAttributes)),
                    acme_auth_mode = \(fields.acmeAuthMode), requires_approval = \(fields.requiresApproval),
                    enabled = \(fields.enabled), default_ttl_seconds = \(fields.defaultTTLSeconds),
                    backdate_seconds = \(fields.backdateSeconds), eku_critical = \(fields.ekuCritical),
                    allowed_san_types = \(fields.sanTypesValue), max_sans = \(fields.maxSANs),
                    subject_policy = \(fields.subjectValue),
                    policy_oids = \(JSONColumn.value(fields.policyOIDs)), key_reuse = \(fields.keyReuse),
                    key_usages = \(JSONColumn.value(fields.keyUsages)),
                    name_constraints = \(fields.constraintsValue),
                    acme_require_eab = \(fields.acmeRequireEAB),
                    acme_challenge_types = \(fields.challengeTypesValue),
                    acme_allow_wildcards = \(fields.acmeAllowWildcards),
                    acme_allow_single_label = \(fields.acmeAllowSingleLabel),
                    acme_preauthorization = \(fields.acmePreauthorization),
                    acme_profiles = \(fields.acmeProfilesValue),
                    acme_perspectives = \(JSONColumn.value(fields.acmePerspectives)),
                    acme_perspective_quorum = \(fields.acmePerspectiveQuorum),
                    acme_orders_per_hour = \(fields.acmeOrdersPerHour), issuer_id = \(fields.issuerID),
                    issuing_ca_id = \(fields.issuingCAID), owner_id = \(fields.ownerID), team_id = \(fields.teamID),
                    renewal_policy_id = \(fields.renewalPolicyID), updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.profile, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Profile(row)
    }

    /// The names of the profiles in use under which a CA signs and no other may.
    package func pinned(to authority: AuthorityID, in tx: any Transaction) throws -> [String] {
        try tx.rows(
            "SELECT name FROM certificate_profiles WHERE issuing_ca_id = \(authority) AND enabled ORDER BY name"
        ).map { try $0.text("name") }
    }

    /// Throws when the members name an issuer, an owner, a team or a policy that does not exist.
    package func verifyReferences(of fields: ProfileFields, in tx: any Transaction) throws {
        var check = ReferenceCheck()
        check.expect(fields.issuerID, in: .issuers, as: "issuer_id")
        check.expect(fields.ownerID, in: .owners, as: "owner_id")
        check.expect(fields.teamID, in: .teams, as: "team_id")
        check.expect(fields.renewalPolicyID, in: .policies, as: "renewal_policy_id")
        for other in fields.acmeProfiles { check.expect(other, in: .profiles, as: "acme_profiles") }
        try check.verify(in: tx)
    }

    /// Counts the other profiles whose directories offer this one. One text for both engines, whatever the column is.
    private static func choices(of id: ProfileID) -> SQL {
        """
        SELECT COUNT(*) FROM certificate_profiles WHERE id <> \(id)
            AND REPLACE(CAST(acme_profiles AS TEXT), \("\"\(id.text)\""), '') <> CAST(acme_profiles AS TEXT)
        """
    }

    /// Deletes a profile that nothing else names.
    ///
    /// Archived certificates count too: the foreign key keeps what they were issued under.
    package func delete(_ id: ProfileID, expecting version: Int?, in tx: any Transaction) throws {
        let counts = try DependentCount.nonZero(
            [
                ("certificates", "SELECT COUNT(*) FROM managed_certificates WHERE certificate_profile_id = \(id)"),
                ("renewal_policies", "SELECT COUNT(*) FROM renewal_policies WHERE certificate_profile_id = \(id)"),
                ("acme_accounts", "SELECT COUNT(*) FROM acme_accounts WHERE profile_id = \(id)"),
                ("acme_orders", "SELECT COUNT(*) FROM acme_orders WHERE profile_id = \(id)"),
                ("acme_eab_keys", "SELECT COUNT(*) FROM acme_eab_keys WHERE profile_id = \(id)"),
                ("profiles", Self.choices(of: id)),
            ],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.profile, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        guard try tx.execute("DELETE FROM certificate_profiles WHERE \(fragment: condition)") == 1 else {
            throw UpdateGuard.refusal(.profile, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
    }
}
