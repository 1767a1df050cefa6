package import Domain

/// `POST /api/v1/certificates/{id}/revoke`; the body may be absent.
package struct RevokeRequest: WireValue {
    package var reason = "unspecified"
    package var serialNumber: String?
    package var allVersions = false
    package var invalidityDate: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "RevokeCertificate", "Why, and which versions.",
        [
            .defaulted("reason", \.reason, RevocationMembers.reason, RevocationMembers.reasons),
            .optional("serial_number", \.serialNumber, RevocationMembers.serial, "This version alone."),
            .defaulted(
                "all_versions", \.allVersions,
                "All unexpired versions, not only those that share a current key; a compromise always takes all."),
            .optional("invalidity_date", \.invalidityDate, "Since when the key is believed to be in other hands."),
        ]
    )
}

/// `POST /api/v1/certificates/{id}/release`; the body may be absent.
package struct ReleaseRequest: WireValue {
    package var serialNumber: String?

    package init() {}

    package static let contract = Contract<Self>(
        "ReleaseCertificate", "Which versions.",
        [.optional("serial_number", \.serialNumber, RevocationMembers.serial, "This version alone.")]
    )
}

/// `POST /api/v1/revocations`: by serial number or by key.
package struct CreateRevocationRequest: WireValue {
    package var issuerID: IssuerID?
    package var issuingCA: AuthorityID?
    package var serialNumber: String?
    package var spkiSHA256: String?
    package var reason = "unspecified"
    package var invalidityDate: Timestamp?
    package var notAfter: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateRevocation", "A serial number with its issuer, or a key.",
        [
            .optional("issuer_id", \.issuerID, "Issuer of the serial number."),
            .optional(
                "issuing_ca_id", \.issuingCA,
                "Which CA of a tree gave the serial number, when several did: adopted ones may have."),
            .optional("serial_number", \.serialNumber, RevocationMembers.serial, "Serial number, hexadecimal."),
            .optional(
                "spki_sha256", \.spkiSHA256, RevocationMembers.spki,
                "SHA-256 of a SubjectPublicKeyInfo: every unexpired certificate with this key."),
            .defaulted("reason", \.reason, RevocationMembers.reason, RevocationMembers.reasons),
            .optional("invalidity_date", \.invalidityDate, "Since when the key is believed to be in other hands."),
            .optional(
                "not_after", \.notAfter,
                "When a certificate that is not in the inventory ends; without it, as late as its authority."),
        ]
    )
}

/// The answer to a revocation or a release.
package struct RevokeAnswer: WireValue {
    package var status = "revoked"
    package var revokedAt = Timestamp.epoch
    package var serials: [String] = []
    package var issuerNotified = false
    package var certificateIDs: [CertificateID] = []

    package init() {}

    package static let contract = Contract<Self>(
        "CertificateRevoked", "What changed.",
        [
            .required("status", \.status, .choice(["revoked", "released"]), "What was done."),
            .required("revoked_at", \.revokedAt, "Since when the first of them is revoked."),
            .defaulted("serials", \.serials, .list(RevocationMembers.serial, maximum: 10_000), "What changed."),
            .defaulted("issuer_notified", \.issuerNotified, "Whether the issuer knows."),
            .defaulted("certificate_ids", \.certificateIDs, "The certificates that they belong to."),
        ]
    )
}

/// A revoked certificate.
package struct RevocationBody: WireValue {
    package var id = RevocationID.unset
    package var issuerID = IssuerID.unset
    package var authorityID = AuthorityID.unset
    package var serialNumber = ""
    package var certificateID: CertificateID?
    package var versionID: VersionID?
    package var spkiSHA256: String?
    package var reason = RevocationReason.unspecified
    package var revokedBy = ""
    package var revokedAt = Timestamp.epoch
    package var invalidityDate: Timestamp?
    package var releasedAt: Timestamp?
    package var notAfter = Timestamp.epoch
    package var isShortLived = false
    package var changeNumber = 0
    package var issuerNotified = false
    package var notification = "none"
    package var notifyError: String?
    package var notifyAttempts = 0
    package var nextNotifyAt: Timestamp?
    package var notifyEndedAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "Revocation", "A certificate that is revoked, or was on hold.",
        [
            .required("id", \.id, "Identifier."),
            .required("issuer_id", \.issuerID, "Its issuer."),
            .required("authority_id", \.authorityID, "The authority whose list names it."),
            .required("serial_number", \.serialNumber, RevocationMembers.serial, "Its serial number."),
            .optional("certificate_id", \.certificateID, "Its certificate, when the inventory knows it."),
            .optional("version_id", \.versionID, "Its version."),
            .optional("spki_sha256", \.spkiSHA256, RevocationMembers.spki, "Its key."),
            .required("reason", \.reason, "Why."),
            .required("revoked_by", \.revokedBy, .text(1...255, example: "ops"), "By whom."),
            .required("revoked_at", \.revokedAt, "When."),
            .optional("invalidity_date", \.invalidityDate, "Since when the key is believed to be in other hands."),
            .optional("released_at", \.releasedAt, "When the hold ended; it is not revoked any more."),
            .required("not_after", \.notAfter, "When it ends by itself."),
            .defaulted("short_lived", \.isShortLived, "Too short-lived for a revocation list."),
            .required("change_number", \.changeNumber, "Its place among the changes of the authority."),
            .defaulted("issuer_notified", \.issuerNotified, "Whether the issuer knows."),
            .required(
                "notification", \.notification, .choice(RevocationMembers.notifications),
                "How far the issuer was told; none for an issuer of ours."),
            .optional("notify_error", \.notifyError, .longText, "Why the issuer does not know yet, or never will."),
            .defaulted("notify_attempts", \.notifyAttempts, "How often it was told, and asked what became of it."),
            .optional("next_notify_at", \.nextNotifyAt, "When it is told next."),
            .optional("notify_ended_at", \.notifyEndedAt, "When it answered for good, or the certificate ended."),
        ]
    )
}

/// Shapes that the bodies above share.
enum RevocationMembers {
    static let reason = Schema.text(1...64, example: "keyCompromise")
    static let notifications = ["none", "pending", "done", "refused", "expired"]
    static let reasons =
        "unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation, "
        + "certificateHold, privilegeWithdrawn or aACompromise; removeFromCRL ends a hold. Snake case is read too."
    static let serial = Schema.text(1...64, example: "5d1c9a")
    static let spki = Schema.text(64...95, example: String(repeating: "0", count: 64))
}
