/// A subject alternative name of one of the kinds that certctl issues (RFC 5280 §4.2.1.6).
package enum SubjectAltName: Hashable, Sendable, CustomStringConvertible {
    case dns(DNSName)
    case ip(IPAddress)
    case email(EmailAddress)
    case uri(URIName)

    package enum Kind: String, Sendable, CaseIterable {
        case dns, ip, email, uri
    }

    /// Recognises the kind by form: an address, then a URI, then `@`, else a host name.
    package init(classifying text: String) throws(NameError) {
        guard !text.isEmpty else { throw .empty }
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
        }
    }

    /// The normalised name without its kind; ``init(classifying:)`` reads it back to the same value.
    package var text: String {
        switch self {
        case .dns(let name): name.text
        case .ip(let address): address.description
        case .email(let address): address.description
        case .uri(let uri): uri.text
        }
    }

    /// `dns:www.example.com`.
    package var description: String { "\(kind.rawValue):\(text)" }

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
        }
    }
}

/// A `GeneralName` as received: one of ours, or something that we only report.
enum GeneralName {
    case name(SubjectAltName)
    /// A kind that certctl does not issue, or text that breaks the rules of its kind.
    case unsupported(String)

    init(_ node: DERNode) throws(DERError) {
        switch node.contextTag {
        case 1: self = Self.text("e-mail", try node.primitive("rfc822Name"), .email)
        case 2: self = Self.text("DNS", try node.primitive("dNSName"), .dns)
        case 6: self = Self.text("URI", try node.primitive("URI"), .uri)
        case 7:
            let octets = try node.primitive("iPAddress")
            if let address = try? IPAddress(octets: octets) {
                self = .name(.ip(address))
            } else {
                self = .unsupported("IP address of \(octets.count) octets")
            }
        case 0: self = .unsupported("otherName")
        case 3: self = .unsupported("x400Address")
        case 4: self = .unsupported("directoryName")
        case 5: self = .unsupported("ediPartyName")
        case 8: self = .unsupported("registeredID")
        default: throw DERError("general name has an unknown tag")
        }
    }

    private static func text(
        _ title: String, _ octets: ArraySlice<UInt8>, _ kind: SubjectAltName.Kind
    ) -> GeneralName {
        guard let text = String(validating: octets, as: UTF8.self) else {
            return .unsupported("\(title) name: not UTF-8")
        }
        do throws(NameError) {
            switch kind {
            case .email: return .name(.email(try EmailAddress(text)))
            case .uri: return .name(.uri(try URIName(text)))
            case .dns, .ip: return .name(.dns(try DNSName(text)))
            }
        } catch {
            return .unsupported("\(title) name: \(error)")
        }
    }

    /// `GeneralNames` of at most `limit` entries.
    static func list(_ octets: ArraySlice<UInt8>, limit: Int) throws(DERError) -> [GeneralName] {
        let nodes = try DERNode(parsing: octets).sequence("subjectAltName", limit: limit).remaining
        guard !nodes.isEmpty else { throw DERError("subjectAltName is empty") }
        var names: [GeneralName] = []
        for node in nodes { names.append(try GeneralName(node)) }
        return names
    }
}
