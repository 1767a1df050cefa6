package import Domain

/// `POST /api/v1/admin/acme/eab-keys`.
package struct CreateEABKeyRequest: WireValue {
    package var label = ""
    package var profileID: String?
    package var ownerID: String?
    package var teamID: String?
    package var allowedIdentifiers: [String] = []
    package var maxAccounts: Int?
    package var expiresAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateEABKey", "A key by which ACME accounts are opened.",
        [
            .required("label", \.label, .text(1...255, example: "web team"), "What it is for."),
            .optional("profile_id", \.profileID, ACMEMembers.id, "Only accounts under this profile."),
            .optional("owner_id", \.ownerID, ACMEMembers.id, "Owner of what its accounts order."),
            .optional("team_id", \.teamID, ACMEMembers.id, "Team of what its accounts order."),
            .defaulted(
                "allowed_identifiers", \.allowedIdentifiers, .list(ACMEMembers.pattern, maximum: 100),
                "Patterns of the names that its accounts may order, as in a profile; empty for all."),
            .optional("max_accounts", \.maxAccounts, .integer(1...1_000_000), "How many accounts it opens."),
            .optional("expires_at", \.expiresAt, "When it ends by itself."),
        ]
    )
}

/// A key for external account bindings; the secret only in the answer to its creation.
package struct EABKeyBody: WireValue {
    package var id = EABKeyID.unset
    package var label = ""
    package var hmacKey: String?
    package var profileID: ProfileID?
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var allowedIdentifiers: [String] = []
    package var maxAccounts: Int?
    package var usedCount = 0
    package var boundAccountID: ACMEAccountID?
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    package var createdBy = ""
    package var createdAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "EABKey", "A key by which ACME accounts are opened.",
        [
            .required("id", \.id, "Identifier: the `kid` of the binding."),
            .required("label", \.label, .text(1...255, example: "web team"), "What it is for."),
            .optional("hmac_key", \.hmacKey, .text(1...128), "The secret in base64url, shown once, at creation."),
            .optional("profile_id", \.profileID, "Only accounts under this profile."),
            .optional("owner_id", \.ownerID, "Owner of what its accounts order."),
            .optional("team_id", \.teamID, "Team of what its accounts order."),
            .defaulted(
                "allowed_identifiers", \.allowedIdentifiers, .list(ACMEMembers.pattern, maximum: 100),
                "Patterns of the names that its accounts may order; empty for all."),
            .optional("max_accounts", \.maxAccounts, .integer(1...1_000_000), "How many accounts it opens."),
            .required("used_count", \.usedCount, "How many it has opened."),
            .optional("bound_account_id", \.boundAccountID, "The account that it opened last, also when that is gone."),
            .optional("expires_at", \.expiresAt, "When it ends by itself."),
            .optional("revoked_at", \.revokedAt, "When it was ended."),
            .required("created_by", \.createdBy, .text(1...255, example: "ops"), "By whom."),
            .required("created_at", \.createdAt, "Creation."),
        ]
    )
}

/// An ACME account as operators see it.
package struct ACMEAccountBody: WireValue {
    package var id = ACMEAccountID.unset
    package var profileID = ProfileID.unset
    package var status = ""
    package var contact: [String] = []
    package var thumbprint = ""
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var eabKeyID: EABKeyID?
    package var allowedIdentifiers: [String] = []
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "ACMEAccount", "A key that may order under a profile.",
        [
            .required("id", \.id, "Identifier."),
            .required("profile_id", \.profileID, "Its profile."),
            .required(
                "status", \.status, .choice(ACMEAccountStatus.allCases.map(\.rawValue)),
                "Whether it may order; revoked: ended by an operator."),
            .defaulted("contact", \.contact, .list(.text(1...320), maximum: 10), "How to reach its holder."),
            .required("thumbprint", \.thumbprint, .text(43...43), "Of its key (RFC 7638)."),
            .optional("owner_id", \.ownerID, "Owner of what it orders."),
            .optional("team_id", \.teamID, "Team of what it orders."),
            .optional("eab_key_id", \.eabKeyID, "The key that opened it."),
            .defaulted(
                "allowed_identifiers", \.allowedIdentifiers, .list(ACMEMembers.pattern, maximum: 100),
                "Patterns of the names that it may order; empty for all."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
        ]
    )
}

/// An ACME order as operators see it.
package struct ACMEOrderBody: WireValue {
    package var id = ACMEOrderID.unset
    package var accountID = ACMEAccountID.unset
    package var profileID = ProfileID.unset
    package var issuerID: IssuerID?
    package var status = ""
    package var identifiers: [String] = []
    package var expiresAt = Timestamp.epoch
    package var error: String?
    package var certificateID: CertificateID?
    package var versionID: VersionID?
    package var replaces: String?
    package var replacementAskedAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "ACMEOrder", "What an account ordered.",
        [
            .required("id", \.id, "Identifier."),
            .required("account_id", \.accountID, "Who ordered."),
            .required(
                "profile_id", \.profileID, "Under which profile: the account's, or the one that the client chose."),
            .optional("issuer_id", \.issuerID, "From whom the certificate is, or is to come."),
            .required("status", \.status, .choice(ACMEOrderStatus.allCases.map(\.rawValue)), "Where it stands."),
            .required("identifiers", \.identifiers, .list(.text(1...260), maximum: 100), "The names."),
            .required("expires_at", \.expiresAt, "When it ends unless it is completed."),
            .optional("error", \.error, .longText, "Why nothing came of it."),
            .optional("certificate_id", \.certificateID, "The certificate in the inventory."),
            .optional("version_id", \.versionID, "The version that was issued for it."),
            .optional("replaces", \.replaces, .text(1...256), "The certificate that it takes the place of (RFC 9773)."),
            .optional(
                "replacement_asked_at", \.replacementAskedAt, "When an operator asked for the version to be replaced."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
        ]
    )
}

/// `POST /api/v1/admin/acme/replacements`, and `…/withdraw`.
package struct ReplaceACMECertificatesRequest: WireValue {
    package var profileID: ProfileID?
    package var accountID: ACMEAccountID?
    package var issuerID: IssuerID?
    package var certificateIDs: [CertificateID] = []
    package var reason: String?

    package init() {}

    package static let contract = Contract<Self>(
        "ReplaceACMECertificates", "At least one criterion; all that are given have to be met.",
        [
            .optional("profile_id", \.profileID, "Of accounts under this profile."),
            .optional("account_id", \.accountID, "Of this account."),
            .optional("issuer_id", \.issuerID, "Issued by this issuer."),
            .defaulted(
                "certificate_ids", \.certificateIDs, .list(.id, maximum: 1000), "These; empty for all."),
            .optional("reason", \.reason, .text(1...255, example: "CA rehearsal"), "For the audit trail."),
        ]
    )
}

/// What a request for replacements means.
package struct ACMEReplacementBody: WireValue {
    package var certificates = 0

    package init() {}

    package static let contract = Contract<Self>(
        "ACMEReplacement", "What is to be replaced.",
        [
            .required(
                "certificates", \.certificates,
                "Unexpired certificates that meet the criteria; of a withdrawal those that were to be replaced.")
        ]
    )
}

/// Shapes that the bodies above share.
enum ACMEMembers {
    static let id = Schema.text(1...128, example: "prof-web")
    static let pattern = Schema.text(1...512, example: "[a-z0-9-]+\\.example\\.com")
}
