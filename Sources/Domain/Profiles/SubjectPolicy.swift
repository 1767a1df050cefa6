/// What a profile says about the subject of its certificates (protocol-servers §8.1).
package struct SubjectPolicy: Hashable, Sendable {
    /// Where the common name comes from.
    package enum CommonName: String, Sendable, CaseIterable {
        /// That of the certificate record.
        case copy
        /// The first DNS name, else the first name.
        case firstSAN = "first_san"
        case none
    }

    /// Attributes that a request may bring; any other in its subject is refused.
    package var allowed: [SubjectAttribute]
    /// Attributes that every certificate has, with their values.
    package var fixed: [SubjectAttribute: String]
    package var commonName: CommonName

    package init(
        allowed: [SubjectAttribute] = [], fixed: [SubjectAttribute: String] = [:], commonName: CommonName = .copy
    ) {
        self.allowed = allowed
        self.fixed = fixed
        self.commonName = commonName
    }
}

/// Subject attributes besides the common name that profiles speak of, in the order in which they are written.
package enum SubjectAttribute: String, Sendable, CaseIterable {
    case country = "C"
    case state = "ST"
    case locality = "L"
    case organization = "O"
    case organizationalUnit = "OU"
    case surname = "SN"
    case title
    case serialNumber
    case userID = "UID"
    case emailAddress
}

/// Who decides about must-staple (RFC 7633).
package enum MustStapleMode: String, Sendable, CaseIterable {
    /// No certificate has it, whatever the request asks for.
    case never
    /// Those have it whose request asks for it.
    case allowed
    /// Every certificate has it.
    case required
}

/// Whether a key may be certified again.
package enum KeyReuse: String, Sendable, CaseIterable {
    case allow, forbid
}

/// Kinds of subject alternative names that a profile may allow, by the names of the API.
package enum SANType: String, Sendable, CaseIterable {
    case dns, ip, email, uri, upn
}
