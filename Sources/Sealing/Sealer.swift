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

    package var description: String {
        switch self {
        case .unknownFormat(let place): "\(place) is not a sealed value that this version can read"
        case .wrongKey(let place, let keyID):
            "\(place) is sealed under key \(keyID), which is not the configured encryption key"
        case .notAuthentic(let place): "\(place) was altered or belongs to another row: it does not authenticate"
        }
    }
}

/// Purposes of message authentication codes, each with a key of its own (security §10.4).
package enum MACLabel: String, Sendable, CaseIterable {
    case apiKeyPepper = "certctl/v4/api-key-pepper"
    case cursor = "certctl/v4/cursor-mac"
}

/// Envelope encryption of values at rest (security §10.2, §10.3).
///
/// Format v4: `0x04 | suite | kek_id(8) | len(2) wrapped_dek | nonce(12) | ciphertext + tag`, suite 1 being
/// AES-256-GCM. The data key is fresh for every value and wrapped under the same associated data.
package struct Sealer: Sendable {
    private static let version: UInt8 = 0x04
    private static let suite: UInt8 = 0x01
    private static let keyIDLength = 8
    private static let wrappedLength = 12 + 32 + 16
    private static let headerLength = 2 + keyIDLength + 2

    private let keyEncryptionKey: SymmetricKey
    private let keyIDOctets: [UInt8]
    private let pepper: SymmetricKey
    private let cursorKey: SymmetricKey
    private let random: RandomSource

    package init(masterKey: MasterKey, random: RandomSource = .system) {
        keyEncryptionKey = masterKey.derive("certctl/v4/kek")
        let identity = HMAC<SHA256>.authenticationCode(
            for: Array("certctl/v4/kek-id".utf8), using: masterKey.derive("certctl/v4/kek-id"))
        keyIDOctets = Array(identity.prefix(Self.keyIDLength))
        pepper = masterKey.derive(MACLabel.apiKeyPepper.rawValue)
        cursorKey = masterKey.derive(MACLabel.cursor.rawValue)
        self.random = random
    }

    /// Identifies the key-encryption key; stored with every value.
    package var keyID: String { Hex.encode(keyIDOctets) }

    /// A value that only this key produces: stored at the first start, compared at every later one, so that a
    /// wrong key is told apart from damaged data before any traffic.
    package var keyCheckValue: String {
        let code = HMAC<SHA256>.authenticationCode(for: Array("certctl/v4/key-check".utf8), using: keyEncryptionKey)
        return Hex.encode(code)
    }

    package func accepts(keyCheckValue stored: String) -> Bool {
        ConstantTime.equal(Array(keyCheckValue.utf8), Array(stored.utf8))
    }

    package func seal(_ plaintext: [UInt8], for place: SealedPlace) -> [UInt8] {
        let associatedData = place.associatedData(keyID: keyIDOctets)
        let dataKey = random.bytes(32)
        let wrapped = encrypt(dataKey, with: keyEncryptionKey, associatedData)
        let body = encrypt(plaintext, with: SymmetricKey(data: dataKey), associatedData)
        var envelope = [Self.version, Self.suite] + keyIDOctets
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
        let keyID = Array(envelope[2..<2 + Self.keyIDLength])
        guard keyID == keyIDOctets else { throw .wrongKey(place, keyID: Hex.encode(keyID)) }
        let associatedData = place.associatedData(keyID: keyID)
        guard
            let dataKey = decrypt(envelope[Self.headerLength..<bodyStart], with: keyEncryptionKey, associatedData),
            let plaintext = decrypt(envelope[bodyStart...], with: SymmetricKey(data: dataKey), associatedData)
        else { throw .notAuthentic(place) }
        return Secret(plaintext)
    }

    /// The key id in the header of a sealed value, for rotation; `nil` when it is not of format v4.
    package static func keyID(of envelope: [UInt8]) -> String? {
        guard envelope.count > headerLength, envelope[0] == version else { return nil }
        return Hex.encode(envelope[2..<2 + keyIDLength])
    }

    /// HMAC-SHA-256 under the key derived for `label`.
    package func mac(_ label: MACLabel, _ octets: [UInt8]) -> [UInt8] {
        let key =
            switch label {
            case .apiKeyPepper: pepper
            case .cursor: cursorKey
            }
        return Array(HMAC<SHA256>.authenticationCode(for: octets, using: key))
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
