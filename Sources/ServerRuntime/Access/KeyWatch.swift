import Access
import Domain
import Lifecycle
import Logging
import Settings
import Telemetry

/// Tells the operator of keys that end, and of keys that nobody uses.
enum KeyWatch {
    static func loop(_ configuration: AccessConfiguration, _ access: AccessContext, _ log: Logger) -> KeyLoop {
        let rule = configuration.unusedKeysAfter.map {
            UnusedKeyRule(after: $0, disables: configuration.disablesUnusedKeys)
        }
        let upkeep = KeyUpkeep(access, unused: rule) { notice in
            let key = LogField("key", notice.name)
            switch notice.kind {
            case .expiring(let end):
                log.warn("an API key is about to end: rotate it", key, LogField("expires_at", end.rfc3339))
            case .expired: log.warn("an API key has ended", key)
            case .unused(let since):
                log.warn("an API key is not used: delete it", key, LogField("unused_since", since.rfc3339))
            case .switchedOff(let since):
                log.warn("an API key was not used and is off now", key, LogField("unused_since", since.rfc3339))
            }
        }
        return KeyLoop { try await upkeep.run($0) }
    }
}
