import Domain
import Encoding
import Outbound
import Synchronization

/// What proves the control plane to the agent, and the agent to the control plane.
struct ConnectionCredentials: Sendable {
    let trust: TrustAnchors
    /// Header fields that authenticate the agent.
    let headers: [(name: String, value: Secret)]

    static func bearer(_ key: Secret) -> (name: String, value: Secret) {
        ("Authorization", Secret(key.withText { "Bearer \($0)" }))
    }
}

/// The HTTPS side of a ``Transport``. Credentials can be read anew while requests are under way.
final class ControlPlaneConnection: Sendable {
    private struct Client: Sendable {
        let http: OutboundHTTP
        let headers: [(name: String, value: Secret)]
    }

    private struct Clients: Sendable {
        var current: Client
        /// Serves requests that began before the last reload; closed at the next one.
        var previous: Client?
    }

    private let url: HTTPSURL
    private let userAgent: String
    private let proxy: OutboundProxy?
    private let load: @Sendable () throws -> ConnectionCredentials
    private let clients: Mutex<Clients>
    private let time: TimeSource
    private let random: RandomSource

    /// - Throws: What `load` throws, and when a trust anchor is not usable.
    init(
        url: HTTPSURL,
        userAgent: String,
        proxy: OutboundProxy?,
        time: TimeSource,
        random: RandomSource,
        load: @escaping @Sendable () throws -> ConnectionCredentials
    ) throws {
        self.url = url
        self.userAgent = userAgent
        self.proxy = proxy
        self.load = load
        self.time = time
        self.random = random
        clients = Mutex(Clients(current: try Self.connect(load(), userAgent: userAgent, proxy: proxy)))
    }

    var transport: Transport { Transport { call in try await self.exchange(call) } }

    /// Reads credentials and trust anchors anew; on failure the old ones stay in force.
    func reload() async throws {
        let fresh = try Self.connect(load(), userAgent: userAgent, proxy: proxy)
        let expired = clients.withLock { clients -> Client? in
            let expired = clients.previous
            clients.previous = clients.current
            clients.current = fresh
            return expired
        }
        try await expired?.http.shutdown()
    }

    func shutdown() async throws {
        let (current, previous) = clients.withLock { ($0.current, $0.previous) }
        try await previous?.http.shutdown()
        try await current.http.shutdown()
    }

    private static func connect(
        _ credentials: ConnectionCredentials,
        userAgent: String,
        proxy: OutboundProxy?
    ) throws -> Client {
        Client(
            http: try OutboundHTTP(
                purpose: .controlPlane,
                trust: credentials.trust,
                userAgent: userAgent,
                proxy: proxy
            ),
            headers: credentials.headers
        )
    }

    /// The trust anchors may have been renewed on disk: a failed verification reads them anew, once.
    func exchange(_ call: ControlPlaneCall) async throws -> ControlPlaneAnswer {
        do {
            return try await attempt(call)
        } catch let error as ControlPlaneError where error.kind == .untrusted {
            do { try await reload() } catch { throw error }
            return try await attempt(call)
        }
    }

    private func attempt(_ call: ControlPlaneCall) async throws -> ControlPlaneAnswer {
        let client = clients.withLock { $0.current }
        var headers: [(name: String, value: String)] = [
            ("Accept", "application/json"), ("X-Request-ID", UUIDv7.text(at: time.now, random: random)),
        ]
        if call.body != nil { headers.append(("Content-Type", "application/json")) }
        for header in client.headers { headers.append((header.name, header.value.withText { $0 })) }
        do throws(OutboundError) {
            let reply = try await client.http.send(
                call.method.rawValue,
                url,
                path: call.path,
                headers: headers,
                body: call.body?.octets,
                timeout: call.timeout
            )
            return ControlPlaneAnswer(
                status: reply.status,
                body: reply.body,
                retryAfter: reply.retryAfter(now: time.now)
            )
        } catch {
            switch error.kind {
            case .cancelled: throw CancellationError()
            case .tlsVerification: throw ControlPlaneError(.untrusted, message: error.description)
            case .bodyTooLarge, .invalidRequest, .refused:
                throw ControlPlaneError(.malformed, message: error.description)
            case .nameResolution, .unreachable, .timeout, .tlsHandshake, .connectionLost, .other:
                throw ControlPlaneError(.unreachable, message: error.description)
            }
        }
    }
}
