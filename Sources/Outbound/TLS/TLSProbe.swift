package import Domain
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// What a server presented in a completed handshake.
package struct ServedChain: Hashable, Sendable {
    /// DER, as it was sent: the leaf first. Never empty.
    package let certificates: [[UInt8]]
    /// `TLS 1.0` … `TLS 1.3`.
    package let tlsVersion: String

    package init(certificates: [[UInt8]], tlsVersion: String) {
        self.certificates = certificates
        self.tlsVersion = tlsVersion
    }
}

/// The result of one address of an endpoint.
package struct ProbedAddress: Sendable {
    /// Numeric, without the port.
    package let address: String
    package let outcome: Result<ServedChain, OutboundError>

    package init(address: String, outcome: Result<ServedChain, OutboundError>) {
        self.address = address
        self.outcome = outcome
    }
}

/// Looks at the certificates that an endpoint serves (specification, targets §9).
///
/// Trust is not evaluated: the observed certificate is the point. Possession of its key is, because only a
/// completed handshake counts. Each probe uses a fresh session.
package enum TLSProbe {
    /// Probes every address of the host at once; the timeout is for each, connecting included.
    ///
    /// - Throws: ``OutboundError`` when the name has no address, or one that must not be connected to.
    package static func probe(
        _ endpoint: TLSEndpoint,
        purpose: EgressPurpose,
        timeout: Duration,
        through egress: EgressGuard = EgressGuard()
    ) async throws(OutboundError) -> [ProbedAddress] {
        let permits = try await egress.permits(host: endpoint.host, port: endpoint.port, for: purpose)
        return await withTaskGroup(of: (Int, ProbedAddress).self) { group in
            for (index, permit) in permits.enumerated() {
                group.addTask {
                    let outcome = await handshake(permit, endpoint, purpose, timeout: timeout)
                    return (index, ProbedAddress(address: permit.address, outcome: outcome))
                }
            }
            var results: [(Int, ProbedAddress)] = []
            for await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func handshake(
        _ permit: EgressPermit,
        _ endpoint: TLSEndpoint,
        _ purpose: EgressPurpose,
        timeout: Duration
    ) async -> Result<ServedChain, OutboundError> {
        let observation = Observation()
        do {
            let channel = try await connect(permit, endpoint, purpose, timeout: timeout, observation).get()
            let timer = channel.eventLoop.scheduleTask(in: .microseconds(timeout.wholeMicroseconds)) {
                observation.markTimedOut()
                channel.close(promise: nil)
            }
            defer {
                timer.cancel()
                channel.close(promise: nil)
            }
            // An empty write is held back until the handshake is complete and then succeeds without a record.
            try await channel.writeAndFlush(ByteBuffer()).get()
            let version = try await channel.nioSSL_tlsVersion().get()
            let certificates = observation.certificates
            guard !certificates.isEmpty else {
                throw OutboundError(.tlsHandshake, endpoint: "\(endpoint)", message: "the peer sent no certificate")
            }
            return .success(ServedChain(certificates: certificates, tlsVersion: name(of: version)))
        } catch {
            if observation.hasTimedOut {
                let seconds = timeout.components.seconds
                let message = "no TLS handshake within \(seconds) s"
                return .failure(OutboundError(.timeout, endpoint: "\(endpoint)", message: message))
            }
            // A handshake that failed before the write was queued shows in the pipeline only.
            let cause = observation.failure ?? error
            return .failure(OutboundError(classifying: cause, endpoint: "\(endpoint)", timeout: timeout))
        }
    }

    private static func connect(
        _ permit: EgressPermit,
        _ endpoint: TLSEndpoint,
        _ purpose: EgressPurpose,
        timeout: Duration,
        _ observation: Observation
    ) throws -> EventLoopFuture<any Channel> {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // An observed endpoint may be old; what it serves is reported, not judged.
        configuration.minimumTLSVersion = purpose.requiresTLS13 ? .tlsv13 : .tlsv1
        configuration.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: configuration)
        let name = endpoint.serverName ?? endpoint.host
        let isLiteral = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.microseconds(timeout.wholeMicroseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(
                        context: context,
                        serverHostname: isLiteral ? nil : name,
                        customVerificationCallback: { chain, promise in
                            observation.record(chain)
                            promise.succeed(.certificateVerified)
                        }
                    )
                    try channel.pipeline.syncOperations.addHandlers(handler, FailureListener(observation))
                }
            }
            .connect(to: permit.socketAddress)
    }

    private static func name(of version: TLSVersion?) -> String {
        switch version {
        case .tlsv1: "TLS 1.0"
        case .tlsv11: "TLS 1.1"
        case .tlsv12: "TLS 1.2"
        case .tlsv13: "TLS 1.3"
        case nil: "unknown"
        }
    }
}

/// What the event loop of one probe saw.
private final class Observation: Sendable {
    private struct State {
        var certificates: [[UInt8]] = []
        var hasTimedOut = false
        var failure: (any Error)?
    }

    private let state = Mutex(State())

    var certificates: [[UInt8]] { state.withLock { $0.certificates } }
    var hasTimedOut: Bool { state.withLock { $0.hasTimedOut } }
    /// The first error in the pipeline.
    var failure: (any Error)? { state.withLock { $0.failure } }

    func record(_ chain: [NIOSSLCertificate]) {
        let octets = chain.compactMap { try? $0.toDERBytes() }
        state.withLock { $0.certificates = octets }
    }

    func record(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }

    func markTimedOut() { state.withLock { $0.hasTimedOut = true } }
}

/// Keeps the error that ends a handshake.
private final class FailureListener: ChannelInboundHandler {
    typealias InboundIn = Any

    private let observation: Observation

    init(_ observation: Observation) { self.observation = observation }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        observation.record(error)
        context.fireErrorCaught(error)
    }
}
