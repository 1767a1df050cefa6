/// How the validation of a chain ended that somebody sent (RFC 5280 §6, protocol-servers §7 item 9).
package enum PathOutcome: String, Hashable, Sendable, CaseIterable {
    case valid
    /// Valid with certificates that are known here and did not come along.
    case chainIncomplete = "chain_incomplete"
    /// Valid, but not for the name that was asked for (RFC 9525 §6).
    case nameMismatch = "name_mismatch"
    /// A certificate in it does not parse.
    case malformed
    case expired, untrusted, revoked
    case notYetValid = "not_yet_valid"
    case badSignature = "bad_signature"
    case weakAlgorithm = "weak_algorithm"
    case notAuthority = "not_authority"
    case nameConstraint = "name_constraint"
    case pathLength = "path_length"
    case policy
    case wrongPurpose = "wrong_purpose"
    case unknownCriticalExtension = "unknown_critical_extension"
    case revocationUnknown = "revocation_unknown"
    case tooComplex = "too_complex"
}

/// What a relying party that trusts the CAs of this installation would say about a chain as it was sent.
package struct PathVerdict: Hashable, Sendable {
    /// Longest ``detail``, in characters.
    package static let longestDetail = 1000

    package let outcome: PathOutcome
    /// The certificate at fault and what is wrong with it; empty for a valid chain.
    package let detail: String

    package init(_ outcome: PathOutcome, _ detail: String = "") {
        self.outcome = outcome
        self.detail = String(detail.prefix(Self.longestDetail))
    }

    package var isValid: Bool { outcome == .valid }
}
