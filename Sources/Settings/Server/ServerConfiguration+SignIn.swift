import Domain

/// Sessions of people, and local accounts.
package struct SignInConfiguration: Sendable {
    package let idleTimeout: Duration
    package let absoluteTimeout: Duration
    package let keyRetention: Duration
    /// Zero: by hand only.
    package let keyRotation: Duration
    package let gcInterval: Duration
    package let sameSite: CookieSameSite
    package let bindsAddress: Bool
    package let bindsUserAgent: Bool
    package let maxPerUser: Int
    package let isBreakglassEnabled: Bool
    package let lockoutThreshold: Int
    package let lockoutDuration: Duration
    package let lockoutResetInterval: Duration
    package let breakglassNetworks: [String]
    package let retentionInterval: Duration
    /// How long after deactivation personal data is kept.
    package let retentionWindow: Duration
    package let retentionBatch: Int

    init(reading reader: inout SettingReader) {
        idleTimeout = reader.read(ServerSettings.sessionIdleTimeout)
        absoluteTimeout = reader.read(ServerSettings.sessionAbsoluteTimeout)
        keyRetention = reader.read(ServerSettings.sessionKeyRetention)
        keyRotation = reader.read(ServerSettings.sessionKeyRotation)
        gcInterval = reader.read(ServerSettings.sessionGCInterval)
        sameSite = reader.read(ServerSettings.sessionSameSite)
        bindsAddress = reader.read(ServerSettings.sessionBindsAddress)
        bindsUserAgent = reader.read(ServerSettings.sessionBindsUserAgent)
        maxPerUser = reader.read(ServerSettings.sessionMaxPerUser)
        isBreakglassEnabled = reader.read(ServerSettings.breakglassEnabled)
        lockoutThreshold = reader.read(ServerSettings.breakglassThreshold)
        lockoutDuration = reader.read(ServerSettings.breakglassLockDuration)
        lockoutResetInterval = reader.read(ServerSettings.breakglassResetInterval)
        breakglassNetworks = reader.read(ServerSettings.breakglassNetworks)
        retentionInterval = reader.read(ServerSettings.userRetentionInterval)
        retentionWindow = reader.read(ServerSettings.userRetentionWindow)
        retentionBatch = reader.read(ServerSettings.userRetentionBatch)
        if idleTimeout > absoluteTimeout {
            reader.reject(
                ServerSettings.sessionIdleTimeout,
                because: "\(DurationText.text(idleTimeout)) is longer than CERTCTL_SESSION_ABSOLUTE_TIMEOUT, "
                    + "\(DurationText.text(absoluteTimeout)), so it would never count; lower it"
            )
        }
        if keyRetention < absoluteTimeout {
            reader.reject(
                ServerSettings.sessionKeyRetention,
                because: "\(DurationText.text(keyRetention)) is shorter than CERTCTL_SESSION_ABSOLUTE_TIMEOUT, "
                    + "\(DurationText.text(absoluteTimeout)), so every rotation would sign people out; raise it"
            )
        }
    }
}
