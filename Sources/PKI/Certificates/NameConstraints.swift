/// The nameConstraints extension of a certificate authority (RFC 5280 §4.2.1.10).
package struct NameConstraints: Hashable, Sendable {
    enum Subtree: Hashable, Sendable {
        case dns(String)
        case email(String)
        case uri(String)
        case ip(base: [UInt8], mask: [UInt8])
        case directory(DistinguishedName)
        case unsupported
    }

    let permitted: [Subtree]
    let excluded: [Subtree]

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("nameConstraints", limit: 2)
        permitted = try Self.subtrees(fields.next(ifContextTag: 0))
        excluded = try Self.subtrees(fields.next(ifContextTag: 1))
        try fields.end()
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
        switch node.contextTag {
        case 1: return .email(try text(node))
        case 2: return .dns(try text(node))
        case 6: return .uri(try text(node))
        case 4: return .directory(try DistinguishedName(node.explicit("directoryName")))
        case 7:
            let octets = Array(try node.primitive("iPAddress subtree"))
            guard octets.count == 8 || octets.count == 32 else {
                throw DERError("iPAddress subtree must be an address with a mask")
            }
            return .ip(base: Array(octets.prefix(octets.count / 2)), mask: Array(octets.suffix(octets.count / 2)))
        case 0, 3, 5, 8: return .unsupported
        default: throw DERError("general subtree has an unknown tag")
        }
    }

    private static func text(_ node: DERNode) throws(DERError) -> String {
        let octets = try node.primitive("subtree name")
        guard octets.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw DERError("subtree name must be ASCII") }
        return String(decoding: octets, as: UTF8.self).lowercased()
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

    /// Whether a subtree of a form that certctl cannot evaluate is present.
    package var hasUnsupportedForm: Bool { (permitted + excluded).contains(.unsupported) }

    private static func constrains(_ subtree: Subtree, _ name: SubjectAltName) -> Bool {
        switch (subtree, name) {
        case (.dns, .dns), (.email, .email), (.uri, .uri): true
        // RFC 5280 says nothing about families; as OpenSSL and Go do, an IPv4 tree bars IPv6 addresses too.
        case (.ip, .ip): true
        default: false
        }
    }

    /// Whether the whole of `name` lies in `subtree`.
    private static func covers(_ subtree: Subtree, _ name: SubjectAltName) -> Bool {
        switch (subtree, name) {
        case (.dns(let base), .dns(let dns)):
            covers(base, host: dns.isWildcard ? String(dns.text.dropFirst(2)) : dns.text)
        case (.email(let base), .email(let address)): covers(base, mailbox: address)
        case (.uri(let base), .uri(let uri)):
            uri.host.map { host in
                base.hasPrefix(".") ? host.hasSuffix(base) && host.utf8.count > base.utf8.count : host == base
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
            return covers(base, host: "x." + parent) || bare.hasSuffix("." + parent)
        case (.uri, .uri(let uri)) where uri.host == nil: return true
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
        if base.contains("@") { return mailbox.description.lowercased() == base }
        if base.hasPrefix(".") { return mailbox.domain.text.hasSuffix(base) }
        return mailbox.domain.text == base
    }
}

extension DistinguishedName {
    /// Whether `other` starts with the relative names of this one.
    func isPrefix(of other: DistinguishedName) -> Bool {
        guard relativeNames.count <= other.relativeNames.count else { return false }
        return zip(relativeNames, other.relativeNames).allSatisfy { Self.equal($0, $1) }
    }
}
