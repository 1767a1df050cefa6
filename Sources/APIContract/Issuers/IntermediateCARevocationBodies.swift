package import Domain

/// `POST /api/v1/intermediates/{id}/revoke`.
package struct RevokeIntermediateCARequest: WireValue {
    package var reason = ""
    package var invalidityDate: Timestamp?
    package var note: String?
    package var isRehearsal = false

    package init() {}

    package static let contract = Contract<Self>(
        "RevokeIntermediateCA", "Why a whole CA is revoked.",
        [
            .required(
                "reason", \.reason, RevocationMembers.reason,
                "unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation or "
                    + "privilegeWithdrawn. Snake case is read too."),
            .optional(
                "invalidity_date", \.invalidityDate,
                "Since when its key is believed to be in other hands (RFC 5280 §5.3.2)."),
            .optional("note", \.note, .longText, "For the audit trail."),
            .defaulted("dry_run", \.isRehearsal, "Tell what would happen, and change nothing."),
        ]
    )
}

/// The answer to the revocation of a CA.
package struct RevokeIntermediateCAAnswer: WireValue {
    package var id = AuthorityID.unset
    package var state = CAState.revoked
    package var reason = ""
    package var isRehearsal = false
    package var authorities = 0
    package var discarded: [String] = []
    package var certificates = 0
    package var renewals = 0
    package var orders = 0
    package var successors = 0
    package var listedBy: [String] = []
    package var elsewhere: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "IntermediateCARevocation", "What the revocation of a CA did, or would do.",
        [
            .required("id", \.id, "The CA."),
            .required("state", \.state, "What it is by now, or would be."),
            .required("reason", \.reason, RevocationMembers.reason, "Why."),
            .required("dry_run", \.isRehearsal, "Whether nothing was changed."),
            .required("authorities", \.authorities, "CAs below it that have a certificate and have not ended."),
            .required(
                "discarded", \.discarded, "CAs below it that waited for a certificate; given up, with their keys."),
            .required(
                "certificates", \.certificates,
                "Certificates of it and of those below that are neither expired nor revoked for good."),
            .required("renewals", \.renewals, "Certificates whose renewal became due now."),
            .required("orders", \.orders, "Orders without an outcome at it and at those below."),
            .required("successors", \.successors, "CAs of the tree that go on issuing; with 0 nobody renews."),
            .required("listed_by", \.listedBy, "CAs on whose revocation lists it is."),
            .required(
                "signed_elsewhere_by", \.elsewhere,
                "Names of those who signed for it with a key that is elsewhere, and have to revoke it there."),
        ]
    )
}
