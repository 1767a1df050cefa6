package import Domain
package import PKI

/// An issuer that can be told that a certificate of its is revoked, or is no longer on hold (specification, issuers §2.9).
///
/// It is asked again until it answered for good: after a crash, after an answer that was lost, by several servers. What it
/// has done already it answers with ``UpstreamRevocationAnswer/alreadyDone``, whoever asked for it first.
package protocol RevocationTelling: IssuerConnector {
    /// Tells the issuer once.
    ///
    /// - Throws: ``IssuerError`` when the issuer gave no answer, or none that says what became of it; of whatever class, it
    ///   is asked again, after ``IssuerError/retryAfter`` when it said so. Only
    ///   ``UpstreamRevocationAnswer/refused(_:)`` ends the asking without success.
    func revoke(_ revocation: UpstreamRevocation) async throws(IssuerError) -> UpstreamRevocationAnswer
}

/// What an issuer is told.
package struct UpstreamRevocation: Sendable {
    package enum Change: Hashable, Sendable {
        /// The date is since when the key is believed to be in other hands (RFC 5280 §5.3.2).
        case revoke(RevocationReason, invalidityDate: Timestamp?)
        /// The hold ended (RFC 5280 §5.3.1, `removeFromCRL`).
        case release
    }

    package let change: Change
    package let leaf: X509Certificate
    /// The number in the one form that certctl has; how an issuer spells it is the connector's to know.
    package let serialNumber: SerialNumber
    /// By what the issuer knows the certificate: kept since it was issued; `nil` when the issuer gave no name.
    package let upstream: UpstreamOrder?
    /// The same for every attempt at the same change, another for the next change.
    package let idempotencyKey: String
    /// What the issuer called this change when it left it pending.
    package let pending: String?

    package init(
        _ change: Change, leaf: X509Certificate, serialNumber: SerialNumber, upstream: UpstreamOrder?,
        idempotencyKey: String, pending: String?
    ) {
        self.change = change
        self.leaf = leaf
        self.serialNumber = serialNumber
        self.upstream = upstream
        self.idempotencyKey = idempotencyKey
        self.pending = pending
    }
}

/// What an issuer answered.
package enum UpstreamRevocationAnswer: Hashable, Sendable {
    case acknowledged
    /// It was so before; counts as success.
    case alreadyDone
    /// Somebody there decides it: asked again with the same reference, after `retryAfter` when the issuer said so.
    case pending(reference: String, retryAfter: Duration?)
    /// Never, whatever is repeated; the text is redacted by whoever makes it.
    case refused(String)
}
