import Crypto
import CryptoExtras
package import Domain

/// The root secret of an installation (security §10.4). Everything else is derived from it by label.
package struct MasterKey: Sendable, CustomStringConvertible, CustomReflectable {
    /// Shortest root secret, in octets.
    package static let minimumLength = 32
    /// PBKDF2 rounds for passphrases.
    static let passphraseRounds = 600_000
    /// One salt for all installations: it is needed before the database can be read, and a passphrase has at least
    /// 32 octets.
    package static let passphraseSalt = Array("certctl/v4/passphrase".utf8)

    /// How the root came about; the raw values are what `sealing_keys` stores.
    package enum Derivation: String, Sendable, CaseIterable {
        case generated = "hkdf-sha256"
        case passphrase = "pbkdf2-sha256"
    }

    private let root: SymmetricKey
    /// The text itself, for values that formats before v4 sealed under it directly; `nil` for a generated key.
    let passphrase: Secret?

    package var derivation: Derivation { passphrase == nil ? .generated : .passphrase }

    /// A generated key of at least 32 octets; used as it is, through HKDF.
    package init(generated octets: Secret) throws(MasterKeyError) {
        guard octets.count >= Self.minimumLength else { throw .tooShort(octets.count) }
        root = octets.withBytes { SymmetricKey(data: $0) }
        passphrase = nil
    }

    /// A passphrase of at least 32 octets, stretched with PBKDF2-HMAC-SHA-256: about a third of a second, once
    /// per process and away from event loops.
    package init(
        passphrase: Secret, salt: [UInt8] = MasterKey.passphraseSalt
    ) throws(MasterKeyError) {
        guard passphrase.count >= Self.minimumLength else { throw .tooShort(passphrase.count) }
        let derived = passphrase.withBytes { octets in
            try? KDF.Insecure.PBKDF2.deriveKey(
                from: octets, salt: salt, using: .sha256, outputByteCount: 32, rounds: Self.passphraseRounds)
        }
        guard let derived else { throw .derivationFailed }
        root = derived
        self.passphrase = passphrase
    }

    /// 32 octets for ``init(generated:)``.
    package static func generate(random: RandomSource) -> Secret { Secret(random.bytes(32)) }

    /// HKDF-SHA-256 with the label as info. No key serves two purposes.
    func derive(_ label: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: root, info: Array(label.utf8), outputByteCount: 32)
    }

    package var description: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why text or octets cannot be the root secret.
package enum MasterKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooShort(Int)
    case derivationFailed

    package var description: String {
        switch self {
        case .tooShort(let count):
            "encryption key has \(count) octets; at least \(MasterKey.minimumLength) are required"
        case .derivationFailed: "encryption key could not be derived"
        }
    }
}
