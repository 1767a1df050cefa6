import Crypto
package import Domain
import Encoding

/// A key that signs session tokens.
package struct SessionMACKey: Sendable {
    package static let length = 32

    package let id: String
    private let key: SymmetricKey

    package init(id: String, material: Secret) {
        self.id = id
        key = material.withBytes { SymmetricKey(data: $0) }
    }

    fileprivate func code(of sessionID: String) -> [UInt8] {
        let (session, key) = (Array(sessionID.utf8), Array(id.utf8))
        let message = Array("\(session.count):".utf8) + session + Array(":\(key.count):".utf8) + key
        return Array(HMAC<SHA256>.authenticationCode(for: message, using: self.key))
    }
}

/// The content of the session cookie: `v1.<session id>.<signing key id>.<mac>` (security §5.2).
package struct SessionToken: Sendable {
    private static let longestSegment = 4096
    private static let macLength = 32

    /// Secret: whoever knows it and a signing key has the session. The database holds its hash.
    private let sessionID: String
    package let keyID: String
    private let mac: [UInt8]

    /// A token for a session that nobody has yet.
    package static func generate(signedBy key: SessionMACKey, random: RandomSource) -> SessionToken {
        let id = "ses-" + Base64URL.encode(random.bytes(16))
        return SessionToken(sessionID: id, keyID: key.id, mac: key.code(of: id))
    }

    /// An id for a signing key: 128 random bits.
    package static func generateKeyID(random: RandomSource) -> String { "sk-" + Base64URL.encode(random.bytes(16)) }

    /// `nil` for every other form, and for another spelling of the same octets.
    package init?(parsing text: Secret) {
        guard text.count <= 4 * Self.longestSegment else { return nil }
        let parts = text.withText { $0.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }
        guard parts.count == 4, parts[0] == "v1", parts.allSatisfy({ $0.utf8.count <= Self.longestSegment }),
            Self.isID(parts[1], "ses-"), Self.isID(parts[2], "sk-"), let mac = Base64URL.decode(parts[3]),
            mac.count == Self.macLength, Base64URL.encode(mac) == parts[3]
        else { return nil }
        self.init(sessionID: parts[1], keyID: parts[2], mac: mac)
    }

    private init(sessionID: String, keyID: String, mac: [UInt8]) {
        self.sessionID = sessionID
        self.keyID = keyID
        self.mac = mac
    }

    package var text: Secret { Secret("v1.\(sessionID).\(keyID).\(Base64URL.encode(mac))") }

    /// What the database knows the session by.
    package var idHash: [UInt8] { Array(SHA256.hash(data: Array(sessionID.utf8))) }

    /// Compares in constant time.
    package func isSigned(by key: SessionMACKey) -> Bool {
        key.id == keyID && ConstantTime.equal(key.code(of: sessionID), mac)
    }

    private static func isID(_ text: String, _ prefix: String) -> Bool {
        guard text.hasPrefix(prefix) else { return false }
        let random = String(text.dropFirst(prefix.count))
        guard let octets = Base64URL.decode(random) else { return false }
        return octets.count == 16 && Base64URL.encode(octets) == random
    }
}

/// The value that a page has to repeat with every change (security §5.5): 32 random octets, of which the hash is kept.
package enum CSRFToken {
    package static func generate(random: RandomSource) -> Secret { Secret(Base64URL.encode(random.bytes(32))) }

    package static func hash(_ token: Secret) -> [UInt8] { token.withBytes { Array(SHA256.hash(data: $0)) } }
}
