import Crypto
package import Domain
import Encoding

/// An API key: `ctk_<id12>_<secret43><crc6>` (security §2.2).
package struct APIKeyToken: Sendable {
    private static let prefix = "ctk_"
    private static let idLength = 12
    private static let length = 4 + idLength + 1 + TokenText.secretLength + TokenText.checksumLength

    /// The indexed part: 12 base-62 characters, not secret.
    package let keyID: String
    /// The whole token; shown once.
    package let text: Secret

    package static func generate(random: RandomSource) -> APIKeyToken {
        let id = TokenText.random(idLength, random)
        var token = Array(prefix.utf8) + id + [0x5F]
        token += TokenText.random(TokenText.secretLength, random)
        return APIKeyToken(
            keyID: String(decoding: id, as: UTF8.self), text: Secret(TokenText.appendingChecksum(token)))
    }

    /// `nil` when the form or the checksum is wrong: a typing error, told without a database read.
    package init?(parsing text: Secret) {
        let id = text.withBytes { token -> String? in
            let idRange = 4..<4 + Self.idLength
            guard token.count == Self.length, token.starts(with: Array(Self.prefix.utf8)),
                token[idRange.upperBound] == 0x5F, TokenText.isBase62(token[idRange]),
                TokenText.isBase62(token[(idRange.upperBound + 1)...]), TokenText.hasValidChecksum(token)
            else { return nil }
            return String(decoding: token[idRange], as: UTF8.self)
        }
        guard let id else { return nil }
        self.init(keyID: id, text: text)
    }

    private init(keyID: String, text: Secret) {
        self.keyID = keyID
        self.text = text
    }

    /// What is stored: HMAC-SHA-256 under the pepper, lower-case hexadecimal (`hmac-sha256-v1`).
    package func hash(with sealer: Sealer) -> String {
        text.withBytes { Hex.encode(sealer.mac(.apiKeyPepper, $0)) }
    }

    /// Compares with a stored hash in constant time.
    package func matches(hash stored: String, with sealer: Sealer) -> Bool {
        ConstantTime.equal(Array(hash(with: sealer).utf8), Array(stored.utf8))
    }
}

/// The credential of one agent: 32 random octets as base64url (security §2.4).
package struct AgentKey: Sendable {
    package let text: Secret

    package static func generate(random: RandomSource) -> AgentKey {
        AgentKey(text: Secret(Base64URL.encode(random.bytes(32))))
    }

    /// `nil` unless the text is base64url of exactly 32 octets.
    package init?(parsing text: Secret) {
        guard text.withText({ Base64URL.decode($0)?.count }) == 32 else { return nil }
        self.init(text: text)
    }

    private init(text: Secret) { self.text = text }

    /// What is stored: SHA-256 of the text, lower-case hexadecimal.
    package var sha256: String { TokenHash.sha256(text) }
}

/// A token that admits agents: `ce_<secret43><crc6>`; stored as its SHA-256.
package struct EnrollmentToken: Sendable {
    package let text: Secret

    package static func generate(random: RandomSource) -> EnrollmentToken {
        EnrollmentToken(text: PrefixedToken.generate("ce_", random))
    }

    package init?(parsing text: Secret) {
        guard PrefixedToken.isWellFormed(text, prefix: "ce_") else { return nil }
        self.init(text: text)
    }

    private init(text: Secret) { self.text = text }

    package var sha256: String { TokenHash.sha256(text) }
}

/// The one-time token of the first administrator (security §2.5).
package struct SetupToken: Sendable {
    /// Shortest token that an operator may choose.
    package static let minimumLength = 32

    package let text: Secret

    /// `cst_<secret43><crc6>`.
    package static func generate(random: RandomSource) -> SetupToken {
        SetupToken(text: PrefixedToken.generate("cst_", random))
    }

    /// A token chosen by the operator; `nil` below 32 characters.
    package init?(chosen text: Secret) {
        guard text.count >= Self.minimumLength else { return nil }
        self.init(text: text)
    }

    private init(text: Secret) { self.text = text }

    package var sha256: String { TokenHash.sha256(text) }

    /// Compares in constant time, whatever the lengths.
    package func matches(_ presented: Secret) -> Bool {
        ConstantTime.equal(Array(sha256.utf8), Array(TokenHash.sha256(presented).utf8))
    }
}

/// Hashes of tokens of full entropy, which need no slow hash.
package enum TokenHash {
    /// SHA-256 of the text, lower-case hexadecimal.
    package static func sha256(_ text: Secret) -> String {
        text.withBytes { Hex.encode(SHA256.hash(data: $0)) }
    }
}

/// Tokens of the form prefix, secret, checksum.
private enum PrefixedToken {
    static func generate(_ prefix: String, _ random: RandomSource) -> Secret {
        let body = Array(prefix.utf8) + TokenText.random(TokenText.secretLength, random)
        return Secret(TokenText.appendingChecksum(body))
    }

    static func isWellFormed(_ text: Secret, prefix: String) -> Bool {
        text.withBytes { token in
            token.count == prefix.utf8.count + TokenText.secretLength + TokenText.checksumLength
                && token.starts(with: Array(prefix.utf8)) && TokenText.isBase62(token.dropFirst(prefix.utf8.count))
                && TokenText.hasValidChecksum(token)
        }
    }
}
