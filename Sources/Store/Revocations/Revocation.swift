package import Domain
import Query

/// How far the issuer of a revoked certificate knows of it.
package enum RevocationNotification: String, Sendable, CaseIterable, Bindable {
    /// The issuer is ours: the revocation itself is all there is.
    case none
    case pending, done
    /// The issuer said no for good.
    case refused
    /// The certificate ended before the issuer answered.
    case expired
}

/// One revoked certificate (domain §3.15). The row outlives the certificate's own.
package struct Revocation: Hashable, Sendable {
    package let id: RevocationID
    package let issuerID: IssuerID
    package let authorityID: AuthorityID
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    /// `nil` for a certificate that the inventory does not know, or no longer.
    package let certificateID: CertificateID?
    package let versionID: VersionID?
    package let spkiSHA256: String?
    package let notAfter: Timestamp
    /// Too short-lived for a revocation list (protocol-servers §5.2).
    package let isShortLived: Bool
    package let isCA: Bool
    package let reason: RevocationReason
    package let revokedBy: String
    package let revokedAt: Timestamp
    /// Since when the key is believed to be in other hands (RFC 5280 §5.3.2).
    package let invalidityDate: Timestamp?
    /// When the hold ended; the certificate is not revoked any more.
    package let releasedAt: Timestamp?
    /// The place among the changes of the authority, from 1.
    package let changeNumber: Int
    package let notification: RevocationNotification
    package let notifyAttempts: Int
    package let nextNotifyAt: Timestamp?
    package let notifyError: String?
    /// What the issuer calls the request that it has not decided yet.
    package let notifyReference: String?
    /// When the issuer answered for good, or the certificate ended.
    package let notifyEndedAt: Timestamp?
    /// Whether it was changed since it was recorded, so that a list may have an entry of it already.
    package let isRevised: Bool

    /// Whether the certificate is revoked now.
    package var isInForce: Bool { releasedAt == nil }

    static let columns: SQL = """
        id, issuer_id, authority_id, serial_number, certificate_id, version_id, spki_sha256, not_after, short_lived,
        is_ca, reason, revoked_by, revoked_at, invalidity_date, released_at, change_number, notification,
        notify_attempts, next_notify_at, notify_error, notify_reference, notify_ended_at,
        (change_number <> first_change) AS revised
        """

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        issuerID = try row.id("issuer_id")
        authorityID = try row.id("authority_id")
        serialNumber = try row.text("serial_number")
        certificateID = try row.optionalID("certificate_id")
        versionID = try row.optionalID("version_id")
        spkiSHA256 = try row.optionalText("spki_sha256")
        notAfter = try row.time("not_after")
        isShortLived = try row.bool("short_lived")
        isCA = try row.bool("is_ca")
        reason = try row.value("reason")
        revokedBy = try row.text("revoked_by")
        revokedAt = try row.time("revoked_at")
        invalidityDate = try row.optionalTime("invalidity_date")
        releasedAt = try row.optionalTime("released_at")
        changeNumber = try row.int("change_number")
        notification = try row.value("notification")
        notifyAttempts = try row.int("notify_attempts")
        nextNotifyAt = try row.optionalTime("next_notify_at")
        notifyError = try row.optionalText("notify_error")
        notifyReference = try row.optionalText("notify_reference")
        notifyEndedAt = try row.optionalTime("notify_ended_at")
        isRevised = try row.bool("revised")
    }
}

/// A certificate about to be revoked.
package struct NewRevocation: Sendable {
    package let id: RevocationID
    package let issuerID: IssuerID
    package let authorityID: AuthorityID
    package let serialNumber: String
    package var certificateID: CertificateID?
    package var versionID: VersionID?
    /// Whose answer it was and was refused; then there is no version of it.
    package var orderID: OrderID?
    package var spkiSHA256: String?
    package let notAfter: Timestamp
    package var isShortLived = false
    package var isCA = false
    package let reason: RevocationReason
    package let revokedBy: String
    /// When somebody else revoked it before; `nil` for now.
    package var revokedAt: Timestamp?
    package var invalidityDate: Timestamp?
    /// `nil` for an issuer of ours; otherwise when to tell the issuer first.
    package var notifyAt: Timestamp?

    package init(
        id: RevocationID, issuerID: IssuerID, authorityID: AuthorityID, serialNumber: String, notAfter: Timestamp,
        reason: RevocationReason, revokedBy: String
    ) {
        self.id = id
        self.issuerID = issuerID
        self.authorityID = authorityID
        self.serialNumber = serialNumber
        self.notAfter = notAfter
        self.reason = reason
        self.revokedBy = revokedBy
    }
}
