import Crypto
package import Domain
import Encoding
import Synchronization

/// A key-encryption key, derived from a root secret, under the name that sealed values know it by.
package struct KeyEncryptionKey: Sendable, CustomStringConvertible, CustomReflectable {
    /// Sixteen hexadecimal digits.
    package let id: String
    package let derivation: MasterKey.Derivation
    let idOctets: [UInt8]
    let key: SymmetricKey
    let master: MasterKey

    package init(_ master: MasterKey) {
        self.master = master
        key = master.derive("certctl/v4/kek")
        let identity = HMAC<SHA256>.authenticationCode(
            for: Array("certctl/v4/kek-id".utf8), using: master.derive("certctl/v4/kek-id"))
        idOctets = Array(identity.prefix(KeyRing.idLength))
        id = Hex.encode(idOctets)
        derivation = master.derivation
    }

    /// A value that only this key produces: stored when the key is first used, compared at every later start, so that a
    /// wrong key is told apart from damaged data before any traffic.
    package var checkValue: String {
        Hex.encode(HMAC<SHA256>.authenticationCode(for: Array("certctl/v4/key-check".utf8), using: key))
    }

    package func accepts(checkValue stored: [UInt8]) -> Bool {
        ConstantTime.equal(Array(checkValue.utf8), stored)
    }

    /// The keys of authentication codes as they follow from this root, by purpose.
    package var codeKeys: [MACLabel: Secret] {
        Dictionary(
            uniqueKeysWithValues: MACLabel.allCases.map { label in
                (label, Secret(master.derive(label.rawValue).withUnsafeBytes { Array($0) }))
            })
    }

    package var description: String { "key \(id)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Every key-encryption key that this process holds, and which of them seals: one ring for the whole process, so that a
/// rotation takes effect everywhere at once (ADR-0012).
package final class KeyRing: Sendable {
    static let idLength = 8

    private struct State {
        var keys: [String: KeyEncryptionKey]
        var active: KeyEncryptionKey
        var codeKeys: [MACLabel: SymmetricKey]
    }

    /// The key that the settings ask for; it seals once the database says so.
    package let wanted: KeyEncryptionKey
    private let state: Mutex<State>

    /// - `others`: Keys that values may still be sealed under, or will be.
    package init(_ wanted: MasterKey, others: [MasterKey] = []) {
        let first = KeyEncryptionKey(wanted)
        var keys = [first.id: first]
        for key in others.map({ KeyEncryptionKey($0) }) where keys[key.id] == nil { keys[key.id] = key }
        self.wanted = first
        state = Mutex(State(keys: keys, active: first, codeKeys: Self.symmetric(first.codeKeys)))
    }

    package var active: KeyEncryptionKey { state.withLock(\.active) }

    package var ids: [String] { state.withLock { $0.keys.keys.sorted() } }

    package func key(_ id: String) -> KeyEncryptionKey? { state.withLock { $0.keys[id] } }

    /// Makes a key known that was made while the process runs.
    package func add(_ key: KeyEncryptionKey) { state.withLock { $0.keys[key.id] = key } }

    /// Seals with `id` from now on; false when this process does not hold that key.
    package func activate(_ id: String) -> Bool {
        state.withLock { state in
            guard let key = state.keys[id] else { return false }
            state.active = key
            return true
        }
    }

    /// Uses these keys for authentication codes, whatever the root is: they outlive its rotation.
    package func use(codeKeys: [MACLabel: Secret]) {
        let keys = Self.symmetric(codeKeys)
        state.withLock { state in state.codeKeys.merge(keys) { _, new in new } }
    }

    /// The passphrases among the roots, which formats before v4 were sealed under, the wanted one first.
    package var passphrases: [Secret] {
        let keys = state.withLock { Array($0.keys.values) }
        let others = keys.filter { $0.id != wanted.id }.sorted { $0.id < $1.id }
        return ([wanted] + others).compactMap(\.master.passphrase)
    }

    func codeKey(_ label: MACLabel) -> SymmetricKey {
        state.withLock { $0.codeKeys[label] } ?? wanted.master.derive(label.rawValue)
    }

    private static func symmetric(_ keys: [MACLabel: Secret]) -> [MACLabel: SymmetricKey] {
        keys.mapValues { secret in secret.withBytes { SymmetricKey(data: $0) } }
    }
}
