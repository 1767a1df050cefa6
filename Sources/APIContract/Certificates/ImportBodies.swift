package import Domain

/// `POST /api/v1/certificates/import`, and each line of `…/bulk-import`.
package struct ImportCertificateRequest: WireValue {
    package var pem: String?
    package var data: String?
    package var certificateID: CertificateID?
    package var id: CertificateID?
    package var name: String?
    package var environment = ""
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var issuerID: IssuerID?
    package var renewalPolicyID: RenewalPolicyID?
    package var profileID: ProfileID?
    package var targetIDs: [TargetID] = []
    package var tags: [String: String] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "ImportCertificate", "A certificate that exists already. Private keys are refused: they stay where they are.",
        [
            .optional("pem", \.pem, .pem, "The certificate first, then its chain, in PEM; this or data."),
            .optional(
                "data", \.data, .text(1...262_144, example: "MIIB…"),
                "Base64 of the certificate in DER, or of PKCS#7 with its chain; this or pem."),
            .optional(
                "certificate_id", \.certificateID,
                "Makes it a version of this managed certificate with the same names; the other members are then left out."
            ),
            .optional("id", \.id, "Chosen identifier; made up when absent."),
            .optional("name", \.name, .name, "Unique name; the common name when absent."),
            .defaulted("environment", \.environment, CertificateMembers.environment, "Free label."),
            .optional("owner_id", \.ownerID, "Responsible owner; required without certificate_id."),
            .optional("team_id", \.teamID, "Responsible team; required without certificate_id."),
            .optional("issuer_id", \.issuerID, "Issuer that renews it; required without certificate_id."),
            .optional("renewal_policy_id", \.renewalPolicyID, "When it is renewed; required without certificate_id."),
            .optional("certificate_profile_id", \.profileID, "Rules for its key and names."),
            .defaulted("target_ids", \.targetIDs, "Targets to deploy to."),
            .defaulted("tags", \.tags, .tags, "Labels."),
        ]
    )
}

/// What an import led to, or would.
package struct ImportAnswer: WireValue {
    package var certificateID: CertificateID?
    package var versionID: VersionID?
    package var name = ""
    package var status = ""
    package var serialNumber = ""
    package var fingerprintSHA256 = ""
    package var notBefore = Timestamp.epoch
    package var notAfter = Timestamp.epoch
    package var isCurrent = false
    package var isIssuedElsewhere = false
    package var revokedAt: Timestamp?
    package var revocationReason: RevocationReason?
    package var path: PathOutcome?
    package var pathDetail: String?
    package var isDryRun = false

    package init() {}

    package static let contract = Contract<Self>(
        "CertificateImported", "The version as stored.",
        [
            .optional("certificate_id", \.certificateID, "The managed certificate; absent when a dry run made it up."),
            .optional("version_id", \.versionID, "The version; absent in a dry run."),
            .required("name", \.name, .text(1...255, example: "api-prod"), "Name of the managed certificate."),
            .required("status", \.status, .text(1...32, example: "Active"), "Its status."),
            .required("serial_number", \.serialNumber, .text(1...40, example: "5d1c9a"), "Lower-case hexadecimal."),
            .required("fingerprint_sha256", \.fingerprintSHA256, .fingerprint, "Of the certificate."),
            .required("not_before", \.notBefore, "Start of validity."),
            .required("not_after", \.notAfter, "End of validity."),
            .defaulted("is_current", \.isCurrent, "Whether no newer version is there."),
            .defaulted(
                "issued_elsewhere", \.isIssuedElsewhere,
                "Whether another authority than that of the issuer signed it: it can only be revoked there."),
            .optional("revoked_at", \.revokedAt, "Since when it is revoked: the authority had done so before."),
            .optional("revocation_reason", \.revocationReason, "Why it is revoked."),
            .optional(
                "path", \.path,
                "What validating the chain came to, for a relying party that trusts the CAs of the issuers here."),
            .optional("path_detail", \.pathDetail, .longText, "Why it is not valid."),
            .defaulted("dry_run", \.isDryRun, "Whether nothing was stored."),
        ]
    )
}
