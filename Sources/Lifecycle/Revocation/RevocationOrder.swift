package import Domain
package import Query
package import Store

/// What is to be revoked, or released from a hold.
package enum RevocationTarget: Hashable, Sendable {
    /// Which versions of a certificate.
    package enum Selection: Hashable, Sendable {
        /// Those that share a current key; after a compromise all that are still valid.
        case standard
        case everyVersion
        case serial(String)
        /// Those unexpired with this key: the SHA-256 of its SubjectPublicKeyInfo, in lower case.
        case key(String)
    }

    case certificate(CertificateID, Selection)
    /// One certificate of an issuer, whether the inventory knows it or not. `by` tells which CA of a tree gave the number,
    /// when several did; `notAfter` when an unknown one ends.
    case serial(IssuerID, String, by: AuthorityID? = nil, notAfter: Timestamp?)
    /// Every unexpired certificate with this key: the SHA-256 of its SubjectPublicKeyInfo.
    case key(String)
}

/// Why, and since when.
package struct RevocationOrder: Hashable, Sendable {
    package let reason: RevocationReason
    package let invalidityDate: Timestamp?
    /// The operation that it is a part of.
    package var operation: OperationID?

    package init(_ reason: RevocationReason = .unspecified, invalidityDate: Timestamp? = nil) {
        self.reason = reason
        self.invalidityDate = invalidityDate
    }
}

/// What became of it.
package struct RevocationResult: Hashable, Sendable {
    /// Those that changed, in the order of their numbers.
    package let revocations: [Revocation]
    /// The certificates of the inventory that they belong to.
    package let certificates: [CertificateID]
}

/// Whoever has to change with the status of a certificate, in the same transaction and after the revocation itself.
package struct RevocationObserver: Sendable {
    package let changed: @Sendable (Revocation, any Transaction) throws -> Void

    package init(_ changed: @escaping @Sendable (Revocation, any Transaction) throws -> Void) {
        self.changed = changed
    }
}

extension RevocationReason {
    /// Reads a reason as RFC 5280 spells it, as snake case, or as the CRLReason names of ASN.1 (issuers §2.9).
    package init?(accepting text: String) {
        if let exact = Self(rawValue: text) {
            self = exact
            return
        }
        let found = Self.allCases.first { reason in
            let snake = reason.snakeCase
            return text == snake || text == snake.uppercased()
        }
        switch (found, text) {
        case (let reason?, _): self = reason
        case (nil, "cACompromise"): self = .caCompromise
        case (nil, "aaCompromise"): self = .aaCompromise
        default: return nil
        }
    }

    private var snakeCase: String {
        switch self {
        case .unspecified: "unspecified"
        case .keyCompromise: "key_compromise"
        case .caCompromise: "ca_compromise"
        case .affiliationChanged: "affiliation_changed"
        case .superseded: "superseded"
        case .cessationOfOperation: "cessation_of_operation"
        case .certificateHold: "certificate_hold"
        case .removeFromCRL: "remove_from_crl"
        case .privilegeWithdrawn: "privilege_withdrawn"
        case .aaCompromise: "aa_compromise"
        }
    }

    /// Whether what the key signed can't be trusted any more, whichever version it was.
    var isCompromise: Bool { [.keyCompromise, .caCompromise, .aaCompromise].contains(self) }
}
