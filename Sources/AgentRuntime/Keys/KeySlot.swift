import Domain
import Encoding
import PKI

/// What went wrong with the keys of a certificate on this host.
enum KeySlotError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The version's key file holds another key: two orders were given one version identifier.
    case versionTaken(VersionID)
    case unknownVersion(VersionID)
    /// `pending` names the key that waits for its version.
    case reservedVersion(VersionID)

    var description: String {
        switch self {
        case .versionTaken(let version): "another private key is already stored for version \(version)"
        case .unknownVersion(let version): "no private key is stored for version \(version)"
        case .reservedVersion(let version): "“\(version)” cannot be the identifier of a version"
        }
    }
}

/// The private keys of one certificate on this host (specification, targets §1.8).
///
/// ```
/// <key dir>/<certificate id>/
///     pending.key         waits for the control plane to name its version
///     <version id>.key    one for each version
///     current             symbolic link to the version proven last
///     slot.json           the versions in the order they were pinned
/// ```
///
/// A key is on disk, synchronised, before anything made with it leaves the host; no operation removes the key of the
/// proven version or of a version younger than it. Every operation may be cut off at any step and repeated.
struct KeySlot: Sendable {
    static let pendingName = "pending.key"
    static let currentName = "current"
    static let indexName = "slot.json"
    private static let suffix = ".key"
    private static let unusedPrefix = "unused-"

    let folder: DurableFolder
    /// Generations kept behind the proven one.
    let history: Int
    let generate: @Sendable (KeySpec) throws -> PrivateKey

    /// The key for the next signing request: the waiting one, whose earlier request may have been signed, or a new
    /// one. A waiting key of another kind is put aside, not removed: its version may still arrive.
    func pendingKey(for spec: KeySpec) throws -> PrivateKey {
        try folder.prepare()
        if let waiting = try readKey(Self.pendingName) {
            if waiting.publicKey.name == spec.rawValue { return waiting }
            try folder.rename(Self.pendingName, to: Self.aside(waiting))
        }
        let fresh = try generate(spec)
        try write(fresh, to: Self.pendingName)
        return fresh
    }

    /// Keeps a key that was made elsewhere until its version is known.
    func keep(_ key: PrivateKey) throws {
        try folder.prepare()
        if try self.key(matching: key.publicKey, version: nil) == nil { try write(key, to: Self.aside(key)) }
    }

    private static func aside(_ key: PrivateKey) -> String {
        unusedPrefix + key.publicKey.spkiSHA256.prefix(16) + suffix
    }

    /// Gives `key` the name of the version that was issued for it.
    func pin(_ key: PrivateKey, to version: VersionID) throws {
        guard version.text + Self.suffix != Self.pendingName, !version.text.hasPrefix(Self.unusedPrefix) else {
            throw KeySlotError.reservedVersion(version)
        }
        try folder.prepare()
        let name = version.text + Self.suffix
        if let stored = try readKey(name) {
            guard stored.publicKey == key.publicKey else { throw KeySlotError.versionTaken(version) }
        }
        try record(version)
        let waiting = try [Self.pendingName, Self.aside(key)].first { try readKey($0)?.publicKey == key.publicKey }
        if let waiting {
            try folder.rename(waiting, to: name)
        } else if try !folder.exists(name) {
            try write(key, to: name)
        }
    }

    /// The key whose public half is `publicKey`, wherever it waits; pins it to `version` when that is known.
    func key(matching publicKey: SubjectPublicKey, version: VersionID?) throws -> PrivateKey? {
        guard try folder.exists("") else { return nil }
        var names = try folder.names().filter { $0.hasSuffix(Self.suffix) }
        if let version, let index = names.firstIndex(of: version.text + Self.suffix) { names.swapAt(0, index) }
        for name in names {
            guard let key = try readKey(name), key.publicKey == publicKey else { continue }
            if let version, name != version.text + Self.suffix { try pin(key, to: version) }
            return key
        }
        return nil
    }

    /// Whether the slot holds any key: tells a missing key from one of another certificate.
    func isEmpty() throws -> Bool {
        guard try folder.exists("") else { return true }
        return try !folder.names().contains { $0.hasSuffix(Self.suffix) }
    }

    /// The version whose deployment was proven last.
    func currentVersion() throws -> VersionID? {
        guard let name = try folder.linkTarget(Self.currentName), name.hasSuffix(Self.suffix) else { return nil }
        return try? VersionID(String(name.dropLast(Self.suffix.count)))
    }

    /// Makes a proven version the current one and removes generations beyond the history, overwriting them.
    ///
    /// A version pinned before the current one changes nothing: a late deployment never turns the slot back.
    func promote(_ version: VersionID) throws {
        guard try folder.exists(version.text + Self.suffix) else { throw KeySlotError.unknownVersion(version) }
        try record(version)
        let order = try generations()
        if let current = try currentVersion(), let newest = order.firstIndex(of: current),
            let offered = order.firstIndex(of: version), offered < newest
        {
            return
        }
        try folder.link(Self.currentName, to: version.text + Self.suffix)
        try prune(behind: version, order: order)
    }

    private func prune(behind current: VersionID, order: [VersionID]) throws {
        guard let index = order.firstIndex(of: current) else { return }
        let expired = order[..<max(0, index - history)]
        for version in expired { try folder.shred(version.text + Self.suffix) }
        for name in try folder.names() where name.hasPrefix(Self.unusedPrefix) { try folder.shred(name) }
        if !expired.isEmpty { try write(Array(order[expired.endIndex...])) }
    }

    private func record(_ version: VersionID) throws {
        let order = try generations()
        if !order.contains(version) { try write(order + [version]) }
    }

    private func generations() throws -> [VersionID] {
        guard let octets = try folder.read(Self.indexName) else { return [] }
        let names = (try JSONValue(parsing: octets))["generations"]?.arrayValue ?? []
        return names.compactMap { $0.stringValue }.compactMap { try? VersionID($0) }
    }

    private func write(_ order: [VersionID]) throws {
        let index: JSONValue = ["generations": JSONValue(order.map(\.text))]
        try folder.write(Self.indexName, octets: index.octets)
    }

    private func readKey(_ name: String) throws -> PrivateKey? {
        guard let octets = try folder.read(name) else { return nil }
        return try PrivateKey(pem: Secret(octets))
    }

    /// PKCS#8, mode 0600, synchronised with its directory when this returns.
    private func write(_ key: PrivateKey, to name: String) throws {
        try key.pkcs8PEM.withBytes { octets in try folder.write(name, octets: octets) }
    }
}
