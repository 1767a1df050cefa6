/// The nameConstraints extension of a certificate authority (RFC 5280 §4.2.1.10).
package struct NameConstraints: Hashable, Sendable {
    enum Subtree: Hashable, Sendable {
        case dns(String)
        case email(String)
        case uri(String)
        case ip(base: [UInt8], mask: [UInt8])
        case directory(DistinguishedName)
        /// A form that certctl cannot evaluate.
        case unsupported(GeneralNameForm)

        var form: GeneralNameForm {
            switch self {
            case .dns: .dNSName
            case .email: .rfc822Name
            case .uri: .uniformResourceIdentifier
            case .ip: .iPAddress
            case .directory: .directoryName
            case .unsupported(let form): form
            }
        }
    }

    let permitted: [Subtree]
    let excluded: [Subtree]
    /// Comparisons that one name costs.
    let weight: Int

    /// The value of the extension.
    package init(der: [UInt8]) throws(DERError) { try self.init(DERNode(parsing: der[...])) }

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("nameConstraints", limit: 2)
        permitted = try Self.subtrees(fields.next(ifContextTag: 0))
        excluded = try Self.subtrees(fields.next(ifContextTag: 1))
        try fields.end()
        guard !permitted.isEmpty || !excluded.isEmpty else { throw DERError("nameConstraints is empty") }
        weight = (permitted + excluded).reduce(0) { sum, subtree in
            if case .directory(let base) = subtree { sum + base.relativeNames.count + 1 } else { sum + 1 }
        }
    }

    private static func subtrees(_ node: DERNode?) throws(DERError) -> [Subtree] {
        guard let node else { return [] }
        var subtrees: [Subtree] = []
        for element in try node.elements("general subtrees", limit: 256) {
            var fields = try element.sequence("general subtree", limit: 3)
            subtrees.append(try subtree(fields.next()))
            // RFC 5280: minimum is zero (absent in DER) and maximum absent.
            try fields.end()
        }
        return subtrees
    }

    private static func subtree(_ node: DERNode) throws(DERError) -> Subtree {
        guard let form = node.contextTag.flatMap(GeneralNameForm.init(rawValue:)) else {
            throw DERError("general subtree has an unknown tag")
        }
        switch form {
        case .rfc822Name: return .email(try mailboxes(text(node)))
        case .dNSName: return .dns(try hosts(text(node).lowercased()))
        case .uniformResourceIdentifier: return .uri(try hosts(text(node).lowercased()))
        case .directoryName: return .directory(try DistinguishedName(node.explicit("directoryName")))
        case .iPAddress: return try addresses(node)
        case .otherName, .x400Address, .ediPartyName, .registeredID: return .unsupported(form)
        }
    }

    private static func addresses(_ node: DERNode) throws(DERError) -> Subtree {
        let octets = Array(try node.primitive("iPAddress subtree"))
        guard octets.count == 8 || octets.count == 32 else {
            throw DERError("iPAddress subtree must be an address with a mask")
        }
        let mask = Array(octets.suffix(octets.count / 2))
        let bits = mask.map { 8 - ($0 == 0 ? 8 : $0.trailingZeroBitCount) }
        let isPrefix = zip(mask, bits).allSatisfy { $0 == UInt8(truncatingIfNeeded: 0xFF00 >> $1) }
        let isContiguous = zip(bits, bits.dropFirst()).allSatisfy { $0 == 8 || $1 == 0 }
        guard isPrefix, isContiguous else { throw DERError("iPAddress subtree has a mask that is not a prefix") }
        return .ip(base: Array(octets.prefix(octets.count / 2)), mask: mask)
    }

    private static func text(_ node: DERNode) throws(DERError) -> String {
        let octets = try node.primitive("subtree name")
        guard octets.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw DERError("subtree name must be ASCII") }
        return String(decoding: octets, as: UTF8.self)
    }

    /// A host or, with a leading dot, the hosts below a domain; empty for every host.
    private static func hosts(_ text: String) throws(DERError) -> String {
        let name = text.hasPrefix(".") ? String(text.dropFirst()) : text
        guard text.isEmpty || ((try? DNSName(name)).map { !$0.isWildcard } ?? false) else {
            throw DERError("subtree \(text) is not a host or domain")
        }
        return text
    }

    /// A mailbox, or hosts as in ``hosts(_:)``; the local part keeps its case.
    private static func mailboxes(_ text: String) throws(DERError) -> String {
        guard text.contains("@") else { return try hosts(text.lowercased()) }
        guard let address = try? EmailAddress(text) else { throw DERError("subtree \(text) is not a mailbox") }
        return address.description
    }

    /// The first of `names` that the constraints forbid, else `nil`. Excluded subtrees win.
    package func violation(in names: [SubjectAltName]) -> SubjectAltName? {
        names.first { name in
            if excluded.contains(where: { Self.touches(name, $0) }) { return true }
            let relevant = permitted.filter { Self.constrains($0, name) }
            return !relevant.isEmpty && !relevant.contains { Self.covers($0, name) }
        }
    }

    /// Whether `subject` lies outside the directory-name constraints. The empty name never does.
    package func forbids(subject: DistinguishedName) -> Bool {
        guard !subject.isEmpty else { return false }
        let within: (Subtree) -> Bool = { subtree in
            guard case .directory(let base) = subtree else { return false }
            return base.isPrefix(of: subject)
        }
        if excluded.contains(where: within) { return true }
        let relevant = permitted.filter { if case .directory = $0 { true } else { false } }
        return !relevant.isEmpty && !relevant.contains(where: within)
    }

    private static func constrains(_ subtree: Subtree, _ name: SubjectAltName) -> Bool {
        switch (subtree, name) {
        case (.dns, .dns), (.email, .email), (.uri, .uri): true
        // RFC 5280 says nothing about families; as OpenSSL and Go do, an IPv4 tree bars IPv6 addresses too.
        case (.ip, .ip): true
        case (.unsupported(.otherName), .upn): true
        default: false
        }
    }

    /// Whether the whole of `name` lies in `subtree`.
    private static func covers(_ subtree: Subtree, _ name: SubjectAltName) -> Bool {
        switch (subtree, name) {
        case (.dns(let base), .dns(let dns)):
            // A wildcard is compared as it stands: its star is one label that no constraint spells out.
            covers(base, host: dns.text)
        case (.email(let base), .email(let address)): covers(base, mailbox: address)
        case (.uri(let base), .uri(let uri)):
            uri.host.map { host in
                base.isEmpty || (base.hasPrefix(".") ? host.hasSuffix(base) && host != base : host == base)
            } ?? false
        case (.ip(let base, let mask), .ip(let address)):
            address.octets.count == base.count
                && zip(address.octets, zip(base, mask)).allSatisfy { $0 & $1.1 == $1.0 & $1.1 }
        default: false
        }
    }

    /// Whether any expansion of `name` lies in `subtree`; differs from ``covers(_:_:)`` for wildcards and for
    /// URIs without a host, which cannot be judged.
    private static func touches(_ name: SubjectAltName, _ subtree: Subtree) -> Bool {
        switch (subtree, name) {
        case (.dns(let base), .dns(let dns)) where dns.isWildcard:
            let parent = String(dns.text.dropFirst(2))
            let bare = base.hasPrefix(".") ? String(base.dropFirst()) : base
            return covers(base, host: dns.text) || bare.hasSuffix("." + parent)
        // What cannot be judged is refused: a URI without a host, or with an address (RFC 5280 §4.2.1.10).
        case (.uri, .uri(let uri)) where uri.host.map { (try? IPAddress($0)) != nil } ?? true: return true
        // Nor can names of users: a CA whose constraints speak of otherNames certifies none (RFC 5280 §4.2.1.10).
        case (.unsupported(.otherName), .upn): return true
        case (.email(let base), .email(let address)) where base.contains("@"):
            // A forbidden mailbox is forbidden however its local part is written.
            return address.description.lowercased() == base.lowercased()
        default: return covers(subtree, name)
        }
    }

    private static func covers(_ base: String, host: String) -> Bool {
        if base.isEmpty { return true }
        if base.hasPrefix(".") { return host.hasSuffix(base) && host.utf8.count > base.utf8.count }
        return host == base || host.hasSuffix("." + base)
    }

    private static func covers(_ base: String, mailbox: EmailAddress) -> Bool {
        if base.isEmpty { return true }
        if base.contains("@") { return mailbox.description == base }
        if base.hasPrefix(".") { return mailbox.domain.text.hasSuffix(base) }
        return mailbox.domain.text == base
    }
}
