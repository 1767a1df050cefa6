package import Domain
package import Encoding

/// A certificate profile as the API shows it (specification, rest-api §7.12).
package struct ProfileBody: WireValue {
    package var id = ProfileID.unset
    package var name = ""
    package var description = ""
    package var allowedKeyAlgorithms: [KeyRuleBody] = []
    package var maximumTTLSeconds = 0
    package var allowedEKUs: [String] = []
    package var requiredSANPatterns: [String] = []
    package var spiffeURIPattern = ""
    package var allowShortLived = false
    package var mustStaple = false
    package var mustStapleMode = MustStapleMode.never
    package var requiredCSRAttributes: [String]?
    package var acmeAuthMode: ACMEAuthMode?
    package var requiresApproval: Bool?
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
    package var warnings: [String] = []
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0

    package init() {}

    package static let contract = Contract<Self>(
        "CertificateProfile", "What certificates of a kind may hold.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .defaulted("description", \.description, .longText, "For people."),
            .defaulted("allowed_key_algorithms", \.allowedKeyAlgorithms, "Families and smallest sizes."),
            .defaulted("max_ttl_seconds", \.maximumTTLSeconds, "Longest validity; 0 for no cap."),
            .defaulted("allowed_ekus", \.allowedEKUs, "Extended key usages."),
            .defaulted("required_san_patterns", \.requiredSANPatterns, "Every name must match one."),
            .defaulted("spiffe_uri_pattern", \.spiffeURIPattern, .text(0...1024, example: ""), "For SPIFFE names."),
            .defaulted("allow_short_lived", \.allowShortLived, "For validity below one hour."),
            .defaulted("must_staple", \.mustStaple, "RFC 7633: whether every certificate has it."),
            .defaulted("must_staple_mode", \.mustStapleMode, "Whether all have it, those who ask for it, or none."),
            .optional("required_csr_attributes", \.requiredCSRAttributes, "For EST csrattrs."),
            .optional("acme_auth_mode", \.acmeAuthMode, "For the ACME server."),
            .optional("requires_approval", \.requiresApproval, "Whether a second person decides."),
            .required("enabled", \.isEnabled, "Whether it can be used."),
            .defaulted("default_ttl_seconds", \.defaultTTLSeconds, "Validity that is given; 0 for the issuer's."),
            .optional("backdate_seconds", \.backdateSeconds, "How long before the issuance validity begins."),
            .defaulted("eku_critical", \.isEKUCritical, "Whether the extended key usages are critical."),
            .defaulted("allowed_san_types", \.allowedSANTypes, "Types of names; empty for those that follow."),
            .defaulted("max_sans", \.maximumSANs, "Most names; 0 for 100."),
            .optional("subject_policy", \.subjectPolicy, "Rules for the subject."),
            .defaulted("policy_oids", \.policyOIDs, "Certificate policies that are written."),
            .defaulted("key_usages", \.keyUsages, "Key usages; empty for what follows from the purposes."),
            .optional("name_constraints", \.nameConstraints, "What names must lie within."),
            .defaulted("key_reuse", \.keyReuse, "Whether a key may be certified again."),
            .optional("acme_require_eab", \.acmeRequireEAB, "Whether ACME accounts need a key of the operator."),
            .defaulted("acme_challenge_types", \.acmeChallengeTypes, "Challenges; empty for all of the server."),
            .defaulted("acme_allow_wildcards", \.acmeAllowWildcards, "Whether wildcards may be ordered."),
            .defaulted("acme_allow_single_label", \.acmeAllowSingleLabel, "Whether names of one label may be ordered."),
            .defaulted(
                "acme_preauthorization", \.acmePreauthorization, "Whether names may be authorized ahead of orders."),
            .defaulted(
                "acme_profiles", \.acmeProfiles, ProfileMembers.profiles,
                "Other profiles that its accounts may order under."),
            .defaulted(
                "acme_perspectives", \.acmePerspectives, ProfileMembers.perspectives,
                "Perspectives that confirm proofs; empty for all of the server."),
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
            .defaulted("warnings", \.warnings, "Members that work and are rarely meant."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
        ]
    )
}

package enum ACMEAuthMode: String, WireEnum {
    case trustAuthenticated = "trust_authenticated"
    case challenge
}
