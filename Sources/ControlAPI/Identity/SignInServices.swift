package import Access
package import Domain
package import HTTPServing

/// What the handlers of sign-in, sessions and people work with.
package struct SignInServices: Sendable {
    package var sessions: SessionFlow
    package var recogniser: SessionAuthenticator
    package var keys: SessionKeyFlow
    package var breakglass: BreakglassFlow
    package var localUsers: LocalUserFlow
    package var users: UserFlow
    package var cookies: SessionCookies
    package var time: TimeSource
    /// The settings of sign-in as they are in force, without secrets.
    package var runtimeConfig: @Sendable () -> [String: String]

    package init(
        sessions: SessionFlow, recogniser: SessionAuthenticator, keys: SessionKeyFlow, breakglass: BreakglassFlow,
        localUsers: LocalUserFlow, users: UserFlow, cookies: SessionCookies, time: TimeSource,
        runtimeConfig: @escaping @Sendable () -> [String: String]
    ) {
        self.sessions = sessions
        self.recogniser = recogniser
        self.keys = keys
        self.breakglass = breakglass
        self.localUsers = localUsers
        self.users = users
        self.cookies = cookies
        self.time = time
        self.runtimeConfig = runtimeConfig
    }
}
