/// The names of a nameConstraints extension as people write them, by kind.
package struct ConstrainedNames: Hashable, Sendable {
    /// Hosts, each with those below it; with a leading dot only those below it.
    package var dns: [String] = []
    /// Addresses with the length of a prefix: `10.0.0.0/8`.
    package var ip: [String] = []
    /// A mailbox, a host, or `.domain`.
    package var email: [String] = []
    /// The host of a URI, or `.domain`.
    package var uri: [String] = []
    /// Distinguished names: `O=Example,C=DE`.
    package var directory: [String] = []

    package init() {}

    package var isEmpty: Bool { dns.isEmpty && ip.isEmpty && email.isEmpty && uri.isEmpty && directory.isEmpty }
    /// Whether all of them are DNS names.
    package var isDNSOnly: Bool { ip.isEmpty && email.isEmpty && uri.isEmpty && directory.isEmpty }
}

/// Why names do not make constraints.
package struct NameConstraintError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

extension NameConstraints {
    /// Constraints from the names of people; `nil` when there is none.
    package static func make(
        permitted: ConstrainedNames, excluded: ConstrainedNames
    ) throws(NameConstraintError) -> NameConstraints? {
        guard !permitted.isEmpty || !excluded.isEmpty else { return nil }
        let (inside, outside) = (try subtrees(permitted), try subtrees(excluded))
        do {
            return try NameConstraints(der: encode(permitted: inside, excluded: outside))
        } catch {
            throw NameConstraintError(error.description)
        }
    }

    /// The value of the extension.
    package var der: [UInt8] {
        Self.encode(permitted: permitted.compactMap(Self.name), excluded: excluded.compactMap(Self.name))
    }

    /// The names as people write them.
    package var names: (permitted: ConstrainedNames, excluded: ConstrainedNames) {
        (Self.names(of: permitted), Self.names(of: excluded))
    }

    /// The constraints of an authority below one with `parent`: what is permitted lies within what the parent permits,
    /// a kind that is left out is taken over from the parent, and whatever the parent excludes stays excluded.
    ///
    /// Written out in full, because each client looks at the certificates of the path one by one.
    package static func nested(
        _ wanted: NameConstraints?, in parent: NameConstraints?
    ) throws(NameConstraintError) -> NameConstraints? {
        guard let parent else { return wanted }
        if let strange = (parent.permitted + parent.excluded).first(where: { name($0) == nil }) {
            throw NameConstraintError("the parent constrains names of a kind that can't be repeated: \(text(strange))")
        }
        var permitted = wanted?.permitted ?? []
        for subtree in permitted {
            let limits = parent.permitted.filter { $0.form == subtree.form }
            guard limits.isEmpty || limits.contains(where: { isWithin($0, subtree) }) else {
                throw NameConstraintError("\(text(subtree)) is wider than what the parent permits")
            }
        }
        let named = Set(permitted.map(\.form))
        permitted += parent.permitted.filter { !named.contains($0.form) }
        let excluded = (wanted?.excluded ?? []).filter { !parent.excluded.contains($0) } + parent.excluded
        do {
            return try NameConstraints(
                der: encode(permitted: permitted.compactMap(name), excluded: excluded.compactMap(name)))
        } catch {
            throw NameConstraintError(error.description)
        }
    }

    /// Whether constraints repeat all that those of the authority above limit: no kind that it permits is left open, and
    /// whatever it excludes is excluded. `nil` for what is not constrained.
    package static func repeats(_ parent: NameConstraints?, in own: NameConstraints?) -> Bool {
        guard let parent else { return true }
        let forms = Set((own?.permitted ?? []).map(\.form))
        return parent.permitted.allSatisfy { forms.contains($0.form) }
            && parent.excluded.allSatisfy { subtree in
                own?.excluded.contains { $0 == subtree || isWithin($0, subtree) } ?? false
            }
    }

    // MARK: Encoding

    private static func encode(permitted: [[UInt8]], excluded: [[UInt8]]) -> [UInt8] {
        func part(_ number: UInt8, _ names: [[UInt8]]) -> [UInt8] {
            names.isEmpty ? [] : DERWriter.element(0xA0 | number, parts: names.map { DERWriter.sequence($0) })
        }
        return DERWriter.sequence(part(0, permitted), part(1, excluded))
    }

    private static func subtrees(_ names: ConstrainedNames) throws(NameConstraintError) -> [[UInt8]] {
        var all = names.dns.map { DERWriter.implicit(2, Array($0.utf8)) }
        for text in names.ip { all.append(DERWriter.implicit(7, try range(text))) }
        all += names.email.map { DERWriter.implicit(1, Array($0.utf8)) }
        all += names.uri.map { DERWriter.implicit(6, Array($0.utf8)) }
        for text in names.directory {
            do throws(NameError) {
                all.append(DERWriter.explicit(4, try DistinguishedName(rfc4514: text).der))
            } catch {
                throw NameConstraintError("\(text): \(error)")
            }
        }
        return all
    }

    private static func name(_ subtree: Subtree) -> [UInt8]? {
        switch subtree {
        case .dns(let text): DERWriter.implicit(2, Array(text.utf8))
        case .email(let text): DERWriter.implicit(1, Array(text.utf8))
        case .uri(let text): DERWriter.implicit(6, Array(text.utf8))
        case .ip(let base, let mask): DERWriter.implicit(7, base + mask)
        case .directory(let name): DERWriter.explicit(4, name.der)
        case .unsupported: nil
        }
    }

    /// Address and mask, each of the length of the family.
    private static func range(_ text: String) throws(NameConstraintError) -> [UInt8] {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = try? IPAddress(String(parts[0])), let length = Int(parts[1]),
            (0...address.octets.count * 8).contains(length)
        else { throw NameConstraintError("\(text) is not an address with the length of a prefix, such as 10.0.0.0/8") }
        let mask = address.octets.indices.map { index in
            UInt8(truncatingIfNeeded: 0xFF00 >> min(8, max(0, length - index * 8)))
        }
        guard zip(address.octets, mask).allSatisfy({ $0 & ~$1 == 0 }) else {
            throw NameConstraintError("\(text) has bits beyond its prefix")
        }
        return address.octets + mask
    }

    // MARK: Text

    private static func names(of subtrees: [Subtree]) -> ConstrainedNames {
        var names = ConstrainedNames()
        for subtree in subtrees {
            switch subtree {
            case .dns(let text): names.dns.append(text)
            case .email(let text): names.email.append(text)
            case .uri(let text): names.uri.append(text)
            case .ip: names.ip.append(text(subtree))
            case .directory(let name): names.directory.append(name.description)
            case .unsupported: continue
            }
        }
        return names
    }

    private static func text(_ subtree: Subtree) -> String {
        switch subtree {
        case .dns(let text), .email(let text), .uri(let text): text.isEmpty ? "every name" : text
        case .ip(let base, let mask):
            "\((try? IPAddress(octets: base))?.description ?? "?")/\(mask.reduce(0) { $0 + $1.nonzeroBitCount })"
        case .directory(let name): name.description
        case .unsupported(let form): "\(form)"
        }
    }

    // MARK: Nesting

    /// Whether all that `inner` covers is covered by `outer`, which is of the same kind.
    private static func isWithin(_ outer: Subtree, _ inner: Subtree) -> Bool {
        switch (outer, inner) {
        case (.dns(let outer), .dns(let inner)):
            if outer.isEmpty || inner == outer { return true }
            return inner.hasSuffix(outer.hasPrefix(".") ? outer : "." + outer)
        case (.uri(let outer), .uri(let inner)):
            return outer.isEmpty || inner == outer || (outer.hasPrefix(".") && inner.hasSuffix(outer))
        case (.email(let outer), .email(let inner)):
            if outer.isEmpty || inner == outer { return true }
            let host = inner.split(separator: "@", maxSplits: 1).last.map(String.init) ?? inner
            if outer.hasPrefix(".") { return host.hasSuffix(outer) }
            return !outer.contains("@") && inner.contains("@") && host == outer
        case (.ip(let base, let mask), .ip(let innerBase, let innerMask)):
            return base.count == innerBase.count
                && zip(mask, innerMask).allSatisfy { $0 & $1 == $0 }
                && zip(zip(base, innerBase), mask).allSatisfy { $0.0 & $1 == $0.1 & $1 }
        case (.directory(let outer), .directory(let inner)): return outer.isPrefix(of: inner)
        default: return false
        }
    }
}
