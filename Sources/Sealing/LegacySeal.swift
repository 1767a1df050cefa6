import Crypto
import CryptoExtras
package import Domain

/// Values that releases of the reference sealed: formats v1, v2 and v3 (specification, security §10.2). Read, never
/// written, and only where `crypto_version` says that a row is of that time.
package enum LegacySeal {
    private static let nonceLength = 12
    private static let tagLength = 16
    private static let saltLength = 16
    private static let fixedSalt = Array("certctl-config-encryption-v1".utf8)

    /// The value, under the first passphrase that opens it.
    ///
    /// The first octet says the version, but a v1 value begins with a random one; so what does not authenticate as v3 is
    /// tried as v2 and then as v1. Each attempt costs a derivation: never on the path of a request.
    package static func open(
        _ sealed: [UInt8],
        passphrases: [Secret],
        for place: SealedPlace
    ) throws(SealingError) -> Secret {
        guard !passphrases.isEmpty else { throw .needsPassphrase(place) }
        for passphrase in passphrases {
            if var plaintext = open(sealed, passphrase) {
                defer { Erasure.erase(&plaintext) }
                return Secret(plaintext)
            }
        }
        throw .notAuthentic(place)
    }

    private static func open(_ sealed: [UInt8], _ passphrase: Secret) -> [UInt8]? {
        let salted = 1 + saltLength
        if sealed.count >= salted + nonceLength + tagLength, sealed[0] == 0x03 || sealed[0] == 0x02 {
            let rounds = sealed[0] == 0x03 ? 600_000 : 100_000
            let salt = Array(sealed[1..<salted])
            if let plaintext = decrypt(sealed[salted...], passphrase, salt: salt, rounds: rounds) { return plaintext }
        }
        guard sealed.count >= nonceLength + tagLength else { return nil }
        return decrypt(sealed[...], passphrase, salt: fixedSalt, rounds: 100_000)
    }

    private static func decrypt(
        _ body: ArraySlice<UInt8>,
        _ passphrase: Secret,
        salt: [UInt8],
        rounds: Int
    ) -> [UInt8]? {
        let key = passphrase.withBytes { octets in
            try? KDF.Insecure.PBKDF2.deriveKey(
                from: octets, salt: salt, using: .sha256, outputByteCount: 32, unsafeUncheckedRounds: rounds)
        }
        guard let key, let nonce = try? AES.GCM.Nonce(data: body.prefix(nonceLength)),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: body.dropFirst(nonceLength).dropLast(tagLength), tag: body.suffix(tagLength)),
            let plaintext = try? AES.GCM.open(box, using: key)
        else { return nil }
        return Array(plaintext)
    }
}
