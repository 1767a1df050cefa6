package import Domain
import Encoding

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
    package var requiredCSRAttributes: [String]?
    package var acmeAuthMode: ACMEAuthMode?
    package var requiresApproval: Bool?
    package var isEnabled = true
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
            .defaulted("must_staple", \.mustStaple, "RFC 7633."),
            .optional("required_csr_attributes", \.requiredCSRAttributes, "For EST csrattrs."),
            .optional("acme_auth_mode", \.acmeAuthMode, "For the ACME server."),
            .optional("requires_approval", \.requiresApproval, "Whether a second person decides."),
            .required("enabled", \.isEnabled, "Whether it can be used."),
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

/// One line of the key allow-list.
package struct KeyRuleBody: WireValue, Hashable {
    package var algorithm = KeyAlgorithm.ecdsa
    package var minimumSize = 0

    package init() {}
    package init(_ rule: KeyRule) {
        algorithm = rule.algorithm
        minimumSize = rule.minSize
    }

    package var rule: KeyRule { KeyRule(algorithm: algorithm, minSize: minimumSize) }

    package static let contract = Contract<Self>(
        "KeyRule", "A family of keys and its smallest size.",
        [
            .required("algorithm", \.algorithm, "Family."),
            .defaulted("min_size", \.minimumSize, .integer(0...32_768), "Bits; keys of one size need none."),
        ]
    )
}

/// Shapes that profile types share.
enum ProfileMembers {
    static let keys = Schema.list(KeyRuleBody.wireSchema, maximum: 16)
    static let ekus = Schema.list(.text(1...64, example: "serverAuth"), maximum: 32)
    static let patterns = Schema.list(.text(1...255, example: "*.example.com"), maximum: 100)
    static let attributes = Schema.list(.text(1...64, example: "1.2.840.113549.1.9.7"), maximum: 32)
    static let seconds = Schema.integer(0...3_155_760_000)
}

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
    package var requiredCSRAttributes: [String] = []
    package var acmeAuthMode: ACMEAuthMode?
    package var requiresApproval = false
    package var isEnabled = true

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
            .defaulted("must_staple", \.mustStaple, "RFC 7633."),
            .defaulted("required_csr_attributes", \.requiredCSRAttributes, ProfileMembers.attributes, "EST csrattrs."),
            .optional("acme_auth_mode", \.acmeAuthMode, "For the ACME server."),
            .defaulted("requires_approval", \.requiresApproval, "Whether a second person decides."),
            .defaulted("enabled", \.isEnabled, "Whether it can be used."),
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
    package var requiredCSRAttributes = FieldUpdate<[String]>.keep
    package var acmeAuthMode = FieldUpdate<ACMEAuthMode>.keep
    package var requiresApproval = FieldUpdate<Bool>.keep
    package var isEnabled = FieldUpdate<Bool>.keep
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
            .update(
                "required_csr_attributes", \.requiredCSRAttributes, ProfileMembers.attributes, clearable: true,
                "EST csrattrs."
            ),
            .update("acme_auth_mode", \.acmeAuthMode, clearable: true, "For the ACME server."),
            .update("requires_approval", \.requiresApproval, clearable: true, "Whether a second person decides."),
            .update("enabled", \.isEnabled, "Whether it can be used."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
