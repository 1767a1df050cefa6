/// A pattern that subject alternative names must match: a linear-time subset of regular expressions.
///
/// Understood are literals, `.`, classes (`[a-z0-9-]`, `[^.]`, `\d`, `\w`), groups, alternation and the
/// repetitions `?` `*` `+` `{n}` `{n,}` `{n,m}`. The pattern is anchored at both ends by itself; back-references
/// and look-around do not exist. A prefix `dns:`, `ip:`, `email:`, `uri:` or `upn:` names the kind, `dns:`
/// being the default; what follows `upn:` is compared in lower case, as directories do; `ip:` also takes an address block such as `ip:10.0.0.0/8`, and `glob:*.corp.example` is a host name in
/// which `*` stands for one label, and `**` for any number of them. Neither stands for the `*` of a wildcard name,
/// which a glob writes as `\*`.
///
/// `{cn}` and `{principal}` stand for the common name of the certificate and for whoever asks.
package struct SANPattern: Hashable, Sendable, CustomStringConvertible {
    package static let maximumLength = 512

    package let text: String
    package let kind: SubjectAltName.Kind
    private let matcher: Matcher

    private enum Matcher: Hashable, Sendable {
        case automaton(PatternAutomaton)
        case block(base: [UInt8], prefixLength: Int)
        /// Compiled for each request, with the values of the request in the place of its names.
        case template(PatternTemplate)
    }

    package init(_ text: String) throws(SANPatternError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw SANPatternError(offset: Self.maximumLength, reason: "longer than \(Self.maximumLength) characters")
        }
        var kind = SubjectAltName.Kind.dns
        var body = text[...]
        for candidate in SubjectAltName.Kind.allCases where text.hasPrefix("\(candidate.rawValue):") {
            kind = candidate
            body = body.dropFirst(candidate.rawValue.count + 1)
        }
        let isGlob = kind == .dns && body.hasPrefix("glob:")
        if isGlob { body = body.dropFirst("glob:".count) }
        self.text = text
        self.kind = kind
        let offset = text.utf8.count - body.utf8.count
        if kind == .ip, let block = Self.addressBlock(body) {
            matcher = block
        } else {
            let template = try PatternTemplate(body, isGlob: isGlob, offset: offset)
            // Compiled once in any case, so that a mistake shows when the profile is saved.
            let automaton = try template.automaton(PatternBinding(commonName: "a", principal: "a"))
            matcher = template.isBound ? .template(template) : .automaton(automaton)
        }
    }

    package func matches(_ name: SubjectAltName, _ binding: PatternBinding = PatternBinding()) -> Bool {
        guard name.kind == kind else { return false }
        switch matcher {
        case .automaton(let automaton): return automaton.accepts(name.patternText.utf8)
        case .template(let template):
            guard let automaton = try? template.automaton(binding) else { return false }
            return automaton.accepts(name.patternText.utf8)
        case .block(let base, let prefixLength):
            guard case .ip(let address) = name, address.octets.count == base.count else { return false }
            return (0..<prefixLength).allSatisfy { bit in
                (address.octets[bit / 8] ^ base[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
            }
        }
    }

    package var description: String { text }

    private static func addressBlock(_ text: Substring) -> Matcher? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = try? IPAddress(String(parts[0])), let length = Int(parts[1]),
            (0...(address.octets.count * 8)).contains(length)
        else { return nil }
        return .block(base: address.octets, prefixLength: length)
    }
}

/// A pattern outside the subset.
package struct SANPatternError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Octet of the pattern at which reading stopped.
    package let offset: Int
    package let reason: String

    package var description: String { "pattern is not accepted at character \(offset + 1): \(reason)" }
}
