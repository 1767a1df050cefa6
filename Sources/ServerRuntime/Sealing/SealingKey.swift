import Domain
import Encoding
import HostEffects
import Sealing
import Settings

/// The root secrets under which configuration and keys are sealed.
struct SealingKey: Sendable {
    let sealer: Sealer
    let provider: KEKProvider
    /// The generated keys; `nil` when the operator supplies them.
    let files: KeyFiles?

    /// The supplied keys, else those of the data directory, where the first is made at the first start on SQLite.
    ///
    /// On PostgreSQL the key must be supplied: a second replica could not read what the first had sealed.
    static func load(
        _ configuration: ServerConfiguration,
        directory: DataDirectory,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource
    ) throws -> SealingKey {
        let secrets = configuration.secrets
        if let given = secrets.encryptionKey {
            let ring = KeyRing(
                try MasterKey(passphrase: given),
                others: generated(given) + (try secrets.previousEncryptionKeys.flatMap(candidates))
            )
            return SealingKey(
                sealer: Sealer(ring: ring, random: random), provider: secrets.keyProvider, files: nil)
        }
        guard !configuration.database.isShared else {
            throw StartUpFailure(
                .configuration,
                "CERTCTL_CONFIG_ENCRYPTION_KEY must be set with PostgreSQL, because every replica needs the same key; "
                    + "make one with: openssl rand -base64 32"
            )
        }
        let files = KeyFiles(directory: directory, fileSystem: fileSystem, time: time, random: random)
        let previous = try secrets.previousEncryptionKeys.flatMap(candidates)
        let ring = KeyRing(try files.first(), others: try files.others() + previous)
        return SealingKey(sealer: Sealer(ring: ring, random: random), provider: .file, files: files)
    }

    /// What a supplied text may have been the key as: a passphrase, or the content of a generated key file.
    private static func candidates(_ text: Secret) throws -> [MasterKey] {
        [try MasterKey(passphrase: text)] + generated(text)
    }

    private static func generated(_ text: Secret) -> [MasterKey] {
        guard let octets = text.withText({ Base64.decode($0) }), octets.count == MasterKey.minimumLength,
            let key = try? MasterKey(generated: Secret(octets))
        else { return [] }
        return [key]
    }
}
