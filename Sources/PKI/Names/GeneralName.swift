/// The forms of a general name, by their tags (RFC 5280 §4.2.1.6).
enum GeneralNameForm: UInt32, Hashable, Sendable {
    case otherName, rfc822Name, dNSName, x400Address, directoryName, ediPartyName, uniformResourceIdentifier
    case iPAddress, registeredID
}

/// A `GeneralName` as received.
struct GeneralName: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        /// One of the kinds that certctl issues.
        case name(SubjectAltName)
        case directory(DistinguishedName)
        /// A kind that certctl does not issue, or text that breaks the rules of its kind.
        case unsupported(String)
    }

    let form: GeneralNameForm
    let value: Value
    /// Content of a form that is written as text or octets; empty for the others.
    let octets: [UInt8]
    /// The element as received or built.
    let der: [UInt8]

    init(_ node: DERNode) throws(DERError) {
        guard let form = node.contextTag.flatMap(GeneralNameForm.init(rawValue:)) else {
            throw DERError("general name has an unknown tag")
        }
        self.form = form
        der = Array(node.encoded)
        switch form {
        case .rfc822Name, .dNSName, .uniformResourceIdentifier:
            octets = Array(try node.primitive("general name"))
            value = Self.text(octets, form)
        case .iPAddress:
            octets = Array(try node.primitive("iPAddress"))
            let address = try? IPAddress(octets: octets)
            value = address.map { .name(.ip($0)) } ?? .unsupported("IP address of \(octets.count) octets")
        case .directoryName:
            octets = []
            value = .directory(try DistinguishedName(node.explicit("directoryName")))
        case .otherName:
            octets = UserPrincipalName.text(in: node) ?? []
            value = octets.isEmpty ? .unsupported("\(form)") : Self.text(octets, form)
        case .x400Address, .ediPartyName, .registeredID:
            octets = []
            value = .unsupported("\(form)")
        }
    }

    /// A directory name.
    init(_ name: DistinguishedName) {
        form = .directoryName
        value = .directory(name)
        octets = []
        der = DERWriter.explicit(4, name.der)
    }

    init(_ uri: URIName) {
        form = .uniformResourceIdentifier
        value = .name(.uri(uri))
        octets = Array(uri.text.utf8)
        der = DERWriter.implicit(6, octets)
    }

    var directoryName: DistinguishedName? { if case .directory(let name) = value { name } else { nil } }

    /// The description of a name that certctl would not issue.
    var unsupported: String? {
        switch value {
        case .name: nil
        case .directory: "directoryName"
        case .unsupported(let description): description
        }
    }

    /// Whether both are the same name: directory names by RFC 5280 §7.1, the others by their octets.
    func matches(_ other: GeneralName) -> Bool {
        if case .directory(let left) = value, case .directory(let right) = other.value { return left.matches(right) }
        return der == other.der
    }

    private static func text(_ octets: [UInt8], _ form: GeneralNameForm) -> Value {
        let title =
            switch form {
            case .rfc822Name: "e-mail"
            case .dNSName: "DNS"
            case .otherName: "user principal"
            default: "URI"
            }
        guard let text = String(validating: octets, as: UTF8.self) else {
            return .unsupported("\(title) name: not UTF-8")
        }
        do throws(NameError) {
            switch form {
            case .rfc822Name: return .name(.email(try EmailAddress(text)))
            case .dNSName: return .name(.dns(try DNSName(text)))
            case .otherName: return .name(.upn(try UserPrincipalName(text)))
            default: return .name(.uri(try URIName(text)))
            }
        } catch {
            return .unsupported("\(title) name: \(error)")
        }
    }

    /// `GeneralNames` of at most `limit` entries, whatever the tag around them; at least one.
    static func list(_ node: DERNode, _ what: StaticString, limit: Int) throws(DERError) -> [GeneralName] {
        var names: [GeneralName] = []
        for element in try node.elements(what, limit: limit) { names.append(try GeneralName(element)) }
        guard !names.isEmpty else { throw DERError("\(what) is empty") }
        return names
    }
}
