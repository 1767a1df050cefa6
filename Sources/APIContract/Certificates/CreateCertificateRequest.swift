package import Domain

/// `POST /api/v1/certificates`.
package struct CreateCertificateRequest: WireValue {
    package var id: CertificateID?
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
    package var tags: [String: String] = [:]
    package var issue = false

    package init() {}

    package static let contract = Contract<Self>(
        "CreateCertificate", "A certificate to bring under management.",
        [
            .optional("id", \.id, "Chosen identifier; made up when absent."),
            .required("name", \.name, .name, "Unique name."),
            .required("common_name", \.commonName, CertificateMembers.subjectName, "Subject common name."),
            .defaulted("sans", \.subjectAltNames, CertificateMembers.subjectAltNames, "Subject alternative names."),
            .defaulted("environment", \.environment, CertificateMembers.environment, "Free label."),
            .required("owner_id", \.ownerID, "Responsible owner."),
            .required("team_id", \.teamID, "Responsible team."),
            .required("issuer_id", \.issuerID, "Issuer that signs it."),
            .required("renewal_policy_id", \.renewalPolicyID, "When it is renewed."),
            .optional("certificate_profile_id", \.profileID, "Rules for its key and names."),
            .defaulted("target_ids", \.targetIDs, "Targets to deploy to."),
            .defaulted("tags", \.tags, .tags, "Labels."),
            .defaulted("issue", \.issue, "Open the issuance job at once."),
        ]
    )
}
