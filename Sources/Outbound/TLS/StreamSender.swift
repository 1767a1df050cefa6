package import Domain
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Sends octets over a connection of their own to a receiver that never answers, as syslog receivers are.
///
/// The connection is closed in order at the end: a peer that resets it has not taken everything, and that is an error.
package struct StreamSender: Sendable {
    private let endpoint: TLSEndpoint
    private let purpose: EgressPurpose
    private let trust: TrustAnchors?
    private let timeout: Duration
    private let egress: EgressGuard

    /// Without `trust`, octets go in the clear; `timeout` is for the whole exchange.
    package init(
        to endpoint: TLSEndpoint, purpose: EgressPurpose, trust: TrustAnchors?, timeout: Duration,
        through egress: EgressGuard = EgressGuard()
    ) {
        self.endpoint = endpoint
        self.purpose = purpose
        self.trust = trust
        self.timeout = timeout
        self.egress = egress
    }

    /// Returns when the octets are sent and the peer has seen their end.
    package func send(_ octets: [UInt8]) async throws(OutboundError) {
        let listener = SendListener()
        do {
            let channel = try await connect(listener)
            let timer = channel.eventLoop.scheduleTask(in: .microseconds(timeout.wholeMicroseconds)) {
                listener.note(ChannelError.connectTimeout(.microseconds(timeout.wholeMicroseconds)))
                channel.close(promise: nil)
            }
            defer { timer.cancel() }
            do {
                try await channel.writeAndFlush(ByteBuffer(bytes: octets)).get()
                try await channel.close().get()
            } catch {
                channel.close(promise: nil)
                throw listener.failure ?? error
            }
            if let failure = listener.failure { throw failure }
        } catch {
            throw OutboundError(classifying: error, endpoint: "\(endpoint)", timeout: timeout)
        }
    }

    /// The first permitted address that answers.
    private func connect(_ listener: SendListener) async throws -> any Channel {
        let permits = try await egress.permits(host: endpoint.host, port: endpoint.port, for: purpose)
        var last: (any Error)?
        for permit in permits.prefix(EgressGuard.attempts) {
            do { return try await connect(permit, listener) } catch { last = error }
        }
        throw last ?? OutboundError(.unreachable, endpoint: "\(endpoint)", message: "no address answers")
    }

    private func connect(_ permit: EgressPermit, _ listener: SendListener) async throws -> any Channel {
        let context = try trust.map { try NIOSSLContext(configuration: $0.configuration(for: purpose)) }
        let isLiteral = (try? SocketAddress(ipAddress: endpoint.host, port: 0)) != nil
        let name = endpoint.serverName ?? (isLiteral ? nil : endpoint.host)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.microseconds(timeout.wholeMicroseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(listener)
                }
            }
            .connect(to: permit.socketAddress).get()
    }
}

/// Keeps the first error of a connection that matters.
private final class SendListener: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let first = Mutex<(any Error)?>(nil)

    var failure: (any Error)? { first.withLock { $0 } }

    func note(_ error: any Error) { first.withLock { $0 = $0 ?? error } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A receiver that closes without a closing alert has read everything all the same.
        if case .uncleanShutdown? = error as? NIOSSLError { return }
        note(error)
        context.close(promise: nil)
    }
}
