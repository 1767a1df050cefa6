/// The state of a managed certificate (specification, domain §4.1).
package enum CertificateStatus: String, Sendable, CaseIterable {
    case pending = "Pending"
    case active = "Active"
    case expiring = "Expiring"
    case expired = "Expired"
    case renewalInProgress = "RenewalInProgress"
    case failed = "Failed"
    case revoked = "Revoked"
    case archived = "Archived"
}

/// Where a managed certificate came from.
package enum CertificateSource: String, Sendable, CaseIterable {
    case unspecified = ""
    case api = "API"
    case est = "EST"
    case scep = "SCEP"
    case acme = "ACME"
    case agent = "Agent"
}

/// RFC 5280 §5.3.1, in the names that certctl shows.
package enum RevocationReason: String, Sendable, CaseIterable {
    case unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation
    case certificateHold, removeFromCRL, privilegeWithdrawn
    case aaCompromise = "aACompromise"
}
