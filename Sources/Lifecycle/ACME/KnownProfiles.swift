import Domain
import Query
import Store
import Synchronization

/// Profiles as they were read last: every request of a client asks for one, and hardly any of them finds it changed.
///
/// What is kept counts as long as the row has the same mark, so that a change by any replica is seen by the next request. It is
/// filled by reads alone, which see nothing that may be taken back.
final class KnownProfiles: Sendable {
    private static let most = 256

    private let kept = Mutex<[ProfileID: (mark: ProfileMark, profile: ACMEProfile)]>([:])

    /// The profile as it was in a state that was just read, from memory or else from the database; `nil` when it is gone.
    ///
    /// - `mark`: Read in `tx`, which only reads, or before it.
    func profile(_ id: ProfileID, in mark: ProfileMark, or tx: any Transaction) throws -> ACMEProfile? {
        if let known = profile(id, in: mark) { return known }
        guard let row = try ProfileStore().find(id, in: tx) else { return nil }
        let profile = ACMEProfile(id: id, fields: row.fields)
        kept.withLock { kept in
            if kept.count >= Self.most { kept = [:] }
            kept[id] = (row.mark, profile)
        }
        return profile
    }

    /// The profile, if it was read when it was in that state.
    func profile(_ id: ProfileID, in mark: ProfileMark) -> ACMEProfile? {
        kept.withLock { kept in
            guard let known = kept[id], known.mark == mark else { return nil }
            return known.profile
        }
    }
}

extension ACMEProfile {
    /// `nil` for one that is disabled.
    var enabledOnly: ACMEProfile? { fields.enabled ? self : nil }
}
