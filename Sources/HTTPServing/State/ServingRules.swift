import Synchronization

/// What settings say about requests, as it can change while the server runs. Takes effect with the next request.
package final class ServingRules: Sendable {
    private struct State {
        var cors = CORSPolicy(origins: [])
        var proxies = TrustedProxies(ranges: [])
        var limits = ListenerLimits()
        var publicOrigin: String?
    }

    private let state = Mutex(State())

    init() {}

    package var cors: CORSPolicy {
        get { state.withLock { $0.cors } }
        set { state.withLock { $0.cors = newValue } }
    }

    package var proxies: TrustedProxies {
        get { state.withLock { $0.proxies } }
        set { state.withLock { $0.proxies = newValue } }
    }

    /// The origin of our own pages; `nil` when the operator named none, so that it is the one that a client speaks to.
    package var publicOrigin: String? {
        get { state.withLock { $0.publicOrigin } }
        set { state.withLock { $0.publicOrigin = newValue } }
    }

    /// Of these the listener keeps the timeouts and the number of connections from its start.
    package var limits: ListenerLimits {
        get { state.withLock { $0.limits } }
        set { state.withLock { $0.limits = newValue } }
    }
}
