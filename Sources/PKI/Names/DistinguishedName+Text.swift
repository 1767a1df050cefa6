extension DistinguishedName {
    private static let types: [String: OID] = [
        "CN": .commonName, "C": .countryName, "L": .localityName, "ST": .stateOrProvinceName, "O": .organizationName,
        "OU": .organizationalUnitName, "DC": .domainComponent, "UID": .userID, "STREET": .streetAddress,
        "SERIALNUMBER": .serialNumberAttribute, "EMAILADDRESS": .emailAddress,
    ]

    /// Reads a name as RFC 4514 writes it, most specific first, one attribute in each relative name: `CN=a,O=b,C=DE`.
    /// A backslash takes the character after it as it stands.
    package init(rfc4514 text: String) throws(NameError) {
        var attributes: [(type: OID, value: String)] = []
        for part in Self.parts(text).reversed() {
            guard let separator = part.firstIndex(where: { $0.character == "=" && !$0.isEscaped }) else {
                throw .malformedAttribute("a name consists of attributes such as O=Example")
            }
            let key = String(part[..<separator].map(\.character)).filter { $0 != " " }.uppercased()
            guard let type = Self.types[key] else {
                throw .malformedAttribute(
                    "attribute \(key) is not one of \(Self.types.keys.sorted().joined(separator: " "))")
            }
            attributes.append((type, String(part[part.index(after: separator)...].map(\.character))))
        }
        guard !attributes.isEmpty else { throw .malformedAttribute("the name is empty") }
        try self.init(attributes)
    }

    private typealias Part = [(character: Character, isEscaped: Bool)]

    private static func parts(_ text: String) -> [Part] {
        var parts: [Part] = []
        var part: Part = []
        var isEscaped = false
        for character in text {
            if isEscaped {
                part.append((character, true))
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                parts.append(part)
                part = []
            } else if character != " " || !part.isEmpty {
                part.append((character, false))
            }
        }
        if !part.isEmpty || !parts.isEmpty { parts.append(part) }
        return parts
    }
}
