import Domain
import Encoding
import HostEffects
import Query
import Sealing
import Settings
import Store

/// The root secret under which configuration and keys are sealed, and the proof that it is the right one.
struct SealingKey: Sendable {
    let sealer: Sealer
    private let derivation: SealingKeyRecord.Derivation

    /// The supplied key, else the one of the data directory, which is made at the first start on SQLite.
    ///
    /// On PostgreSQL the key must be supplied: a second replica could not read what the first had sealed.
    static func load(
        _ configuration: ServerConfiguration,
        directory: DataDirectory,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource
    ) throws -> SealingKey {
        if let passphrase = configuration.secrets.encryptionKey {
            let master = try MasterKey(passphrase: passphrase)
            return SealingKey(sealer: Sealer(masterKey: master, random: random), derivation: .pbkdf2)
        }
        guard !configuration.database.isShared else {
            throw StartUpFailure(
                .configuration,
                "CERTCTL_CONFIG_ENCRYPTION_KEY must be set with PostgreSQL, because every replica needs the same key; "
                    + "make one with: openssl rand -base64 32"
            )
        }
        let key = try generated(directory.sealingKeyFile, fileSystem: fileSystem, time: time, random: random)
        return SealingKey(sealer: Sealer(masterKey: try MasterKey(generated: key), random: random), derivation: .hkdf)
    }

    private static func generated(
        _ path: String,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource
    ) throws -> Secret {
        if let octets = try PrivateFileRule.read(path, atMost: 4096, fileSystem: fileSystem) {
            let text = String(decoding: octets, as: UTF8.self).trimmingSuffix { $0.isWhitespace }
            guard let key = Base64.decode(text), key.count >= MasterKey.minimumLength else {
                throw StartUpFailure(
                    .configuration,
                    "\(path) does not hold a key of 32 octets in base64. Restore it from a backup: without it, "
                        + "sealed configuration and the key of the built-in CA cannot be read"
                )
            }
            return Secret(key)
        }
        let key = MasterKey.generate(random: random)
        try key.withBytes { octets in
            try AtomicFile.replace(
                path, with: Array("\(Base64.encode(octets))\n".utf8), stamp: time.now.microsecondsSinceEpoch,
                fileSystem: fileSystem
            )
        }
        return key
    }

    /// Records the key's check value at the very first start; refuses a database that another key sealed.
    func verify(in database: any Database) async throws {
        let checkValue = Array(sealer.keyCheckValue.utf8)
        let active = try await database.write { [sealer, derivation] tx in
            let record = SealingKeyRecord(
                kekID: sealer.keyID,
                derivation: derivation,
                salt: derivation == .pbkdf2 ? MasterKey.passphraseSalt : nil,
                checkValue: checkValue,
                createdAt: tx.now
            )
            try SealingKeyStore().recordFirst(record, in: tx)
            return try SealingKeyStore().active(in: tx)
        }
        guard let active, ConstantTime.equal(active.checkValue, checkValue) else {
            throw StartUpFailure(
                .configuration,
                "wrong encryption key: this database was sealed with another one (key id "
                    + "\(active?.kekID ?? "unknown")). Supply that key in CERTCTL_CONFIG_ENCRYPTION_KEY, or restore "
                    + "keys/config.key of the data directory that belongs to this database"
            )
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, predicate(last) { text.removeLast() }
        return text
    }
}
