package import Domain

/// `POST /api/v1/profiles/{id}/check`.
package struct ProfileCheckRequest: WireValue {
    package var profile: UpdateProfileRequest?
    package var limit = 100
    package var cursor: CertificateID?

    package init() {}

    package static let contract = Contract<Self>(
        "ProfileCheck", "What to look for among the certificates under the profile.",
        [
            .optional("profile", \.profile, "Members as they would be changed; without it the profile as it is saved."),
            .defaulted("limit", \.limit, .integer(0...500), "Refusals to list; with 0 the answer only counts."),
            .optional("cursor", \.cursor, "The next_cursor of an earlier answer."),
        ]
    )
}

/// A rule that stands in the way.
package struct ViolationBody: WireValue, Hashable {
    package var code = ""
    package var detail = ""
    package var agentID: AgentID?

    package init() {}

    package static let contract = Contract<Self>(
        "Violation", "A rule that a request breaks.",
        [
            .required("code", \.code, .text(1...64, example: "key_size"), "The rule."),
            .required("detail", \.detail, .longText, "The rule and the offending value."),
            .optional("agent_id", \.agentID, "The agent that it is about, where agents hold the keys."),
        ]
    )
}

/// A certificate whose next renewal would be refused.
package struct RefusedRenewalBody: WireValue {
    package var certificateID = CertificateID.unset
    package var name = ""
    package var commonName = ""
    package var issuerID = IssuerID.unset
    package var expiresAt: Timestamp?
    package var violations: [ViolationBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "RefusedRenewal", "A certificate whose next renewal the profile would refuse.",
        [
            .required("certificate_id", \.certificateID, "The certificate."),
            .required("name", \.name, .text(1...255, example: "api-prod"), "Its name."),
            .required("common_name", \.commonName, .text(1...2048, example: "api.example.com"), "Its common name."),
            .required("issuer_id", \.issuerID, "Its issuer."),
            .optional("expires_at", \.expiresAt, "When it ends; absent when it was never issued."),
            .required("violations", \.violations, "Everything that stands in the way."),
        ]
    )
}

/// How many certificates break a rule.
package struct RuleCountBody: WireValue, Hashable {
    package var code = ""
    package var certificates = 0

    package init() {}

    package static let contract = Contract<Self>(
        "RuleCount", "How many certificates break a rule.",
        [
            .required("code", \.code, .text(1...64, example: "key_size"), "The rule."),
            .required("certificates", \.certificates, "Certificates that break it."),
        ]
    )
}

/// Which certificates a profile would refuse.
package struct ProfileCheckAnswer: WireValue {
    package var examined = 0
    package var refused = 0
    package var rules: [RuleCountBody] = []
    package var refusals: [RefusedRenewalBody] = []
    package var nextCursor: CertificateID?

    package init() {}

    package static let contract = Contract<Self>(
        "ProfileChecked", "What was found among the certificates that this answer is about.",
        [
            .required("examined", \.examined, "Certificates that were looked at."),
            .required("refused", \.refused, "Certificates whose next renewal would be refused."),
            .required("rules", \.rules, .list(RuleCountBody.wireSchema, maximum: 100), "How many break which rule."),
            .required("refusals", \.refusals, .list(RefusedRenewalBody.wireSchema, maximum: 500), "The first of them."),
            .optional(
                "next_cursor", \.nextCursor,
                "Where to go on: there are more certificates. The counts of all answers add up."),
        ]
    )
}

/// `POST /api/v1/profiles/{id}/evaluate`.
package struct EvaluateRequest: WireValue {
    package var csrPEM = ""
    package var certificateID: CertificateID?
    package var issuerID: IssuerID?
    package var path = RequestWay.direct
    package var profile: UpdateProfileRequest?

    package init() {}

    package static let contract = Contract<Self>(
        "ProfileEvaluate", "A request to try.",
        [
            .required("csr_pem", \.csrPEM, .pem, "A PKCS#10 request."),
            .optional(
                "certificate_id", \.certificateID,
                "The record that it would be for; without it the names of the request count as approved."),
            .optional("issuer_id", \.issuerID, "Who would sign; the issuer of record or profile without it."),
            .defaulted("path", \.path, "How it would come in."),
            .optional("profile", \.profile, "Members as they would be changed; without it the profile as it is saved."),
        ]
    )
}

/// How a request comes in, as far as profiles tell it apart.
package enum RequestWay: String, WireEnum { case direct, acme }

/// What a certificate would hold besides its key.
package struct TemplateBody: WireValue, Hashable {
    package var subject: String?
    package var names: [String] = []
    package var extendedKeyUsages: [String] = []
    package var isEKUCritical = false
    package var ttlSeconds: Int?
    package var backdateSeconds: Int?
    package var mustStaple = false
    package var policyOIDs: [String] = []
    package var keyUsages: [String] = []
    package var hasNoRevocation = false

    package init() {}

    package static let contract = Contract<Self>(
        "CertificateTemplate", "What the profile makes of a request. What is absent is up to the issuer.",
        [
            .optional("subject", \.subject, .text(0...4096, example: "CN=api.example.com,O=Example Ltd"), "RFC 4514."),
            .required("names", \.names, .list(.text(1...2048, example: "dns:api.example.com")), "Alternative names."),
            .required("extended_key_usages", \.extendedKeyUsages, "Purposes of the key."),
            .defaulted("eku_critical", \.isEKUCritical, "Whether they are critical."),
            .optional("ttl_seconds", \.ttlSeconds, "The whole period, both ends counted."),
            .optional("backdate_seconds", \.backdateSeconds, "How long before the issuance it begins."),
            .defaulted("must_staple", \.mustStaple, "RFC 7633."),
            .defaulted("policy_oids", \.policyOIDs, "Certificate policies."),
            .defaulted("no_rev_avail", \.hasNoRevocation, "RFC 9608: nothing tells of its revocation."),
            .defaulted("key_usages", \.keyUsages, "Key usages; empty for what follows from the purposes."),
        ]
    )
}

/// What would become of a request.
package struct EvaluateAnswer: WireValue {
    package var verdict = RequestVerdictName.refused
    package var violations: [ViolationBody] = []
    package var key: KeySpecBody?
    package var spkiSHA256: String?
    package var issuerID: IssuerID?
    package var template: TemplateBody?

    package init() {}

    package static let contract = Contract<Self>(
        "ProfileEvaluated", "What would become of the request.",
        [
            .required("verdict", \.verdict, "Whether it would be issued."),
            .required("violations", \.violations, "Everything that stands in the way."),
            .optional("key", \.key, "The key of the request."),
            .optional("spki_sha256", \.spkiSHA256, .fingerprint, "Of the public key."),
            .optional("issuer_id", \.issuerID, "Who would sign; absent when nothing says so."),
            .optional("template", \.template, "What the certificate would hold; absent when it is refused."),
        ]
    )
}

package enum RequestVerdictName: String, WireEnum { case issued, refused }
