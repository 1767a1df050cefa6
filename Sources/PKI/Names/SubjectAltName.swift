/// A subject alternative name of one of the kinds that certctl issues (RFC 5280 §4.2.1.6).
package enum SubjectAltName: Hashable, Sendable, CustomStringConvertible {
    case dns(DNSName)
    case ip(IPAddress)
    case email(EmailAddress)
    case uri(URIName)
    case upn(UserPrincipalName)

    package enum Kind: String, Sendable, CaseIterable {
        case dns, ip, email, uri, upn
    }

    /// Recognises the kind by form: `upn:` in front, an address, then a URI, then `@`, else a host name.
    package init(classifying text: String) throws(NameError) {
        guard !text.isEmpty else { throw .empty }
        if text.hasPrefix(UserPrincipalName.prefix) {
            self = .upn(try UserPrincipalName(String(text.dropFirst(UserPrincipalName.prefix.count))))
            return
        }
        if let address = try? IPAddress(text) {
            self = .ip(address)
        } else if URIName.looksLikeURI(text) {
            self = .uri(try URIName(text))
        } else if text.utf8.contains(0x40) {
            self = .email(try EmailAddress(text))
        } else {
            self = .dns(try DNSName(text))
        }
    }

    package var kind: Kind {
        switch self {
        case .dns: .dns
        case .ip: .ip
        case .email: .email
        case .uri: .uri
        case .upn: .upn
        }
    }

    /// The normalised name without its kind, except where nothing else would tell it; ``init(classifying:)`` reads it
    /// back to the same value.
    package var text: String {
        switch self {
        case .dns(let name): name.text
        case .ip(let address): address.description
        case .email(let address): address.description
        case .uri(let uri): uri.text
        case .upn(let name): UserPrincipalName.prefix + name.text
        }
    }

    /// `dns:www.example.com`.
    package var description: String { if case .upn = self { text } else { "\(kind.rawValue):\(text)" } }

    /// What patterns are compared with: the name alone, that of a user in lower case, as directories compare it.
    package var patternText: String { if case .upn(let name) = self { name.folded } else { text } }

    /// Which of `names` is the common name of a subject that is to have one of them: the first host name, else the first.
    /// The name of a user in a directory would be read as a mailbox there.
    package static func commonName(among names: [SubjectAltName]) -> SubjectAltName? {
        names.first { $0.kind == .dns } ?? names.first { $0.kind != .upn }
    }

    /// Sorted by kind and text without duplicates, so that equal requests give equal extension octets.
    package static func canonicalOrder(_ names: some Sequence<SubjectAltName>) -> [SubjectAltName] {
        Set(names).sorted { ($0.kind.rawValue, $0.text) < ($1.kind.rawValue, $1.text) }
    }

    /// `GeneralName`.
    var der: [UInt8] {
        switch self {
        case .email(let address): DERWriter.implicit(1, Array(address.description.utf8))
        case .dns(let name): DERWriter.implicit(2, Array(name.text.utf8))
        case .uri(let uri): DERWriter.implicit(6, Array(uri.text.utf8))
        case .ip(let address): DERWriter.implicit(7, address.octets)
        case .upn(let name): name.der
        }
    }
}
