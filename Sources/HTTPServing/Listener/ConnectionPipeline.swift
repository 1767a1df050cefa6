import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import NIOSSL
import NIOTLS
import Synchronization

typealias ExchangeChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
typealias StreamMultiplexer = NIOHTTP2Handler.AsyncStreamMultiplexer<ExchangeChannel>

/// A connection after its handshake.
enum NegotiatedConnection: Sendable {
    case http1(ExchangeChannel)
    case http2(StreamMultiplexer)
}

/// An accepted connection whose handshake may still be running.
struct AcceptedConnection: Sendable {
    let channel: any Channel
    let negotiation: EventLoopFuture<NegotiatedConnection>
    let peerAddress: String
}

/// Builds the handlers of accepted connections: TLS with the material of the moment, ALPN, HTTP/1 or HTTP/2.
struct ConnectionPipeline: Sendable {
    /// `nil` for a listener in the clear, which speaks HTTP/1.1 alone.
    let material: TLSMaterialSource?
    let limits: ListenerLimits
    let refusals: any RefusalRendering

    func setUp(_ channel: any Channel) -> EventLoopFuture<AcceptedConnection> {
        channel.eventLoop.makeCompletedFuture {
            let peerAddress = channel.remoteAddress?.ipAddress ?? ""
            let operations = channel.pipeline.syncOperations
            guard let material else {
                return AcceptedConnection(
                    channel: channel, negotiation: setUpHTTP1(channel, peerAddress), peerAddress: peerAddress
                )
            }
            try operations.addHandler(NIOSSLServerHandler(context: material.context))
            try operations.addHandler(HandshakeDeadline(limits.headerTimeout))
            let alpn = NIOTypedApplicationProtocolNegotiationHandler<NegotiatedConnection> { result in
                switch result {
                case .negotiated("h2"): setUpHTTP2(channel, peerAddress)
                case .negotiated("http/1.1"), .fallback: setUpHTTP1(channel, peerAddress)
                case .negotiated:
                    channel.close().flatMapThrowing { throw NIOHTTP2Errors.invalidALPNToken() }
                }
            }
            try operations.addHandler(alpn)
            return AcceptedConnection(
                channel: channel, negotiation: alpn.protocolNegotiationResult, peerAddress: peerAddress
            )
        }
    }

    private func setUpHTTP1(
        _ channel: any Channel, _ peerAddress: String
    ) -> EventLoopFuture<NegotiatedConnection> {
        channel.eventLoop.makeCompletedFuture {
            var decoding = NIOHTTPDecoderLimitConfiguration()
            // A little more than the limit, so that most offenders get a full answer from the pipeline.
            decoding.maxHeaderFieldSize = limits.headerBytes + limits.targetBytes
            decoding.maxHeaderListSize = limits.headerBytes + 2 * limits.targetBytes
            decoding.maxHeaderFieldCount = limits.headerFields + 20
            let operations = channel.pipeline.syncOperations
            let supervisor = ExchangeSupervisor(limits: limits, refusals: refusals, peerAddress: peerAddress)
            try operations.addHandler(OctetWatch(supervisor: supervisor))
            try operations.configureHTTPServerPipeline(
                withPipeliningAssistance: false,
                withErrorHandling: false,
                withOutboundHeaderValidation: true,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoding
            )
            try operations.addHandler(HTTP1Codec())
            try operations.addHandler(supervisor)
            return .http1(
                try ExchangeChannel(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: false)
                )
            )
        }
    }

    private func setUpHTTP2(
        _ channel: any Channel, _ peerAddress: String
    ) -> EventLoopFuture<NegotiatedConnection> {
        channel.eventLoop.makeCompletedFuture {
            let management = NIOHTTP2ServerConnectionManagementHandler(
                eventLoop: channel.eventLoop,
                configuration: .init(
                    maxIdleTime: TimeAmount(limits.idleTimeout), maxAge: nil, maxGraceTime: nil, keepalive: nil
                )
            )
            let resets = NIOLoopBound(StreamResets(), eventLoop: channel.eventLoop)
            let multiplexer: StreamMultiplexer = try channel.pipeline.syncOperations.configureAsyncHTTP2Pipeline(
                mode: .server,
                streamDelegate: management.http2StreamDelegate,
                configuration: http2Configuration()
            ) { stream in
                stream.eventLoop.makeCompletedFuture {
                    let operations = stream.pipeline.syncOperations
                    try operations.addHandler(StreamEnding())
                    try operations.addHandler(HTTP2FramePayloadToHTTPServerCodec())
                    try operations.addHandler(
                        ExchangeSupervisor(
                            limits: limits, refusals: refusals, peerAddress: peerAddress, resets: resets.value
                        )
                    )
                    return try ExchangeChannel(wrappingChannelSynchronously: stream)
                }
            }
            try channel.pipeline.syncOperations.addHandler(management)
            try channel.pipeline.syncOperations.addHandler(ConnectionErrorHandler())
            return .http2(multiplexer)
        }
    }

    /// 100 streams, CONTINUATION up to 16 KiB, control frames up to 1000 a minute; PING, SETTINGS and PRIORITY count,
    /// frames that carry requests do not. ``StreamResets`` counts the resets that matter; here is a bound for all.
    private func http2Configuration() -> NIOHTTP2Handler.Configuration {
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * limits.headerBytes),
            HTTP2Setting(parameter: .enablePush, value: 0),
        ]
        configuration.connection.targetWindowSize = 1 << 20
        configuration.connection.controlFrameRateLimit.maximumCount = 500
        configuration.connection.controlFrameRateLimit.windowLength = .seconds(30)
        configuration.stream.targetWindowSize = 256 * 1024
        configuration.stream.outboundBufferSizeHighWatermark = 64 * 1024
        configuration.stream.outboundBufferSizeLowWatermark = 16 * 1024
        configuration.stream.streamResetFrameRateLimit.maximumCount = 3000
        configuration.stream.streamResetFrameRateLimit.windowLength = .seconds(30)
        return configuration
    }
}

/// Closes a connection whose TLS handshake takes too long.
final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private let allowance: TimeAmount
    private var timer: Scheduled<Void>?

    init(_ allowance: Duration) { self.allowance = TimeAmount(allowance) }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: allowance) { bound.value.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent {
            timer?.cancel()
            timer = nil
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }
}

/// Ends an HTTP/2 connection after a connection error (RFC 9113 §5.4.1); the GOAWAY is already on its way.
final class ConnectionErrorHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }
}
