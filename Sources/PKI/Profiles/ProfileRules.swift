package import Domain

/// What a certificate profile demands of a request, compiled (specification, domain §3.3).
package struct ProfileRules: Sendable {
    package var isEnabled = true
    package var keyRules = KeyRule.defaults
    package var allowedExtendedKeyUsages: Set<ExtendedKeyUsage> = [.serverAuth]
    /// Whether relying parties that do not know the purposes must refuse the certificate.
    package var isUsageCritical = false
    /// Kinds of names; `nil` for those that follow from the rest, see ``nameKinds``.
    package var allowedNameKinds: Set<SubjectAltName.Kind>?
    /// Every name must match one pattern of its kind; an empty list permits every name.
    package var sanPatterns: [SANPattern] = []
    /// `spiffe://…` with `*` for one path segment; `nil` when the profile sets none.
    package var spiffePattern: String?
    /// `nil` leaves the subject to the issuer: a common name or none.
    package var subjectPolicy: SubjectPolicy?
    /// Of the whole validity period, both ends counted (RFC 5280 §4.1.2.5); `nil` means no cap.
    package var maxTTL: Duration?
    /// What a certificate gets; `nil` for the issuer's own.
    package var defaultTTL: Duration?
    /// How long before the issuance the period begins; `nil` for the issuer's own.
    package var backdate: Duration?
    package var mustStaple = false
    /// Whether a request may ask for must-staple.
    package var allowsMustStaple = false
    /// Whether certificates end before anybody could act on their revocation, and say so (RFC 9608).
    package var isShortLived = false
    package var requiredCSRAttributes: [CSRAttribute] = []
    package var policies: [OID] = []
    /// What keys may be used for, as far as they can; `nil` for what follows from purposes and key.
    package var keyUsage: KeyUsage?
    /// What names have to lie within (RFC 5280 §4.2.1.10); `nil` for no limit.
    package var nameConstraints: NameConstraints?
    package var maximumNames = CertificationRequest.maximumNames
    /// What the server certifies for nobody, whatever a profile allows.
    package var algorithms = AlgorithmPolicy()

    package init() {}

    /// The floor that holds for certificates without a profile: accepted key types, purposes and names.
    package static let withoutProfile: ProfileRules = {
        var rules = ProfileRules()
        rules.allowedExtendedKeyUsages = [.serverAuth, .clientAuth]
        // Domains let those in whose name stands in a certificate: such names need a profile that lists them.
        rules.allowedNameKinds = Set(SubjectAltName.Kind.allCases).subtracting([.upn])
        return rules
    }()

    /// How long a certificate is valid: what the profile gives, under its cap; `nil` for the issuer's own.
    package var ttl: Duration? {
        guard let defaultTTL else { return maxTTL }
        return cappedTTL(defaultTTL)
    }

    /// `wanted` under the cap of the profile.
    package func cappedTTL(_ wanted: Duration) -> Duration { maxTTL.map { min($0, wanted) } ?? wanted }

    /// The kinds of names that a certificate may have. A profile that lists none allows host names and addresses, and
    /// what its other rules are about.
    package var nameKinds: Set<SubjectAltName.Kind> {
        if let allowedNameKinds { return allowedNameKinds }
        var kinds: Set<SubjectAltName.Kind> = [.dns, .ip]
        kinds.formUnion(sanPatterns.map(\.kind))
        if spiffePattern != nil { kinds.insert(.uri) }
        if allowedExtendedKeyUsages.contains(.emailProtection) { kinds.insert(.email) }
        return kinds
    }
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
        case deniedAlgorithm = "denied_algorithm"
        case keyAlgorithm = "key_algorithm"
        case keySize = "key_size"
        case name = "name_not_approved"
        case nameCount = "too_many_names"
        case pattern = "name_pattern"
        case spiffe = "spiffe_uri"
        case extendedKeyUsage = "extended_key_usage"
        case csrAttribute = "missing_csr_attribute"
        case nameKind = "name_type"
        case nameForm = "name_form"
        case nameConstraint = "name_constraint"
        case keyUsage = "key_usage"
        case subject = "subject"
    }

    package let rule: Rule
    /// The rule and the offending value, for the person who made the request.
    package let message: String

    package var description: String { message }
}
