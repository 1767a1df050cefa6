import Domain
import Encoding
import HostEffects
import Sealing

/// The generated keys in the data directory: `keys/config.key` seals, `keys/config.key.<id>` are those of before, which
/// old backups need, or one whose activation was interrupted. All of them are read at start, and the database says which
/// one counts; so no order of writing and crashing loses a key.
struct KeyFiles: Sendable {
    private static let limit = 4096

    let directory: DataDirectory
    let fileSystem: FileSystem
    let time: TimeSource
    let random: RandomSource

    private var main: String { directory.sealingKeyFile }

    private func path(of id: String) -> String { "\(main).\(id)" }

    /// The key in the main file, made when there is none.
    func first() throws -> MasterKey {
        if let key = try read(main) { return try MasterKey(generated: key) }
        let key = MasterKey.generate(random: random)
        try write(key, to: main)
        return try MasterKey(generated: key)
    }

    /// Every other key of the directory.
    func others() throws -> [MasterKey] {
        let folder = PathText.parent(of: main)
        let prefix = "\(PathText.name(of: main))."
        let names = try fileSystem.list(folder).filter {
            $0.hasPrefix(prefix) && $0.utf8.count == prefix.utf8.count + 16
        }
        return try names.sorted().compactMap { try read("\(folder)/\($0)") }.map { try MasterKey(generated: $0) }
    }

    /// A new key, kept beside the one that seals. The server that makes it is the only one.
    func make() throws -> KeyEncryptionKey {
        let secret = MasterKey.generate(random: random)
        let key = KeyEncryptionKey(try MasterKey(generated: secret))
        try write(secret, to: path(of: key.id))
        return key
    }

    /// Puts the key that seals into the main file, and what was there beside it.
    func promote(_ id: String) throws {
        guard let current = try read(main) else { return }
        let held = KeyEncryptionKey(try MasterKey(generated: current))
        guard held.id != id, let next = try read(path(of: id)) else { return }
        try write(current, to: path(of: held.id))
        try write(next, to: main)
        try fileSystem.remove(path(of: id))
    }

    private func read(_ path: String) throws -> Secret? {
        guard var octets = try PrivateFileRule.read(path, atMost: Self.limit, fileSystem: fileSystem) else {
            return nil
        }
        defer { Erasure.erase(&octets) }
        let text = String(decoding: octets.reversed().drop { $0 <= 0x20 }.reversed(), as: UTF8.self)
        guard let key = Base64.decode(text), key.count >= MasterKey.minimumLength else {
            throw StartUpFailure(
                .configuration,
                "\(path) does not hold a key of 32 octets in base64. Restore it from a backup: without it, "
                    + "sealed configuration and the key of the built-in CA cannot be read"
            )
        }
        return Secret(key)
    }

    private func write(_ key: Secret, to path: String) throws {
        try key.withBytes { octets in
            try AtomicFile.replace(
                path, with: Array("\(Base64.encode(octets))\n".utf8), stamp: time.now.microsecondsSinceEpoch,
                fileSystem: fileSystem
            )
        }
    }
}
