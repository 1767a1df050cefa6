package import Domain

/// How long sessions live, and what they are bound to (specification, security §5.3).
package struct SessionPolicy: Sendable {
    package var idleTimeout = Duration.hours(1)
    package var absoluteTimeout = Duration.hours(8)
    /// Sessions of local accounts are for an emergency.
    package var breakglassTimeout = Duration.hours(1)
    /// How long a key that signs no more still verifies.
    package var keyRetention = Duration.hours(24)
    package var keyRotation = Duration.days(30)
    /// The oldest makes room.
    package var maxPerUser = 10
    package var bindsAddress = false
    package var bindsUserAgent = false

    package init() {}

    /// How often a use is noted: once a minute, and often enough for a short idle timeout.
    var noteInterval: Duration { min(.seconds(60), idleTimeout / 4) }
}

/// What a browser is given: the contents of the two cookies.
package struct SessionCredentials: Sendable {
    /// `nil`: the browser keeps the one it has.
    package let token: Secret?
    package let csrfToken: Secret
    package let endsAt: Timestamp
}
