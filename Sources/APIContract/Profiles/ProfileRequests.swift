package import Domain
package import Encoding

/// `POST /api/v1/profiles`.
package struct CreateProfileRequest: WireValue {
    package var id: ProfileID?
    package var name = ""
    package var description = ""
    package var allowedKeyAlgorithms: [KeyRuleBody] = KeyRule.defaults.map(KeyRuleBody.init)
    package var maximumTTLSeconds = 0
    package var allowedEKUs = [ExtendedKeyUsage.serverAuth.rawValue]
    package var requiredSANPatterns: [String] = []
    package var spiffeURIPattern = ""
    package var allowShortLived = false
    package var mustStaple = false
    package var mustStapleMode: MustStapleMode?
    package var requiredCSRAttributes: [String] = []
    package var acmeAuthMode: ACMEAuthMode?
    package var requiresApproval = false
    package var isEnabled = true
    package var defaultTTLSeconds = 0
    package var backdateSeconds: Int?
    package var isEKUCritical = false
    package var allowedSANTypes: [SANType] = []
    package var maximumSANs = 0
    package var subjectPolicy: SubjectPolicyBody?
    package var policyOIDs: [String] = []
    package var keyUsages: [String] = []
    package var nameConstraints: JSONObject?
    package var keyReuse = KeyReuse.allow
    package var acmeRequireEAB: Bool?
    package var acmeChallengeTypes: [ACMEChallengeType] = []
    package var acmeAllowWildcards = true
    package var acmeAllowSingleLabel = false
    package var acmePreauthorization = false
    package var acmeProfiles: [ProfileID] = []
    package var acmePerspectives: [String] = []
    package var acmePerspectiveQuorum = 0
    package var acmeOrdersPerHour = 0
    package var issuerID: IssuerID?
    package var issuingCAID: AuthorityID?
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var renewalPolicyID: RenewalPolicyID?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateProfile", "A profile to add.",
        [
            .optional("id", \.id, "Chosen identifier."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("description", \.description, .longText, "For people."),
            .defaulted(
                "allowed_key_algorithms", \.allowedKeyAlgorithms, ProfileMembers.keys, "Families, smallest sizes."),
            .defaulted("max_ttl_seconds", \.maximumTTLSeconds, ProfileMembers.seconds, "0 for no cap."),
            .defaulted("allowed_ekus", \.allowedEKUs, ProfileMembers.ekus, "Extended key usages."),
            .defaulted(
                "required_san_patterns", \.requiredSANPatterns, ProfileMembers.patterns, "Names must match one."),
            .defaulted("spiffe_uri_pattern", \.spiffeURIPattern, .text(0...1024, example: ""), "For SPIFFE names."),
            .defaulted("allow_short_lived", \.allowShortLived, "Needs max_ttl_seconds below 3600."),
            .defaulted("must_staple", \.mustStaple, "RFC 7633: the mode required."),
            .optional(
                "must_staple_mode", \.mustStapleMode,
                "Whether every certificate has must-staple, those whose request asks for it, or none; wins over must_staple."
            ),
            .defaulted("required_csr_attributes", \.requiredCSRAttributes, ProfileMembers.attributes, "EST csrattrs."),
            .optional("acme_auth_mode", \.acmeAuthMode, "For the ACME server."),
            .defaulted("requires_approval", \.requiresApproval, "Whether a second person decides."),
            .defaulted("enabled", \.isEnabled, "Whether it can be used."),
            .defaulted("default_ttl_seconds", \.defaultTTLSeconds, ProfileMembers.seconds, "0 for the issuer's."),
            .optional("backdate_seconds", \.backdateSeconds, ProfileMembers.backdate, "Absent for the issuer's."),
            .defaulted("eku_critical", \.isEKUCritical, "Whether the extended key usages are critical."),
            .defaulted("allowed_san_types", \.allowedSANTypes, "Types of names; empty for those that follow."),
            .defaulted("max_sans", \.maximumSANs, ProfileMembers.names, "Most names; 0 for 100."),
            .optional("subject_policy", \.subjectPolicy, "Rules for the subject."),
            .defaulted("policy_oids", \.policyOIDs, ProfileMembers.policies, "Certificate policies to write."),
            .defaulted(
                "key_usages", \.keyUsages, ProfileMembers.usages,
                "Key usages; empty for what follows from the purposes."),
            .optional("name_constraints", \.nameConstraints, "What names must lie within: permitted, excluded."),
            .defaulted("key_reuse", \.keyReuse, "Whether a key may be certified again."),
            .optional("acme_require_eab", \.acmeRequireEAB, "Absent leaves it to the server."),
            .defaulted("acme_challenge_types", \.acmeChallengeTypes, "Empty for all of the server."),
            .defaulted("acme_allow_wildcards", \.acmeAllowWildcards, "Whether wildcards may be ordered."),
            .defaulted("acme_allow_single_label", \.acmeAllowSingleLabel, "Whether names of one label may be ordered."),
            .defaulted(
                "acme_preauthorization", \.acmePreauthorization, "Whether names may be authorized ahead of orders."),
            .defaulted(
                "acme_profiles", \.acmeProfiles, ProfileMembers.profiles,
                "Other profiles that its accounts may order under."),
            .defaulted(
                "acme_perspectives", \.acmePerspectives, ProfileMembers.perspectives,
                "Perspectives that confirm proofs; empty for all of the server, none for nobody."),
            .defaulted(
                "acme_perspective_quorum", \.acmePerspectiveQuorum, ProfileMembers.quorum,
                "How many have to confirm; 0 for the rule."),
            .defaulted(
                "acme_orders_per_hour", \.acmeOrdersPerHour, ProfileMembers.hourly,
                "Orders of all accounts in an hour; 0 for no limit."),
            .optional("issuer_id", \.issuerID, "The only issuer under the profile."),
            .optional("issuing_ca_id", \.issuingCAID, "The CA of that issuer which signs, where it is a tree."),
            .optional("owner_id", \.ownerID, "Owner of what protocols enrol."),
            .optional("team_id", \.teamID, "Team of what protocols enrol."),
            .optional("renewal_policy_id", \.renewalPolicyID, "Renewal policy of what protocols enrol."),
        ]
    )
}

/// `PUT` and `PATCH` of a profile.
package struct UpdateProfileRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var description = FieldUpdate<String>.keep
    package var allowedKeyAlgorithms = FieldUpdate<[KeyRuleBody]>.keep
    package var maximumTTLSeconds = FieldUpdate<Int>.keep
    package var allowedEKUs = FieldUpdate<[String]>.keep
    package var requiredSANPatterns = FieldUpdate<[String]>.keep
    package var spiffeURIPattern = FieldUpdate<String>.keep
    package var allowShortLived = FieldUpdate<Bool>.keep
    package var mustStaple = FieldUpdate<Bool>.keep
    package var mustStapleMode = FieldUpdate<MustStapleMode>.keep
    package var requiredCSRAttributes = FieldUpdate<[String]>.keep
    package var acmeAuthMode = FieldUpdate<ACMEAuthMode>.keep
    package var requiresApproval = FieldUpdate<Bool>.keep
    package var isEnabled = FieldUpdate<Bool>.keep
    package var defaultTTLSeconds = FieldUpdate<Int>.keep
    package var backdateSeconds = FieldUpdate<Int>.keep
    package var isEKUCritical = FieldUpdate<Bool>.keep
    package var allowedSANTypes = FieldUpdate<[SANType]>.keep
    package var maximumSANs = FieldUpdate<Int>.keep
    package var subjectPolicy = FieldUpdate<SubjectPolicyBody>.keep
    package var policyOIDs = FieldUpdate<[String]>.keep
    package var keyUsages = FieldUpdate<[String]>.keep
    package var nameConstraints = FieldUpdate<JSONObject>.keep
    package var keyReuse = FieldUpdate<KeyReuse>.keep
    package var acmeRequireEAB = FieldUpdate<Bool>.keep
    package var acmeChallengeTypes = FieldUpdate<[ACMEChallengeType]>.keep
    package var acmeAllowWildcards = FieldUpdate<Bool>.keep
    package var acmeAllowSingleLabel = FieldUpdate<Bool>.keep
    package var acmePreauthorization = FieldUpdate<Bool>.keep
    package var acmeProfiles = FieldUpdate<[ProfileID]>.keep
    package var acmePerspectives = FieldUpdate<[String]>.keep
    package var acmePerspectiveQuorum = FieldUpdate<Int>.keep
    package var acmeOrdersPerHour = FieldUpdate<Int>.keep
    package var issuerID = FieldUpdate<IssuerID>.keep
    package var issuingCAID = FieldUpdate<AuthorityID>.keep
    package var ownerID = FieldUpdate<OwnerID>.keep
    package var teamID = FieldUpdate<TeamID>.keep
    package var renewalPolicyID = FieldUpdate<RenewalPolicyID>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateProfile", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, "Unique name."),
            .update("description", \.description, .longText, clearable: true, "For people."),
            .update("allowed_key_algorithms", \.allowedKeyAlgorithms, ProfileMembers.keys, clearable: true, "Keys."),
            .update("max_ttl_seconds", \.maximumTTLSeconds, ProfileMembers.seconds, clearable: true, "0 for no cap."),
            .update("allowed_ekus", \.allowedEKUs, ProfileMembers.ekus, clearable: true, "Extended key usages."),
            .update("required_san_patterns", \.requiredSANPatterns, ProfileMembers.patterns, clearable: true, "Names."),
            .update("spiffe_uri_pattern", \.spiffeURIPattern, .text(0...1024, example: ""), clearable: true, "SPIFFE."),
            .update("allow_short_lived", \.allowShortLived, "Needs max_ttl_seconds below 3600."),
            .update("must_staple", \.mustStaple, "RFC 7633."),
            .update("must_staple_mode", \.mustStapleMode, clearable: true, "Wins over must_staple."),
            .update(
                "required_csr_attributes", \.requiredCSRAttributes, ProfileMembers.attributes, clearable: true,
                "EST csrattrs."
            ),
            .update("acme_auth_mode", \.acmeAuthMode, clearable: true, "For the ACME server."),
            .update("requires_approval", \.requiresApproval, clearable: true, "Whether a second person decides."),
            .update("enabled", \.isEnabled, "Whether it can be used."),
            .update(
                "default_ttl_seconds", \.defaultTTLSeconds, ProfileMembers.seconds, clearable: true, "0: issuer's."),
            .update("backdate_seconds", \.backdateSeconds, ProfileMembers.backdate, clearable: true, "Backdating."),
            .update("eku_critical", \.isEKUCritical, "Whether the extended key usages are critical."),
            .update("allowed_san_types", \.allowedSANTypes, clearable: true, "Types of names."),
            .update("max_sans", \.maximumSANs, ProfileMembers.names, clearable: true, "Most names; 0 for 100."),
            .update("subject_policy", \.subjectPolicy, clearable: true, "Rules for the subject; replaces all."),
            .update("policy_oids", \.policyOIDs, ProfileMembers.policies, clearable: true, "Certificate policies."),
            .update("key_usages", \.keyUsages, ProfileMembers.usages, clearable: true, "Key usages."),
            .update(
                "name_constraints", \.nameConstraints, clearable: true, "What names must lie within; replaces all."),
            .update("key_reuse", \.keyReuse, clearable: true, "Whether a key may be certified again."),
            .update("acme_require_eab", \.acmeRequireEAB, clearable: true, "Cleared leaves it to the server."),
            .update("acme_challenge_types", \.acmeChallengeTypes, clearable: true, "Challenges."),
            .update("acme_allow_wildcards", \.acmeAllowWildcards, "Whether wildcards may be ordered."),
            .update("acme_allow_single_label", \.acmeAllowSingleLabel, "Whether names of one label may be ordered."),
            .update(
                "acme_preauthorization", \.acmePreauthorization, "Whether names may be authorized ahead."),
            .update(
                "acme_profiles", \.acmeProfiles, ProfileMembers.profiles, clearable: true,
                "Other profiles that its accounts may order under."),
            .update(
                "acme_perspectives", \.acmePerspectives, ProfileMembers.perspectives, clearable: true,
                "Perspectives that confirm proofs; none for nobody."),
            .update(
                "acme_perspective_quorum", \.acmePerspectiveQuorum, ProfileMembers.quorum, clearable: true,
                "How many have to confirm; 0 for the rule."),
            .update(
                "acme_orders_per_hour", \.acmeOrdersPerHour, ProfileMembers.hourly, clearable: true,
                "Orders of all accounts in an hour; 0 for no limit."),
            .update("issuer_id", \.issuerID, clearable: true, "The only issuer under the profile."),
            .update("issuing_ca_id", \.issuingCAID, clearable: true, "The CA of that issuer which signs."),
            .update("owner_id", \.ownerID, clearable: true, "Owner of what protocols enrol."),
            .update("team_id", \.teamID, clearable: true, "Team of what protocols enrol."),
            .update("renewal_policy_id", \.renewalPolicyID, clearable: true, "Renewal policy of what they enrol."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
