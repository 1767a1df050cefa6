import Domain
import PKI
import Testing

/// One test of the NIST Public Key Interoperability Test Suite, version 1.0.1, with the settings that its document gives.
struct PKITSCase: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        case valid
        case invalid(PathFault)
        /// Invalid, and refused before its path is looked at: a certificate of it cannot be read.
        case unreadable
        /// Valid in the document and refused by certctl; docs/development/pkits.md says why.
        case refused(despite: Exception)
    }

    enum Exception: String, Sendable, CaseIterable {
        case dsa = "DSA is not an accepted algorithm"
        case circularList = "a list does not vouch for the certificate that signs it"
    }

    let number: String
    /// File of the end-entity certificate, without `EE`.
    let certificate: String
    let outcome: Outcome
    /// user-initial-policy-set: numbers of NIST test policies, or `nil` for any-policy.
    let policies: [UInt64]?
    let requiresExplicitPolicy: Bool
    let inhibitsMapping: Bool
    let inhibitsAny: Bool
    /// authority-constrained-policy-set, where the document gives it.
    let authorityPolicies: Set<OID>?
    /// user-constrained-policy-set.
    let userPolicies: Set<OID>?

    init(
        _ number: String, _ certificate: String, _ outcome: Outcome, policies: [UInt64]? = nil,
        explicit: Bool = false, inhibitMapping: Bool = false, inhibitAny: Bool = false,
        authority: Set<OID>? = nil, user: Set<OID>? = nil
    ) {
        self.number = number
        self.certificate = certificate
        self.outcome = outcome
        self.policies = policies
        requiresExplicitPolicy = explicit
        inhibitsMapping = inhibitMapping
        inhibitsAny = inhibitAny
        authorityPolicies = authority
        userPolicies = user ?? authority
    }

    var testDescription: String { "\(number) \(certificate)" }

    static let all = basic + nameConstraints + revocation + policies
}

extension OID {
    /// NIST test policy `number`.
    static func test(_ number: UInt64) -> OID { OID(2, 16, 840, 1, 101, 3, 2, 1, 48, number) }
    static let any = OID(2, 5, 29, 32, 0)
}
