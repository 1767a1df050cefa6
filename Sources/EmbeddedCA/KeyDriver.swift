package import Domain
package import PKI
import Synchronization

/// Where a key lives: the stored pair of driver name and reference (issuers §5.1). Never key octets.
package struct KeyReference: Hashable, Sendable, CustomStringConvertible {
    package let driver: String
    package let ref: String

    package init(driver: String, ref: String) {
        self.driver = driver
        self.ref = ref
    }

    package var description: String { "\(driver):\(ref)" }
}

/// A way to reach keys. Calls may come concurrently; loading the same reference twice gives equal signers.
package protocol KeyDriver: Sendable {
    /// Stored in rows: `file`, `memory`, `database` …
    var name: String { get }

    /// A signer for the key under `ref`, which may be used for `purposes` and nothing else.
    func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer

    /// Makes a key that nothing else knows yet. `label` is a name for people; a driver refuses one that is taken.
    func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String)

    /// The key that `ref` names, made when there is none: whoever is interrupted and asks again gets the same key.
    ///
    /// - `spec`: What to make; a key that is there already must be of this kind. `nil` takes any kind, and makes the
    ///   usual one.
    func obtain(_ spec: KeySpec?, at ref: String, for purposes: SigningPurposes) async throws(SignerError)
        -> ReachedKey

    /// Whether there is a key under `ref`. Throws when it could neither be used nor made now.
    func examine(_ ref: String) async throws(SignerError) -> Bool

    /// Removes a key that was made for a CA and that nobody uses.
    ///
    /// - `isOwn`: Whether this process made it. A driver whose references may name the key of somebody else removes no
    ///   other.
    func discard(_ ref: String, isOwn: Bool) async throws(SignerError)

    /// The reference of another key of this name beside the one under `ref`: in the same token, in the same process.
    /// `nil` for a driver whose keys this process reads.
    func neighbour(of ref: String, named name: String) throws(SignerError) -> String?

    /// This driver for a key that has a passphrase of its own; the same one where keys have none.
    func unlocking(with passphrase: Secret) -> any KeyDriver
}

/// What a driver gave for a reference.
package struct ReachedKey: Sendable {
    package let signer: any Signer
    /// The reference to store, which names this key and no other.
    package let ref: String
    /// Whether this very call made it, so that nobody else has it yet.
    package let isNew: Bool

    package init(signer: any Signer, ref: String, isNew: Bool) {
        self.signer = signer
        self.ref = ref
        self.isNew = isNew
    }
}

/// A key by the reference that is stored for it, which names this key and no other.
package struct ObtainedKey: Sendable {
    package let signer: any Signer
    package let ref: String
    /// Whether this very call made it, so that nobody else has it yet.
    package let isNew: Bool
    /// Whether this process made it, by this call or by one that came together with it.
    package let isOwn: Bool
}

extension KeyDriver {
    package func obtain(
        _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> ReachedKey {
        ReachedKey(signer: try await load(ref, for: purposes), ref: ref, isNew: false)
    }

    package func examine(_ ref: String) async throws(SignerError) -> Bool {
        do {
            _ = try await load(ref, for: .authority)
            return true
        } catch .keyNotFound {
            return false
        } catch {
            throw error
        }
    }

    package func discard(_ ref: String, isOwn: Bool) async throws(SignerError) {
        throw .unsupported("key driver \(name) removes no keys")
    }

    package func neighbour(of ref: String, named name: String) throws(SignerError) -> String? { nil }

    package func unlocking(with passphrase: Secret) -> any KeyDriver { self }

    package func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String) {
        throw .unsupported("key driver \(name) makes no keys")
    }
}

/// Keys kept as PEM in sealed rows.
///
/// This module does no I/O: the closure reads and unseals, and names what went wrong.
package struct StoredKeyDriver: KeyDriver {
    package let name: String
    private let read: @Sendable (String) async throws(SignerError) -> Secret

    /// References are `dbkey-…`.
    package static func database(
        read: @escaping @Sendable (String) async throws(SignerError) -> Secret
    ) -> StoredKeyDriver { StoredKeyDriver(name: "database", read: read) }

    private init(name: String, read: @escaping @Sendable (String) async throws(SignerError) -> Secret) {
        self.name = name
        self.read = read
    }

    package func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
        let pem = try await read(ref)
        do throws(KeyError) {
            return InProcessSigner(key: try PrivateKey(pem: pem), purposes: purposes)
        } catch {
            throw .unsupported("\(name):\(ref): \(error)")
        }
    }
}

/// Keys of this process alone: tests and demonstrations.
package final class MemoryKeyDriver: KeyDriver {
    package let name = "memory"
    private let keys = Mutex<[String: PrivateKey]>([:])

    package init() {}

    /// Takes a key in and returns its reference, `mem-<n>`.
    package func adopt(_ key: PrivateKey) -> KeyReference {
        let ref = keys.withLock { keys in
            let ref = "mem-\(keys.count + 1)"
            keys[ref] = key
            return ref
        }
        return KeyReference(driver: name, ref: ref)
    }

    package func generate(
        _ spec: KeySpec, label: String, for purposes: SigningPurposes
    ) async throws(SignerError) -> (signer: any Signer, ref: String) {
        let key = try await SigningExecutor.computing.generate(spec)
        return (InProcessSigner(key: key, purposes: purposes), adopt(key).ref)
    }

    package func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
        guard let key = keys.withLock({ $0[ref] }) else { throw .keyNotFound("memory:\(ref)") }
        return InProcessSigner(key: key, purposes: purposes)
    }
}

/// The drivers of this process, by name.
package struct KeyDriverRegistry: Sendable {
    private let drivers: [String: any KeyDriver]
    private let making: KeyMaking

    package init(_ drivers: [any KeyDriver]) { self.init(drivers, KeyMaking()) }

    private init(_ drivers: [any KeyDriver], _ making: KeyMaking) {
        self.drivers = Dictionary(drivers.map { ($0.name, $0) }) { first, _ in first }
        self.making = making
    }

    /// The drivers for an authority whose key has a passphrase of its own.
    package func unlocking(with passphrase: Secret?) -> KeyDriverRegistry {
        guard let passphrase else { return self }
        return KeyDriverRegistry(drivers.values.map { $0.unlocking(with: passphrase) }, making)
    }

    /// The names, sorted.
    package var names: [String] { drivers.keys.sorted() }

    package func load(
        _ reference: KeyReference, for purposes: SigningPurposes = .authority
    ) async throws(SignerError) -> any Signer {
        try await driver(reference.driver).load(reference.ref, for: purposes)
    }

    package func generate(
        _ spec: KeySpec, by name: String, label: String, for purposes: SigningPurposes = .authority
    ) async throws(SignerError) -> (signer: any Signer, reference: KeyReference) {
        let (signer, ref) = try await driver(name).generate(spec, label: label, for: purposes)
        let reference = KeyReference(driver: name, ref: ref)
        making.remember(reference)
        return (signer, reference)
    }

    /// As ``KeyDriver/obtain(_:at:for:)``. Of those who come together one makes the key; all know that it is their own.
    package func obtain(
        _ spec: KeySpec?, at reference: KeyReference, for purposes: SigningPurposes = .authority
    ) async throws(SignerError) -> ObtainedKey {
        let driver = try driver(reference.driver)
        return try await making.obtain(reference) { () throws(SignerError) in
            try await driver.obtain(spec, at: reference.ref, for: purposes)
        }
    }

    /// As ``KeyDriver/neighbour(of:named:)``.
    package func neighbour(of reference: KeyReference, named name: String) throws(SignerError) -> KeyReference? {
        try driver(reference.driver).neighbour(of: reference.ref, named: name)
            .map { KeyReference(driver: reference.driver, ref: $0) }
    }

    package func examine(_ reference: KeyReference) async throws(SignerError) -> Bool {
        try await driver(reference.driver).examine(reference.ref)
    }

    package func discard(_ reference: KeyReference) async throws(SignerError) {
        try await driver(reference.driver).discard(reference.ref, isOwn: making.isOwn(reference))
        making.forget(reference)
    }

    private func driver(_ name: String) throws(SignerError) -> any KeyDriver {
        guard let driver = drivers[name] else {
            throw .unsupported(
                "key driver \(name) is not built in; available: \(names.joined(separator: ", "))")
        }
        return driver
    }
}
