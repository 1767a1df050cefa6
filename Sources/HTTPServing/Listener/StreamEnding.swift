import NIOCore
import NIOHTTP2

/// Puts END_STREAM on the last frame that says something, in place of an empty DATA frame behind it.
///
/// A client that has counted the octets of a response, or expects none, is done before that empty frame arrives. Some
/// (curl among them) then reset the stream, and an honest client that does so hundreds of times looks like a flood
/// (RFC 9113 §10.5).
final class StreamEnding: ChannelOutboundHandler {
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// The newest frame, until it is flushed or the next one tells whether it was the last.
    private var held: (payload: HTTP2Frame.FramePayload, promise: EventLoopPromise<Void>?)?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let payload = unwrapOutboundIn(data)
        if payload.onlyEndsStream, let held {
            self.held = nil
            if let earlier = held.promise { promise?.futureResult.cascade(to: earlier) }
            context.write(wrapOutboundOut(held.payload.endingStream), promise: promise ?? held.promise)
            return
        }
        release(context)
        if payload.mayBecomeLast {
            held = (payload, promise)
        } else {
            context.write(data, promise: promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        release(context)
        context.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        release(context)
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        held?.promise?.fail(ChannelError.ioOnClosedChannel)
        held = nil
    }

    private func release(_ context: ChannelHandlerContext) {
        guard let held else { return }
        self.held = nil
        context.write(wrapOutboundOut(held.payload), promise: held.promise)
    }
}

extension HTTP2Frame.FramePayload {
    fileprivate var onlyEndsStream: Bool {
        guard case .data(let data) = self else { return false }
        return data.endStream && data.data.readableBytes == 0
    }

    fileprivate var mayBecomeLast: Bool {
        switch self {
        case .data(let data): !data.endStream
        case .headers(let headers): !headers.endStream
        default: false
        }
    }

    fileprivate var endingStream: HTTP2Frame.FramePayload {
        switch self {
        case .data(var data):
            data.endStream = true
            return .data(data)
        case .headers(var headers):
            headers.endStream = true
            return .headers(headers)
        default: return self
        }
    }
}
