import AsyncHTTPClient
import Domain
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The connection pools of one server, one for each address that the egress guard permitted.
///
/// A pool is bound to its address: the library resolves nothing, and TLS verifies the name all the same. Names are looked
/// up again every ``answerLife``; a pool whose address has gone is not used any more.
final class PinnedClients: Sendable {
    private static let answerLife = TimeAmount.seconds(10)
    /// More pools than that are not kept.
    private static let most = 16

    private struct Answer {
        let permits: [EgressPermit]
        let until: NIODeadline
    }

    private struct State {
        var pools: [String: HTTPClient] = [:]
        var answers: [String: Answer] = [:]
        /// The address that answered last, by endpoint.
        var preferred: [String: String] = [:]
        var isShutDown = false
    }

    private let configuration: HTTPClient.Configuration
    private let isProxied: Bool
    private let egress: EgressGuard
    private let purpose: EgressPurpose
    private let state = Mutex(State())

    init(configuration: HTTPClient.Configuration, isProxied: Bool, egress: EgressGuard, purpose: EgressPurpose) {
        self.configuration = configuration
        self.isProxied = isProxied
        self.egress = egress
        self.purpose = purpose
    }

    /// Whoever lets a client go without ``shutdown()``, because something failed in between, loses its connections and not
    /// the process: a pool that is let go while it runs ends that.
    deinit {
        for pool in state.withLock({ $0.pools.values }) { pool.shutdown { _ in } }
    }

    /// Sends a request to the first permitted address that takes the connection.
    func execute(
        _ request: HTTPClientRequest, to url: HTTPSURL, deadline: NIODeadline
    ) async throws -> HTTPClientResponse {
        if isProxied {
            try egress.admit(host: url.host, port: url.port, for: purpose)
            return try await pool("proxy", pinning: nil).execute(request, deadline: deadline)
        }
        let permits = try await permits(for: url)
        var last: any Error = OutboundError(.unreachable, endpoint: url.authority, message: "no address answers")
        for permit in permits.prefix(EgressGuard.attempts) {
            do {
                let response = try await pool(permit.address, pinning: (url.host, permit.address))
                    .execute(request, deadline: deadline)
                state.withLock { $0.preferred[url.authority] = permit.address }
                return response
            } catch  where Self.isRefusedConnection(error) && NIODeadline.now() < deadline {
                last = error
            }
        }
        throw last
    }

    func shutdown() async throws {
        let pools = state.withLock { state in
            state.isShutDown = true
            defer { state.pools = [:] }
            return Array(state.pools.values)
        }
        for pool in pools { try await pool.shutdown() }
    }

    /// Permitted addresses, the one that answered last in front.
    private func permits(for url: HTTPSURL) async throws(OutboundError) -> [EgressPermit] {
        let known = state.withLock { $0.answers[url.authority] }
        let permits: [EgressPermit]
        if let known, known.until > .now() {
            permits = known.permits
        } else {
            permits = try await egress.permits(host: url.host, port: url.port, for: purpose)
            state.withLock {
                if $0.answers.count >= Self.most { $0.answers = [:] }
                $0.answers[url.authority] = Answer(permits: permits, until: .now() + Self.answerLife)
            }
        }
        let preferred = state.withLock { $0.preferred[url.authority] }
        return permits.filter { $0.address == preferred } + permits.filter { $0.address != preferred }
    }

    /// - `pinning`: The host of the URL and the address that stands for it.
    private func pool(_ key: String, pinning: (host: String, address: String)?) async throws -> HTTPClient {
        let (pool, surplus) = try state.withLock { state -> (HTTPClient, [HTTPClient]) in
            guard !state.isShutDown else { throw HTTPClientError.alreadyShutdown }
            let key = pinning.map { "\($0.host) \(key)" } ?? key
            if let pool = state.pools[key] { return (pool, []) }
            var surplus: [HTTPClient] = []
            if state.pools.count >= Self.most {
                surplus = Array(state.pools.values)
                state.pools = [:]
            }
            var pinned = configuration
            if let pinning, pinning.host != pinning.address { pinned.dnsOverride = [pinning.host: pinning.address] }
            let pool = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: pinned)
            state.pools[key] = pool
            return (pool, surplus)
        }
        for old in surplus { try? await old.shutdown() }
        return pool
    }

    /// Nothing was sent: the connection itself was not taken.
    private static func isRefusedConnection(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError: true
        case let error as IOError:
            [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT].contains(error.errnoCode)
        case let error as HTTPClientError: error == .connectTimeout
        default: false
        }
    }
}
