import Access
import Domain
import Logging
import Settings
import Store
import Telemetry

/// Brings the keys that the settings declare into the database, once at start.
struct DeclaredKeySetup: Sendable {
    let keys: [DeclaredKey]
    /// They come from the deprecated `CERTCTL_AUTH_SECRET`.
    let isLegacy: Bool
    let flow: DeclaredKeyFlow
    let log: Logger

    /// - Throws: ``StartUpFailure`` when a declaration does not fit what is stored.
    func declare() async throws {
        if isLegacy {
            log.warn(
                "CERTCTL_AUTH_SECRET is deprecated; name its keys in CERTCTL_API_KEYS_NAMED",
                LogField("keys", keys.count)
            )
        }
        for key in keys where key.values.count == 2 {
            log.info("two values of an API key work, as in a rotation", LogField("actor", key.name))
        }
        let gone: [String]
        do {
            gone = try await flow.declare(keys.map(Self.hashed))
        } catch let error as ServiceError {
            throw StartUpFailure(.configuration, error.detail)
        }
        for name in gone {
            log.warn("an API key is no longer declared and was switched off", LogField("actor", name))
        }
    }

    private static func hashed(_ key: DeclaredKey) -> DeclaredAPIKey {
        let hashes = key.values.map { value in
            switch value {
            case .plain(let secret): DeclaredAPIKey.hash(of: secret)
            case .sha256(let digest): KeyHash(hex: digest, algorithm: .sha256)
            }
        }
        return DeclaredAPIKey(
            name: key.name, hash: hashes[0], previous: hashes.count > 1 ? hashes[1] : nil, roleID: key.roleID)
    }
}
