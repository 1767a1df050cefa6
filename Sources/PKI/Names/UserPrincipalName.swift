/// The name by which a directory knows a user, for an otherName of type 1.3.6.1.4.1.311.20.2.3 (RFC 5280 §4.2.1.6):
/// `user@suffix` as an UTF8String.
///
/// It is what smart cards and Wi-Fi clients sign in with, so it is an identity and no mailbox, however much it looks like
/// one. Directories compare it without regard to case; realms of Kerberos do not, so the text stays as it was given.
package struct UserPrincipalName: Sendable, CustomStringConvertible {
    /// What the text of such a name begins with, since nothing else tells it from a mailbox.
    package static let prefix = "upn:"

    package let text: String

    /// `user@suffix` without the prefix: 1 to 64 printable ASCII characters that a directory allows in an account name,
    /// and a host name, of which one label is enough.
    package init(_ text: String) throws(NameError) {
        guard text.utf8.count <= 254 else { throw .tooLong(limit: 254) }
        try UnicodeSafety.checkASCII(text)
        guard let at = text.firstIndex(of: "@") else { throw .malformedPrincipal("no @") }
        let user = text[..<at]
        guard (1...64).contains(user.utf8.count) else {
            throw .malformedPrincipal("the user must have 1 to 64 characters")
        }
        guard !user.contains(where: { Self.refused.contains($0) }) else {
            throw .malformedPrincipal("the user must not have spaces nor any of \(Self.refused.dropFirst())")
        }
        guard user.first != ".", user.last != "." else {
            throw .malformedPrincipal("the user must not begin or end with a dot")
        }
        let suffix = try DNSName(String(text[text.index(after: at)...]))
        guard !suffix.isWildcard else { throw .malformedPrincipal("the suffix must not be a wildcard") }
        self.text = text
    }

    package var description: String { text }

    /// What two names have in common that a directory takes for the same.
    package var folded: String { text.lowercased() }

    /// What directories do not allow in the names of accounts.
    private static let refused = " \"/\\[]:;|=,*?<>"

    /// `AnotherName`, tagged as a general name.
    var der: [UInt8] {
        DERWriter.explicit(0, DERWriter.oid(.userPrincipalName), DERWriter.explicit(0, DERWriter.utf8String(text)))
    }

    /// The text in the `otherName` of a general name; `nil` when that is no name of a user.
    static func text(in node: DERNode) -> [UInt8]? {
        guard let parts = try? node.elements("otherName", limit: 2), parts.count == 2, parts[1].hasContextTag(0),
            (try? parts[0].oid("otherName type")) == .userPrincipalName,
            let value = try? parts[1].explicit("user principal name"), value.has(.utf8String),
            let octets = try? value.primitive("user principal name")
        else { return nil }
        return Array(octets)
    }
}

extension UserPrincipalName: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.folded == right.folded }
    package func hash(into hasher: inout Hasher) { hasher.combine(folded) }
}
