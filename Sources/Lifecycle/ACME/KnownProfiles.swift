import Domain
import Store
import Synchronization

/// Profiles as they were read last: every request of a client asks for one, and hardly any of them finds it changed.
///
/// What is kept counts as long as the row has the same mark, so that a change by any replica is seen by the next request. It is
/// filled by reads alone, which see nothing that may be taken back.
final class KnownProfiles: Sendable {
    private static let most = 256

    private let kept = Mutex<[ProfileID: (mark: ProfileMark, profile: ACMEProfile)]>([:])

    /// The profile, if it was read when it was in that state.
    func profile(_ id: ProfileID, in mark: ProfileMark) -> ACMEProfile? {
        kept.withLock { kept in
            guard let known = kept[id], known.mark == mark else { return nil }
            return known.profile
        }
    }

    func keep(_ profile: ACMEProfile, in mark: ProfileMark) {
        kept.withLock { kept in
            if kept.count >= Self.most { kept = [:] }
            kept[profile.id] = (mark, profile)
        }
    }
}

extension ACMEProfile {
    /// `nil` for one that is disabled.
    var enabledOnly: ACMEProfile? { fields.enabled ? self : nil }
}
