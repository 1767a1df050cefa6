import PKI
import Synchronization

/// The keys that this process made, whichever driver holds them: the one place that knows.
///
/// Of those who want the same new key at the same time one makes it before the others look for it, so that none of them
/// can take the key of its own process for somebody else's.
final class KeyMaking: Sendable {
    /// Whether there is a key now.
    private let flights = SingleFlight<KeyReference, Bool>()
    private let made = Mutex<Set<KeyReference>>([])

    func isOwn(_ key: KeyReference) -> Bool { made.withLock { $0.contains(key) } }

    func remember(_ key: KeyReference) { made.withLock { _ = $0.insert(key) } }

    func forget(_ key: KeyReference) { made.withLock { _ = $0.remove(key) } }

    /// - `reach`: Asks the driver for the key that `wanted` names, to make it when there is none.
    func obtain(
        _ wanted: KeyReference, _ reach: () async throws(SignerError) -> ReachedKey
    ) async throws(SignerError) -> ObtainedKey {
        while true {
            var own: Result<ReachedKey, SignerError>?
            let isThere: Bool
            do {
                isThere = try await flights.run(wanted) {
                    let reached = await Self.result(reach)
                    own = reached
                    guard case .success(let key) = reached else { return false }
                    if key.isNew { remember(KeyReference(driver: wanted.driver, ref: key.ref)) }
                    return true
                }
            } catch {
                throw .transient("nobody waits for the key \(wanted) any more")
            }
            // Who waited in vain may ask for another kind of key, or know the passphrase.
            guard own != nil || isThere else { continue }
            let reached = if let own { own } else { await Self.result(reach) }
            let key = try reached.get()
            let reference = KeyReference(driver: wanted.driver, ref: key.ref)
            if key.isNew { remember(reference) }
            return ObtainedKey(signer: key.signer, ref: key.ref, isNew: key.isNew, isOwn: isOwn(reference))
        }
    }

    private static func result(
        _ reach: () async throws(SignerError) -> ReachedKey
    ) async -> Result<ReachedKey, SignerError> {
        do throws(SignerError) { return .success(try await reach()) } catch { return .failure(error) }
    }
}
