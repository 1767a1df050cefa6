package import Domain

/// What a certificate will hold besides its names and its key, decided by the profile.
package struct ProfileTemplate: Hashable, Sendable {
    /// `nil` leaves the subject to the issuer: a common name or none.
    package let subject: DistinguishedName?
    /// In the order in which they are written.
    package let extendedKeyUsages: [ExtendedKeyUsage]
    package let isUsageCritical: Bool
    /// Of the whole period, both ends counted; `nil` for the issuer's own.
    package var ttl: Duration?
    /// `nil` for the issuer's own.
    package let backdate: Duration?
    package let mustStaple: Bool
    /// RFC 9608.
    package var hasNoRevocation = false
    package let policies: [OID]
    /// `nil` for what follows from purposes and key.
    package var keyUsage: KeyUsage?
    /// When the period begins and ends exactly, where whoever asked said so; within what the profile allows.
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?
}

/// The subject of certificates under a profile that has rules for it.
enum SubjectRules {
    /// What is wrong with the subject of a request.
    ///
    /// The common name is not judged here: as a name it has to be among those approved, and what becomes of it is the
    /// profile's choice. Without rules for the subject the request's other attributes go nowhere, so they harm nobody.
    static func violations(_ request: ProfileRequest, _ rules: ProfileRules) -> [ProfileViolation] {
        guard let policy = rules.subjectPolicy else { return [] }
        var violations: [ProfileViolation] = []
        for attribute in (request.csr?.subject.relativeNames ?? []).joined() where attribute.type != .commonName {
            guard let known = SubjectAttribute(type: attribute.type), let value = attribute.value else {
                violations.append(refusal("the subject attribute \(attribute.type) is not allowed by the profile"))
                continue
            }
            if let fixed = policy.fixed[known] {
                if value != fixed {
                    violations.append(
                        refusal("the subject has \(known.rawValue)=\(value); the profile sets it to \(fixed)"))
                }
            } else if !policy.allowed.contains(known) {
                violations.append(refusal("the subject attribute \(known.rawValue) is not allowed by the profile"))
            }
        }
        guard violations.isEmpty else { return violations }
        do throws(NameError) {
            _ = try DistinguishedName(attributes(request, policy))
        } catch {
            violations.append(refusal("the subject can't be certified: \(error)"))
        }
        return violations
    }

    /// The subject that the profile makes; `nil` when it can't be written, which ``violations(_:_:)`` reports.
    static func subject(_ request: ProfileRequest, _ policy: SubjectPolicy) -> DistinguishedName? {
        try? DistinguishedName(attributes(request, policy))
    }

    private static func refusal(_ message: String) -> ProfileViolation {
        ProfileViolation(rule: .subject, message: message)
    }

    private static func attributes(
        _ request: ProfileRequest, _ policy: SubjectPolicy
    ) -> [(type: OID, value: String)] {
        var attributes: [(type: OID, value: String)] = []
        for attribute in SubjectAttribute.allCases {
            if let value = policy.fixed[attribute] {
                attributes.append((attribute.type, value))
            } else if policy.allowed.contains(attribute) {
                for value in request.csr?.subject.values(of: attribute.type) ?? [] {
                    attributes.append((attribute.type, value))
                }
            }
        }
        // A name that is longer stays among the alternative names only (RFC 5280 appendix A).
        if let name = commonName(request, policy), !name.isEmpty, name.unicodeScalars.count <= 64 {
            attributes.append((.commonName, name))
        }
        return attributes
    }

    private static func commonName(_ request: ProfileRequest, _ policy: SubjectPolicy) -> String? {
        switch policy.commonName {
        case .copy: return request.subjectCommonName
        case .none: return nil
        case .firstSAN:
            return SubjectAltName.commonName(among: SubjectAltName.canonicalOrder(request.approvedNames))?.text
        }
    }
}

extension SubjectAttribute {
    package var type: OID {
        switch self {
        case .country: .countryName
        case .state: .stateOrProvinceName
        case .locality: .localityName
        case .organization: .organizationName
        case .organizationalUnit: .organizationalUnitName
        case .surname: .surname
        case .title: .title
        case .serialNumber: .serialNumberAttribute
        case .userID: .userID
        case .emailAddress: .emailAddress
        }
    }

    init?(type: OID) {
        guard let attribute = Self.allCases.first(where: { $0.type == type }) else { return nil }
        self = attribute
    }
}
