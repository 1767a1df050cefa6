/// The name of a key in a signing process. Stored and shown as the reference `signer:<name>`.
///
/// Lower-case letters, digits, `.`, `_` and `-`, the first a letter or digit, at most 64: names are files there.
package struct SignerKeyName: Hashable, Sendable, CustomStringConvertible {
    /// How references begin.
    package static let scheme = "signer:"
    package static let longest = 64

    package let text: String

    package init(_ text: String) throws(SignerKeyNameProblem) {
        guard (1...Self.longest).contains(text.utf8.count) else {
            throw SignerKeyNameProblem("must name a key with 1 to \(Self.longest) characters")
        }
        let isSound = text.utf8.enumerated().allSatisfy { place, octet in
            switch octet {
            case 0x30...0x39, 0x61...0x7A: true
            case 0x2D, 0x2E, 0x5F: place > 0
            default: false
            }
        }
        guard isSound else {
            throw SignerKeyNameProblem(
                "must name a key with lower-case letters, digits, \".\", \"_\" and \"-\", beginning with a letter or digit"
            )
        }
        self.text = text
    }

    package init(reference: String) throws(SignerKeyNameProblem) {
        guard reference.hasPrefix(Self.scheme) else { throw SignerKeyNameProblem("must begin with \(Self.scheme)") }
        try self.init(String(reference.dropFirst(Self.scheme.count)))
    }

    package var reference: String { Self.scheme + text }
    package var description: String { text }
}

/// Why a text is no reference to a key in a signing process, as the end of the sentence "the reference …".
package struct SignerKeyNameProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
