package import Domain
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// What came of a handshake for one application protocol.
package struct NegotiatedChain: Hashable, Sendable {
    /// DER, as it was sent: the leaf first. Never empty.
    package let certificates: [[UInt8]]
    /// What the server chose (RFC 7301); `nil` when it chose nothing.
    package let applicationProtocol: String?
}

/// A TLS handshake for one application protocol, at TLS 1.2 or newer, in which the chain is looked at and not judged
/// (RFC 8737 §3). Nothing is sent after it.
package struct ProtocolHandshake: Sendable {
    private let purpose: EgressPurpose
    private let egress: EgressGuard

    package init(purpose: EgressPurpose, through egress: EgressGuard) {
        self.purpose = purpose
        self.egress = egress
    }

    /// Shakes hands with the first address that answers.
    ///
    /// `serverName` is sent as SNI; `timeout` is for everything, and connecting to one address takes at most five
    /// seconds of it.
    ///
    /// - Throws: ``OutboundError``.
    package func run(
        _ applicationProtocol: String, host: String, port: Int, serverName: String, timeout: Duration
    ) async throws(OutboundError) -> NegotiatedChain {
        let endpoint = "\(TLSEndpoint(host: host, port: port))"
        let deadline = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        let permits = try await egress.permits(host: host, port: port, for: purpose, within: timeout)
        var last = OutboundError(.unreachable, endpoint: endpoint, message: "no address answers")
        for permit in WebFetch.preferring6(permits).prefix(EgressGuard.attempts) where NIODeadline.now() < deadline {
            do {
                return try await run(applicationProtocol, at: permit, serverName, until: deadline)
            } catch {
                last = OutboundError(classifying: error, endpoint: endpoint, timeout: timeout)
                // Somebody is there: another address would be another server.
                guard last.kind == .unreachable || last.kind == .timeout else { throw last }
            }
        }
        throw last
    }

    /// lego up to 4.9, and so Traefik, make certificates with a key usage of key encipherment alone, which BoringSSL lets
    /// nobody sign a handshake with. At TLS 1.2 the certificate, the choice of a protocol and the signature of the key
    /// come before BoringSSL looks at that: the second handshake ends for the same reason, and has shown all there is.
    private func run(
        _ applicationProtocol: String, at permit: EgressPermit, _ serverName: String, until deadline: NIODeadline
    ) async throws -> NegotiatedChain {
        let seen = SeenChain()
        do {
            return try await shake(applicationProtocol, .tlsv13, at: permit, serverName, seen, until: deadline)
        } catch  where OutboundError.isKeyUsage(error) {
            seen.forget()
            do {
                return try await shake(applicationProtocol, .tlsv12, at: permit, serverName, seen, until: deadline)
            } catch  where OutboundError.isKeyUsage(error) && !seen.certificates.isEmpty {
                return NegotiatedChain(
                    certificates: seen.certificates, applicationProtocol: seen.applicationProtocol)
            }
        }
    }

    private func shake(
        _ applicationProtocol: String, _ newest: TLSVersion, at permit: EgressPermit, _ serverName: String,
        _ seen: SeenChain, until deadline: NIODeadline
    ) async throws -> NegotiatedChain {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = newest
        configuration.certificateVerification = .noHostnameVerification
        configuration.applicationProtocols = [applicationProtocol]
        let context = try NIOSSLContext(configuration: configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String?.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(WebFetch.connectTimeout(until: deadline))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = try NIOSSLClientHandler(
                            context: context, serverHostname: serverName,
                            customVerificationCallback: { chain, verdict in
                                seen.record(chain)
                                verdict.succeed(.certificateVerified)
                            })
                        try channel.pipeline.syncOperations.addHandlers(
                            ServerHelloTap(seen), handler, HandshakeListener(promise))
                    }
                }
                .connect(to: permit.socketAddress).unlessCancelled()
        } catch {
            promise.fail(error)
            throw error
        }
        let timer = loop.scheduleTask(deadline: deadline) {
            promise.fail(ChannelError.connectTimeout(.microseconds(WebFetch.silence.wholeMicroseconds)))
        }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        let negotiated = try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
        let certificates = seen.certificates
        guard !certificates.isEmpty else {
            throw OutboundError(.tlsHandshake, endpoint: serverName, message: "the peer sent no certificate")
        }
        return NegotiatedChain(certificates: certificates, applicationProtocol: negotiated)
    }
}

/// What one handshake showed before its end.
final class SeenChain: Sendable {
    private struct State {
        var certificates: [[UInt8]] = []
        var applicationProtocol: String?
    }

    private let state = Mutex(State())

    var certificates: [[UInt8]] { state.withLock { $0.certificates } }
    /// Of a handshake at TLS 1.2: at TLS 1.3 it is encrypted.
    var applicationProtocol: String? { state.withLock { $0.applicationProtocol } }

    func record(_ chain: [NIOSSLCertificate]) {
        let der = chain.compactMap { try? $0.toDERBytes() }
        state.withLock { $0.certificates = der }
    }

    func record(applicationProtocol: String?) { state.withLock { $0.applicationProtocol = applicationProtocol } }

    func forget() { state.withLock { $0 = State() } }
}

/// Waits for the end of a handshake.
private final class HandshakeListener: ChannelInboundHandler {
    typealias InboundIn = Any

    private let promise: EventLoopPromise<String?>

    init(_ promise: EventLoopPromise<String?>) { self.promise = promise }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent { promise.succeed(negotiated) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(NIOSSLError.uncleanShutdown)
        context.fireChannelInactive()
    }
}
