import Crypto
package import Domain
import Encoding

/// Where a sealed value is stored. Part of what is authenticated: a value moved elsewhere does not open.
package struct SealedPlace: Hashable, Sendable, CustomStringConvertible {
    package let table: String
    package let column: String
    package let rowID: String

    package init(table: String, column: String, rowID: String) {
        self.table = table
        self.column = column
        self.rowID = rowID
    }

    package var description: String { "\(table).\(column) of \(rowID)" }

    func associatedData(keyID: [UInt8]) -> [UInt8] {
        Array("certctl|v4|t-default|\(table)|\(column)|\(rowID)|\(Hex.encode(keyID))".utf8)
    }
}

/// Why a sealed value does not open. Names the place, never the value.
package enum SealingError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownFormat(SealedPlace)
    /// Sealed under a key-encryption key that is not configured, by its id.
    case wrongKey(SealedPlace, keyID: String)
    /// Altered, moved from another place, or damaged.
    case notAuthentic(SealedPlace)
    /// Of a format before v4, which only a passphrase opens.
    case needsPassphrase(SealedPlace)

    package var description: String {
        switch self {
        case .unknownFormat(let place): "\(place) is not a sealed value that this version can read"
        case .wrongKey(let place, let keyID):
            "\(place) is sealed under key \(keyID), which is not among the configured encryption keys"
        case .needsPassphrase(let place):
            "\(place) is of an earlier release: supply its passphrase in CERTCTL_CONFIG_ENCRYPTION_KEY or "
                + "CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS"
        case .notAuthentic(let place): "\(place) was altered or belongs to another row: it does not authenticate"
        }
    }
}

/// Purposes of message authentication codes, each with a key of its own (security §10.4).
package enum MACLabel: String, Sendable, CaseIterable {
    case apiKeyPepper = "certctl/v4/api-key-pepper"
    case cursor = "certctl/v4/cursor-mac"
    /// Nonces of the ACME server, on every replica.
    case acmeNonce = "certctl/v4/acme-nonce-mac"
}

/// Envelope encryption of values at rest (security §10.2, §10.3).
///
/// Format v4: `0x04 | suite | kek_id(8) | len(2) wrapped_dek | nonce(12) | ciphertext + tag`, suite 1 being
/// AES-256-GCM. The data key is fresh for every value and wrapped under the same associated data.
package struct Sealer: Sendable {
    private static let version: UInt8 = 0x04
    private static let suite: UInt8 = 0x01
    private static let keyIDLength = KeyRing.idLength
    private static let wrappedLength = 12 + 32 + 16
    private static let headerLength = 2 + keyIDLength + 2

    /// The keys of the process; every sealer shares it.
    package let ring: KeyRing
    private let random: RandomSource

    package init(ring: KeyRing, random: RandomSource = .system) {
        self.ring = ring
        self.random = random
    }

    /// A sealer with a single key.
    package init(masterKey: MasterKey, random: RandomSource = .system) {
        self.init(ring: KeyRing(masterKey), random: random)
    }

    /// Identifies the key-encryption key that seals now; stored with every value.
    package var keyID: String { ring.active.id }

    package var keyCheckValue: String { ring.active.checkValue }

    package func accepts(keyCheckValue stored: String) -> Bool {
        ring.active.accepts(checkValue: Array(stored.utf8))
    }

    package func seal(_ plaintext: [UInt8], for place: SealedPlace) -> [UInt8] {
        let active = ring.active
        let associatedData = place.associatedData(keyID: active.idOctets)
        var dataKey = random.bytes(32)
        defer { Erasure.erase(&dataKey) }
        let wrapped = encrypt(dataKey, with: active.key, associatedData)
        let body = encrypt(plaintext, with: SymmetricKey(data: dataKey), associatedData)
        var envelope = [Self.version, Self.suite] + active.idOctets
        envelope += [UInt8(wrapped.count >> 8), UInt8(wrapped.count & 0xFF)]
        envelope += wrapped
        envelope += body
        return envelope
    }

    package func seal(_ secret: Secret, for place: SealedPlace) -> [UInt8] {
        secret.withBytes { seal($0, for: place) }
    }

    package func open(_ envelope: [UInt8], for place: SealedPlace) throws(SealingError) -> Secret {
        let bodyStart = Self.headerLength + Self.wrappedLength
        guard envelope.count >= bodyStart + 12 + 16, envelope[0] == Self.version, envelope[1] == Self.suite,
            Int(envelope[Self.headerLength - 2]) << 8 | Int(envelope[Self.headerLength - 1]) == Self.wrappedLength
        else { throw .unknownFormat(place) }
        let keyID = Hex.encode(envelope[2..<2 + Self.keyIDLength])
        guard let wrapping = ring.key(keyID) else { throw .wrongKey(place, keyID: keyID) }
        let associatedData = place.associatedData(keyID: wrapping.idOctets)
        guard
            var dataKey = decrypt(envelope[Self.headerLength..<bodyStart], with: wrapping.key, associatedData)
        else { throw .notAuthentic(place) }
        defer { Erasure.erase(&dataKey) }
        guard
            var plaintext = decrypt(envelope[bodyStart...], with: SymmetricKey(data: dataKey), associatedData)
        else { throw .notAuthentic(place) }
        defer { Erasure.erase(&plaintext) }
        return Secret(plaintext)
    }

    /// The same value under the key that seals now, with a fresh data key; `nil` when it is that already.
    package func resealed(_ envelope: [UInt8], for place: SealedPlace) throws(SealingError) -> [UInt8]? {
        guard Self.keyID(of: envelope) != keyID else { return nil }
        return seal(try open(envelope, for: place), for: place)
    }

    /// The key id in the header of a sealed value, for rotation; `nil` when it is not of format v4.
    package static func keyID(of envelope: [UInt8]) -> String? {
        guard envelope.count > headerLength, envelope[0] == version else { return nil }
        return Hex.encode(envelope[2..<2 + keyIDLength])
    }

    /// HMAC-SHA-256 under the key derived for `label`.
    package func mac(_ label: MACLabel, _ octets: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: octets, using: ring.codeKey(label)))
    }

    /// Whether `code` is the code of `octets`, compared in constant time.
    package func isValid(mac code: [UInt8], _ label: MACLabel, _ octets: [UInt8]) -> Bool {
        ConstantTime.equal(mac(label, octets), code)
    }

    /// `nonce | ciphertext | tag`.
    private func encrypt(_ plaintext: [UInt8], with key: SymmetricKey, _ associatedData: [UInt8]) -> [UInt8] {
        let nonce = random.bytes(12)
        guard let gcmNonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.seal(plaintext, using: key, nonce: gcmNonce, authenticating: associatedData)
        else { preconditionFailure("AES-256-GCM takes any plaintext with a 96-bit nonce and a 256-bit key") }
        return nonce + Array(box.ciphertext) + Array(box.tag)
    }

    private func decrypt(
        _ sealed: ArraySlice<UInt8>, with key: SymmetricKey, _ associatedData: [UInt8]
    ) -> [UInt8]? {
        guard let nonce = try? AES.GCM.Nonce(data: sealed.prefix(12)),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: sealed.dropFirst(12).dropLast(16), tag: sealed.suffix(16)),
            let plaintext = try? AES.GCM.open(box, using: key, authenticating: associatedData)
        else { return nil }
        return Array(plaintext)
    }
}
