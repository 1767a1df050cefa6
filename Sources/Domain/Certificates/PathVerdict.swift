/// Why no path of certificates was accepted: the codes of protocol-servers §7 item 9, and those that revocation and policies
/// add.
package enum PathFault: String, Hashable, Sendable, CaseIterable {
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

/// How the validation of a chain ended that somebody sent (RFC 5280 §6).
package enum PathOutcome: Hashable, Sendable {
    case valid
    /// Valid with certificates that are known here and did not come along.
    case chainIncomplete
    /// Valid, but not for the name that was asked for (RFC 9525 §6).
    case nameMismatch
    /// A certificate in it does not parse.
    case malformed
    /// The validator refuses it.
    case refused(PathFault)
}

extension PathOutcome: RawRepresentable, CaseIterable {
    package static let allCases: [PathOutcome] =
        [.valid, .chainIncomplete, .nameMismatch, .malformed] + PathFault.allCases.map { PathOutcome.refused($0) }

    package init?(rawValue: String) {
        switch rawValue {
        case "valid": self = .valid
        case "chain_incomplete": self = .chainIncomplete
        case "name_mismatch": self = .nameMismatch
        case "malformed": self = .malformed
        default:
            guard let fault = PathFault(rawValue: rawValue) else { return nil }
            self = .refused(fault)
        }
    }

    /// As stored and as in answers.
    package var rawValue: String {
        switch self {
        case .valid: "valid"
        case .chainIncomplete: "chain_incomplete"
        case .nameMismatch: "name_mismatch"
        case .malformed: "malformed"
        case .refused(let fault): fault.rawValue
        }
    }
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
