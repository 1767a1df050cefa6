import Domain

/// How local passwords are guarded (specification, security §6).
package struct BreakglassPolicy: Sendable {
    /// Wrong passwords until an account is locked.
    package var lockoutThreshold = 5
    /// The first lock; each further one is twice as long as the one before, up to a day.
    package var lockoutDuration = Duration.minutes(15)
    /// After this long without a failure, earlier ones are forgotten.
    package var resetInterval = Duration.hours(1)
    /// Networks to sign in from; empty for anywhere.
    package var allowedNetworks: [String] = []

    package init() {}

    static let longestLock = Duration.hours(24)

    /// How long the lock number `count` lasts.
    func lock(_ count: Int) -> Duration {
        var duration = min(lockoutDuration, Self.longestLock)
        for _ in 1..<max(1, min(count, 12)) { duration = min(duration * 2, Self.longestLock) }
        return duration
    }
}

/// How an attempt to sign in with a password ended, for the alarm.
package enum BreakglassOutcome: String, Sendable, CaseIterable {
    case success
    case unknown = "no_credential_or_lookup_error"
    case locked
    case wrongPassword = "wrong_password"
    case wrongCode = "wrong_code"
    case deactivated
    case notPermitted = "not_permitted"
    case foreignNetwork = "foreign_network"
}
