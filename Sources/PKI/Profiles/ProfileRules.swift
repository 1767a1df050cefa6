package import Domain

/// What a certificate profile demands of a request, compiled (specification, domain §3.3).
package struct ProfileRules: Sendable {
    package var isEnabled = true
    package var keyRules = KeyRule.defaults
    package var allowedExtendedKeyUsages: Set<ExtendedKeyUsage> = [.serverAuth]
    /// Every name must match one pattern of its kind; an empty list permits every name.
    package var sanPatterns: [SANPattern] = []
    /// `spiffe://…` with `*` for one path segment; `nil` when the profile sets none.
    package var spiffePattern: String?
    /// `nil` means no cap.
    package var maxTTL: Duration?
    package var mustStaple = false
    package var requiredCSRAttributes: [CSRAttribute] = []
    package var maximumNames = CertificationRequest.maximumNames

    package init() {}

    /// The floor that holds for certificates without a profile: accepted key types, default purposes.
    package static let withoutProfile = ProfileRules()

    /// `wanted` under the cap of the profile.
    package func cappedTTL(_ wanted: Duration) -> Duration { maxTTL.map { min($0, wanted) } ?? wanted }
}

/// Attributes that a profile may demand, by the names of the API (protocol-servers §8.5).
package enum CSRAttribute: String, Sendable, CaseIterable {
    case commonName, surname, serialNumber, countryName, localityName, stateOrProvinceName, organizationName
    case organizationalUnitName, title, emailAddress, unstructuredName, challengePassword, unstructuredAddress
    case extensionRequest, deviceSerialNumber

    /// Whether `csr` carries the attribute, in its subject or among its PKCS#10 attributes.
    func isPresent(in csr: CertificationRequest) -> Bool {
        !csr.subject.values(of: oid).isEmpty || csr.attributeTypes.contains(oid)
    }

    private var oid: OID {
        switch self {
        case .commonName: .commonName
        case .surname: .surname
        case .serialNumber: .serialNumberAttribute
        case .countryName: .countryName
        case .localityName: .localityName
        case .stateOrProvinceName: .stateOrProvinceName
        case .organizationName: .organizationName
        case .organizationalUnitName: .organizationalUnitName
        case .title: .title
        case .emailAddress: .emailAddress
        case .unstructuredName: OID(1, 2, 840, 113_549, 1, 9, 2)
        case .challengePassword: OID(1, 2, 840, 113_549, 1, 9, 7)
        case .unstructuredAddress: OID(1, 2, 840, 113_549, 1, 9, 8)
        case .extensionRequest: .extensionRequest
        case .deviceSerialNumber: OID(1, 3, 6, 1, 4, 1, 311, 21, 14)
        }
    }
}

/// One rule of a profile that a request breaks.
package struct ProfileViolation: Hashable, Sendable, CustomStringConvertible {
    package enum Rule: String, Sendable, CaseIterable {
        case disabled = "profile_disabled"
        case keyAlgorithm = "key_algorithm"
        case keySize = "key_size"
        case name = "name_not_approved"
        case nameCount = "too_many_names"
        case pattern = "name_pattern"
        case spiffe = "spiffe_uri"
        case extendedKeyUsage = "extended_key_usage"
        case csrAttribute = "missing_csr_attribute"
    }

    package let rule: Rule
    /// The rule and the offending value, for the person who made the request.
    package let message: String

    package var description: String { message }
}
