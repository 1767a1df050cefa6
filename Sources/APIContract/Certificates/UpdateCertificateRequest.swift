package import Domain

/// `PUT` (merge) and `PATCH` of a certificate.
package struct UpdateCertificateRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var commonName = FieldUpdate<String>.keep
    package var subjectAltNames = FieldUpdate<[String]>.keep
    package var environment = FieldUpdate<String>.keep
    package var ownerID = FieldUpdate<OwnerID>.keep
    package var teamID = FieldUpdate<TeamID>.keep
    package var issuerID = FieldUpdate<IssuerID>.keep
    package var renewalPolicyID = FieldUpdate<RenewalPolicyID>.keep
    package var profileID = FieldUpdate<ProfileID>.keep
    package var targetIDs = FieldUpdate<[TargetID]>.keep
    package var tags = FieldUpdate<[String: String]>.keep
    /// The row version the change is based on, for clients without `If-Match`.
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateCertificate", "Members to change; the others stay.",
        [
            .update("name", \.name, .name, emptyKeeps: true, "Unique name."),
            .update(
                "common_name", \.commonName, CertificateMembers.subjectName, emptyKeeps: true, "Subject common name."),
            .update(
                "sans", \.subjectAltNames, CertificateMembers.subjectAltNames, clearable: true,
                "Subject alternative names."
            ),
            .update(
                "environment", \.environment, CertificateMembers.environment, clearable: true, emptyKeeps: true,
                "Free label."),
            .update("owner_id", \.ownerID, emptyKeeps: true, "Responsible owner."),
            .update("team_id", \.teamID, emptyKeeps: true, "Responsible team."),
            .update("issuer_id", \.issuerID, emptyKeeps: true, "Issuer that signs it."),
            .update("renewal_policy_id", \.renewalPolicyID, emptyKeeps: true, "When it is renewed."),
            .update(
                "certificate_profile_id", \.profileID, clearable: true, emptyKeeps: true, "Rules for its key and names."
            ),
            .update("target_ids", \.targetIDs, clearable: true, "Targets to deploy to."),
            .update("tags", \.tags, .tags, clearable: true, "Labels; replaces all."),
            .optional("expected_version", \.expectedVersion, "Refuse when the row has another version."),
        ]
    )
}
