/// RFC 8555 §7.1.6: accounts.
package enum ACMEAccountStatus: String, Sendable, CaseIterable {
    case valid
    /// Ended by its holder.
    case deactivated
    /// Ended by an operator.
    case revoked
}

/// RFC 8555 §7.1.6: orders.
package enum ACMEOrderStatus: String, Sendable, CaseIterable {
    case pending, ready, processing, valid, invalid

    /// Whether something may still come of the order.
    package var isOpen: Bool { self == .pending || self == .ready || self == .processing }
}

/// RFC 8555 §7.1.6: authorizations.
package enum ACMEAuthorizationStatus: String, Sendable, CaseIterable {
    case pending, valid, invalid, deactivated, expired, revoked
}

/// RFC 8555 §7.1.6: challenges.
package enum ACMEChallengeStatus: String, Sendable, CaseIterable { case pending, processing, valid, invalid }

/// How the ACME server proves control of names under a profile (specification, domain §2).
package enum ACMEAuthMode: String, Sendable, CaseIterable {
    /// Not at all: accounts are trusted with the names that the profile allows.
    case trustAuthenticated = "trust_authenticated"
    /// By challenges (RFC 8555 §7.5).
    case challenge
}

/// How control of a name is proved.
package enum ACMEChallengeType: String, Sendable, CaseIterable {
    /// RFC 8555 §8.3.
    case http01 = "http-01"
    /// RFC 8555 §8.4.
    case dns01 = "dns-01"
    /// RFC 8737.
    case tlsALPN01 = "tls-alpn-01"
    /// draft-ietf-acme-dns-account-label.
    case dnsAccount01 = "dns-account-01"
    /// draft-ietf-acme-dns-persist.
    case dnsPersist01 = "dns-persist-01"

    /// Whether it is offered without being asked for.
    package var isStandard: Bool {
        switch self {
        case .http01, .dns01, .tlsALPN01: true
        case .dnsAccount01, .dnsPersist01: false
        }
    }

    /// Whether it is proved in the DNS.
    package var isInDNS: Bool {
        switch self {
        case .http01, .tlsALPN01: false
        case .dns01, .dnsAccount01, .dnsPersist01: true
        }
    }
}

/// A name in an order, as it is kept: checked and in lower case, a wildcard with its `*.` (RFC 8555 §7.1.3).
package struct ACMEName: Hashable, Sendable, Comparable {
    package enum Kind: String, Sendable, CaseIterable {
        case dns
        /// RFC 8738.
        case ip
    }

    package let kind: Kind
    package let value: String

    package init(_ kind: Kind, _ value: String) {
        self.kind = kind
        self.value = value
    }

    package var isWildcard: Bool { kind == .dns && value.hasPrefix("*.") }

    /// What an authorization is about: a wildcard is authorized by the name below it (RFC 8555 §7.1.3).
    package var base: ACMEName { isWildcard ? ACMEName(.dns, String(value.dropFirst(2))) : self }

    package static func < (left: ACMEName, right: ACMEName) -> Bool {
        (left.kind.rawValue, left.value) < (right.kind.rawValue, right.value)
    }
}

/// When CAA records decide about an issuance (RFC 8659).
package enum ACMECAAMode: String, Sendable, CaseIterable {
    case off
    /// Where names are proved, once the operator has said by which names the records mean this CA.
    case auto
    /// Always, also where accounts are trusted with names; without a name of this CA every restriction forbids.
    case enforce
}
