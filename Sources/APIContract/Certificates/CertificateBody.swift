package import Domain
package import Encoding

/// A managed certificate as the API shows it (specification, rest-api §7.1).
package struct CertificateBody: WireValue {
    package var id = CertificateID.unset
    package var name = ""
    package var commonName = ""
    package var subjectAltNames: [String] = []
    package var environment = ""
    package var ownerID = OwnerID.unset
    package var teamID = TeamID.unset
    package var issuerID = IssuerID.unset
    package var renewalPolicyID = RenewalPolicyID.unset
    package var profileID: ProfileID?
    package var targetIDs: [TargetID] = []
    package var status = CertificateStatus.pending
    package var expiresAt = ExpiryTime(nil)
    package var tags: [String: String] = [:]
    package var lastRenewalAt: Timestamp?
    package var lastDeploymentAt: Timestamp?
    package var revokedAt: Timestamp?
    package var revocationReason: RevocationReason?
    package var upstreamRevocation: String?
    package var upstreamRevocationError: String?
    package var source = CertificateSource.unspecified
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 0
    package var serialNumber: String?
    package var fingerprintSHA256: String?
    package var keyAlgorithm: KeyAlgorithm?
    package var keySize: Int?
    package var notBefore: Timestamp?
    package var issuedAt: Timestamp?
    package var daysRemaining: Int?
    package var deploymentSummary: DeploymentSummary?
    package var policyViolations: Int?
    /// The job that `issue: true` opened; only in the answer to a creation.
    package var jobID: JobID?

    package init() {}

    package static let contract = Contract<Self>(
        "ManagedCertificate", "A certificate under management.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .name, "Unique name."),
            .required("common_name", \.commonName, CertificateMembers.subjectName, "Subject common name."),
            .defaulted("sans", \.subjectAltNames, CertificateMembers.subjectAltNames, "Subject alternative names."),
            .defaulted("environment", \.environment, CertificateMembers.environment, "Free label."),
            .required("owner_id", \.ownerID, "Responsible owner."),
            .required("team_id", \.teamID, "Responsible team."),
            .required("issuer_id", \.issuerID, "Issuer that signs it."),
            .required("renewal_policy_id", \.renewalPolicyID, "When it is renewed."),
            .optional("certificate_profile_id", \.profileID, "Rules for its key and names."),
            .defaulted("target_ids", \.targetIDs, "Targets it is deployed to."),
            .required("status", \.status, "Where it stands in its life."),
            .required("expires_at", \.expiresAt, "End of validity; 0001-01-01T00:00:00Z when never issued."),
            .defaulted("tags", \.tags, .tags, "Labels."),
            .optional("last_renewal_at", \.lastRenewalAt, "Last completed renewal."),
            .optional("last_deployment_at", \.lastDeploymentAt, "Last completed deployment."),
            .optional("revoked_at", \.revokedAt, "When it was revoked."),
            .optional("revocation_reason", \.revocationReason, "RFC 5280 reason."),
            .optional(
                "upstream_revocation", \.upstreamRevocation, .choice(RevocationMembers.notifications),
                "Whether the issuers know of its revocations, the worst of them; in the answer for one certificate, when "
                    + "an issuer had to be told."),
            .optional(
                "upstream_revocation_error", \.upstreamRevocationError, .longText,
                "Why one does not know yet, or never will."),
            .defaulted("source", \.source, "How it came under management."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version; also the ETag."),
            .optional("serial_number", \.serialNumber, "Of the current version; lower-case hexadecimal."),
            .optional("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the current version."),
            .optional("key_algorithm", \.keyAlgorithm, "Of the current version."),
            .optional("key_size", \.keySize, "Of the current version, in bits."),
            .optional("not_before", \.notBefore, "Of the current version."),
            .optional("issued_at", \.issuedAt, "When the current version was issued."),
            .optional("days_remaining", \.daysRemaining, CertificateMembers.days, "Whole days until it expires."),
            .optional("deployment_summary", \.deploymentSummary, "Targets and how many serve the current version."),
            .optional("policy_violations", \.policyViolations, "Open violations."),
            .optional("job_id", \.jobID, "Issuance job, when one was opened by the request."),
        ]
    )
}

/// Shapes that several certificate types share.
enum CertificateMembers {
    static let subjectName = Schema.form(.subjectName, example: "api.example.com")
    static let subjectAltNames = Schema.list(.form(.subjectAltName, example: "api.example.com"), maximum: 500)
    static let environment = Schema.text(0...50, example: "production")
    static let days = Schema.integer(-1_000_000...1_000_000)
    static let csr = Schema.text(
        1...65_536, example: "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n"
    )
}

/// A validity end that older clients require to be a string even when there is none.
package struct ExpiryTime: WireElement, Hashable {
    private static let never = "0001-01-01T00:00:00Z"

    package let time: Timestamp?

    package init(_ time: Timestamp?) { self.time = time }

    package init?(wire: JSONValue) {
        if wire.stringValue == Self.never {
            time = nil
        } else if let time = Timestamp(wire: wire) {
            self.time = time
        } else {
            return nil
        }
    }

    package var wire: JSONValue { time?.wire ?? .string(Self.never) }
    package static var wireSchema: Schema { Timestamp.wireSchema }
}

package struct DeploymentSummary: WireValue, Hashable {
    package var targets = 0
    package var deployed = 0
    package var failed = 0

    package init() {}

    package static let contract = Contract<Self>(
        "DeploymentSummary", "How far the current version got.",
        [
            .required("targets", \.targets, "Targets attached."),
            .required("deployed", \.deployed, "Targets observed serving the current version."),
            .required("failed", \.failed, "Targets whose last deployment failed."),
        ]
    )
}
