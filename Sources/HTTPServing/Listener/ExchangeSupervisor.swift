import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Announced before a response that lasts: events, long polls, long bodies. How long it takes is its own business then;
/// late is only a peer that does not take what is written.
enum LongLivedResponse: Sendable {
    /// Written as things happen.
    case ofUnknownLength
    /// Written as fast as the peer takes it.
    case ofKnownLength
}

/// Watches over the exchanges of one HTTP/1 connection or one HTTP/2 stream: deadlines, refusals of what cannot be
/// parsed, and the end of the connection.
///
/// One timer serves all deadlines: it is only moved when a nearer deadline appears, and looks again when it fires.
final class ExchangeSupervisor: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Phase {
        case idle, readingHead, readingBody, responding, streaming
        /// The response is out; what is left of the request is thrown away.
        case discarding
        /// The last response is on its way to the peer; the connection ends when it is there.
        case closing
    }

    private let isConnection: Bool
    private let limits: ListenerLimits
    private let refusals: any RefusalRendering
    private let peerAddress: String
    private let resets: StreamResets?

    private var phase = Phase.readingHead
    private var isReadingRequest = false
    private var requestsBegun = 0
    private var responsesEnded = 0
    /// Pieces of a long-lived response that the peer has not taken yet.
    private var piecesUnderway = 0
    /// How long the peer may take for a piece.
    private var pieceAllowance = Duration.zero
    /// Done when the peer has been given the whole of the latest response.
    private var latestResponse: EventLoopFuture<Void>?
    /// The exchange after which the connection ends; requests may be read ahead of it (RFC 9112 §9.3.2).
    private var lastExchange: Int?
    /// Of the body that is being read.
    private var bodyBegan = NIODeadline.now()
    private var bodyOctets = 0
    private var deadline = NIODeadline.distantFuture
    private var armedFor = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?

    /// - `resets`: Of the connection that a stream belongs to; `nil` for HTTP/1, where the connection ends with the
    ///   handler's channel.
    init(limits: ListenerLimits, refusals: any RefusalRendering, peerAddress: String, resets: StreamResets? = nil) {
        isConnection = resets == nil
        self.resets = resets
        self.limits = limits
        self.refusals = refusals
        self.peerAddress = peerAddress
    }

    func handlerAdded(context: ChannelHandlerContext) { enter(.readingHead, limits.headerTimeout, context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        // The end of the answer may close the stream while it is being written.
        if latestResponse == nil { resets?.record(on: context.channel.parent) }
        context.fireChannelInactive()
    }

    /// Octets arrived on the connection, complete or not.
    func octetsArrived(context: ChannelHandlerContext) {
        if phase == .idle { enter(.readingHead, limits.headerTimeout, context) }
    }

    private var isResponding: Bool { requestsBegun > responsesEnded }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let request):
            // What follows the last request is nobody's business.
            if let lastExchange, requestsBegun >= lastExchange { return }
            isReadingRequest = true
            requestsBegun += 1
            if isConnection, request.headerFields[.connection]?.lowercased() == "close" { lastExchange = requestsBegun }
            if requestsBegun == responsesEnded + 1 { expectBody(context) }
        case .body(let octets):
            guard isReadingRequest else { return }
            bodyOctets += octets.readableBytes
        case .end:
            guard isReadingRequest else { return }
            isReadingRequest = false
            if phase == .readingBody { enter(.responding, limits.responseTimeout, context) }
            if phase == .discarding { finishExchange(context) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var response) where response.status.kind != .informational:
            // A response ahead of the end of its request leaves the connection in doubt.
            let exchange = responsesEnded + 1
            if isReadingRequest, requestsBegun == exchange { lastExchange = exchange }
            if isConnection, lastExchange == exchange { response.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(response)), promise: promise)
        case .head: context.writeAndFlush(data, promise: promise)
        case .body:
            guard phase == .streaming else { return context.write(data, promise: promise) }
            writePiece(data, promise, context)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            latestResponse = written.futureResult
            context.writeAndFlush(data, promise: written)
            responsesEnded += 1
            if isReadingRequest, requestsBegun == responsesEnded {
                enter(.discarding, .seconds(2), context)
            } else {
                finishExchange(context)
            }
        }
    }

    /// The service closes a stream as soon as the answer is handed over; the stream ends when the peer's flow control
    /// has let all of it through.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard !isConnection, mode == .all, let latestResponse else {
            return context.close(mode: mode, promise: promise)
        }
        enter(.closing, limits.responseTimeout, context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        latestResponse.whenComplete { _ in bound.value.close(promise: promise) }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let kind = event as? LongLivedResponse else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        pieceAllowance = kind == .ofKnownLength ? limits.pieceTimeout : limits.responseTimeout
        phase = .streaming
        deadline = .distantFuture
        promise?.succeed()
    }

    private func writePiece(_ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        piecesUnderway += 1
        enter(.streaming, pieceAllowance, context)
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let supervisor = bound.value
            supervisor.piecesUnderway -= 1
            if supervisor.phase == .streaming, supervisor.piecesUnderway == 0 { supervisor.deadline = .distantFuture }
        }
        context.write(data, promise: written)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, isConnection {
            lastExchange = lastExchange ?? requestsBegun
            if !isResponding, phase != .discarding, phase != .closing { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let refused as RefusedRequest: refuse(refused, context)
        case HTTPParserError.headerOverflow: refuse(.headerTooLarge, context)
        case let error as HTTPParserError:
            refuse(.malformed("the request cannot be parsed: \(error.debugDescription)"), context)
        default: context.close(promise: nil)
        }
    }

    private func finishExchange(_ context: ChannelHandlerContext) {
        if isConnection, lastExchange == responsesEnded {
            closeWhenWritten(context)
        } else if isReadingRequest {
            expectBody(context)
        } else if isResponding {
            enter(.responding, limits.responseTimeout, context)
        } else {
            // The last pieces of a long body may still be on their way.
            enter(.idle, limits.idleTimeout + (piecesUnderway > 0 ? limits.pieceTimeout * 2 : .zero), context)
        }
    }

    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        guard let latestResponse else { return context.close(promise: nil) }
        enter(.closing, limits.responseTimeout, context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        latestResponse.whenComplete { _ in bound.value.close(promise: nil) }
    }

    /// Answers in place of the application, unless an answer is already on its way, and ends the connection.
    private func refuse(_ reason: RefusedRequest, _ context: ChannelHandlerContext) {
        guard isConnection, !isResponding || phase == .readingBody else {
            context.close(promise: nil)
            return
        }
        var (response, body) = refusals.refusal(of: reason, from: peerAddress)
        response.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }

    private func expectBody(_ context: ChannelHandlerContext) {
        (bodyBegan, bodyOctets) = (.now(), 0)
        enter(.readingBody, min(limits.bodyGrace, limits.requestTimeout), context)
    }

    /// Goes on reading for a second when the body has come fast enough so far and still has time; false when not.
    private func awaitBody(_ context: ChannelHandlerContext) -> Bool {
        let (now, end) = (NIODeadline.now(), bodyBegan + TimeAmount(limits.requestTimeout))
        guard now < end else { return false }
        let milliseconds = Int((now - bodyBegan).nanoseconds / 1_000_000)
        guard bodyOctets >= limits.bodyRate * milliseconds / 1000 else { return false }
        deadline = min(end, now + .seconds(1))
        arm(context)
        return true
    }

    private func enter(_ phase: Phase, _ allowance: Duration, _ context: ChannelHandlerContext) {
        self.phase = phase
        deadline = .now() + TimeAmount(allowance)
        if deadline < armedFor { arm(context) }
    }

    private func arm(_ context: ChannelHandlerContext) {
        timer?.cancel()
        armedFor = deadline
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: deadline) {
            let (supervisor, context) = bound.value
            supervisor.timerFired(context)
        }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        armedFor = .distantFuture
        guard deadline <= .now() else {
            if deadline < .distantFuture { arm(context) }
            return
        }
        switch phase {
        case .idle where !isConnection: break
        case .readingBody where awaitBody(context): break
        case .readingHead where !isConnection, .readingBody where !isConnection: context.close(promise: nil)
        case .readingHead, .readingBody: refuse(.timedOut, context)
        case .idle, .responding, .streaming, .discarding, .closing: context.close(promise: nil)
        }
    }
}

/// Tells the supervisor that octets arrive, which the HTTP decoder keeps to itself until a header block is whole.
final class OctetWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let supervisor: ExchangeSupervisor
    private var supervisorContext: ChannelHandlerContext?

    init(supervisor: ExchangeSupervisor) { self.supervisor = supervisor }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if supervisorContext == nil {
            supervisorContext = try? context.pipeline.syncOperations.context(handler: supervisor)
        }
        if let supervisorContext { supervisor.octetsArrived(context: supervisorContext) }
        context.fireChannelRead(data)
    }

    func handlerRemoved(context: ChannelHandlerContext) { supervisorContext = nil }
}
