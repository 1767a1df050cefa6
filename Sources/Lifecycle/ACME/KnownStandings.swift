import Domain
package import Store
import Synchronization

/// An account that may order, and its profile, as they were read together.
package struct ACMEStanding: Sendable {
    package let account: ACMEAccount
    package let profile: ACMEProfile
    /// In which state the profile was read.
    let mark: ProfileMark
}

/// Accounts that were in use when they were read last, with their profiles: most requests come from one that has not changed.
///
/// A request may rest on what is kept when the statement that uses up its nonce finds both rows in the same state
/// (``ACMENonces/redeem(_:while:)``); so a change by any replica is seen by the next request. It is filled by reads alone, which
/// see nothing that may be taken back.
final class KnownStandings: Sendable {
    private static let most = 1024

    private let kept = Mutex<[ACMEAccountID: ACMEStanding]>([:])

    /// What was known of an account; `nil` for one of another profile, too.
    func standing(of account: ACMEAccountID, under profile: ProfileID) -> ACMEStanding? {
        kept.withLock { kept in
            guard let known = kept[account], known.profile.id == profile else { return nil }
            return known
        }
    }

    /// Keeps an account that may order under a profile, and forgets one that may not.
    func keep(_ account: ACMEAccount, under profile: ACMEProfile, in mark: ProfileMark) {
        let isUsable = account.status == .valid && account.profileID == profile.id && profile.fields.enabled
        kept.withLock { kept in
            if kept.count >= Self.most { kept = [:] }
            kept[account.id] = isUsable ? ACMEStanding(account: account, profile: profile, mark: mark) : nil
        }
    }
}
