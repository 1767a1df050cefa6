import Domain

/// Whether a browser sends the session cookie along when another site links here. `None` is not a choice: such a cookie
/// would come with requests that other sites make.
package enum CookieSameSite: String, Sendable, CaseIterable {
    case lax = "Lax"
    case strict = "Strict"
}

/// Sessions of people, and local accounts (specification, security §5.3, §6).
extension ServerSettings {
    package static let sessionIdleTimeout = Setting<Duration>(
        "session.idle_timeout",
        .duration.within(.seconds(1) ... .days(30)),
        fallback: .hours(1),
        help: "After this long without a request a session is over."
    )
    package static let sessionAbsoluteTimeout = Setting<Duration>(
        "session.absolute_timeout",
        .duration.within(.seconds(1) ... .days(30)),
        fallback: .hours(8),
        help: "After this long a session is over, whatever happens; one of a local account after an hour at most."
    )
    package static let sessionKeyRetention = Setting<Duration>(
        "session.signing_key_retention",
        .duration.within(.seconds(1) ... .days(60)),
        fallback: .hours(24),
        help: "How long cookies of a signing key are accepted after it was replaced; at least the absolute timeout."
    )
    package static let sessionKeyRotation = Setting<Duration>(
        "session.signing_key_rotation",
        .duration.within(.zero ... .days(3650)),
        fallback: .days(30),
        help: "Age at which the signing key of session cookies is replaced; 0 means by hand only."
    )
    package static let sessionGCInterval = Setting<Duration>(
        "session.gc_interval",
        .duration.within(.seconds(1) ... .days(1)),
        fallback: .hours(1),
        reload: .hot,
        help: "How often sessions that are over are deleted."
    )
    package static let sessionSameSite = Setting<CookieSameSite>(
        "session.samesite",
        .choice,
        fallback: .lax,
        help: "SameSite of the session cookies. With Strict a link from another site opens the login page."
    )
    package static let sessionBindsAddress = Setting<Bool>(
        "session.bind_ip",
        .bool,
        fallback: false,
        help: "Refuse a session from another address than it began at."
    )
    package static let sessionBindsUserAgent = Setting<Bool>(
        "session.bind_user_agent",
        .bool,
        fallback: false,
        help: "Refuse a session from another browser than it began in."
    )
    package static let sessionMaxPerUser = Setting<Int>(
        "session.max_per_user",
        .int.within(1...1000),
        fallback: 10,
        help: "Sessions of one actor at once; a further one ends the oldest."
    )
    package static let breakglassEnabled = Setting<Bool>(
        "breakglass.enabled",
        .bool,
        fallback: false,
        help: "Let people sign in to local accounts with a password. Off, nothing tells that it could be on."
    )
    package static let breakglassThreshold = Setting<Int>(
        "breakglass.lockout_threshold",
        .int.within(1...1000),
        fallback: 5,
        reload: .hot,
        help: "Wrong passwords after which a local account is locked."
    )
    package static let breakglassLockDuration = Setting<Duration>(
        "breakglass.lockout_duration",
        .duration.within(.seconds(1) ... .hours(24)),
        fallback: .minutes(15),
        reload: .hot,
        help: "How long the first lock lasts; each further one is twice as long, up to a day."
    )
    package static let breakglassResetInterval = Setting<Duration>(
        "breakglass.lockout_reset_interval",
        .duration.within(.seconds(1) ... .days(30)),
        fallback: .hours(1),
        reload: .hot,
        help: "After this long without a wrong password, earlier ones are forgotten."
    )
    package static let breakglassNetworks = Setting<[String]>(
        "breakglass.allowed_cidrs",
        .addressRanges,
        fallback: [],
        derived: "empty: from anywhere",
        reload: .hot,
        help: "Networks from which people may sign in to local accounts."
    )

    package static let userRetentionInterval = Setting<Duration>(
        "user.retention_interval",
        .duration.within(.seconds(1) ... .days(30)),
        fallback: .hours(24),
        help: "How often people are looked for whose personal data is to go."
    )
    package static let userRetentionWindow = Setting<Duration>(
        "user.retention_window",
        .duration.within(.zero ... .days(3650)),
        fallback: .hours(720),
        help: "How long after deactivation a person's name and address are kept."
    )
    package static let userRetentionBatch = Setting<Int>(
        "user.retention_batch_cap",
        .int.within(1...100_000),
        fallback: 200,
        help: "The most people whose personal data goes in one run."
    )

    static let signInSettings: [SettingDeclaration] = [
        sessionIdleTimeout.declaration, sessionAbsoluteTimeout.declaration, sessionKeyRetention.declaration,
        sessionKeyRotation.declaration, sessionGCInterval.declaration, sessionSameSite.declaration,
        sessionBindsAddress.declaration, sessionBindsUserAgent.declaration, sessionMaxPerUser.declaration,
        breakglassEnabled.declaration, breakglassThreshold.declaration, breakglassLockDuration.declaration,
        breakglassResetInterval.declaration, breakglassNetworks.declaration, userRetentionInterval.declaration,
        userRetentionWindow.declaration, userRetentionBatch.declaration,
    ]
}
