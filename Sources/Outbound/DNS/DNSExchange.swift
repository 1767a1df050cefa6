import Domain
import NIOCore
import NIOPosix

/// One question and its answer over a connection of its own, so that each has a port that nobody can foresee.
enum DNSExchange {
    private typealias Promise = EventLoopPromise<DNSAnswer?>

    /// `nil` when no answer came in time. What is no answer to this question is passed over: it may be forged.
    static func datagram(
        _ query: DNSQuery, to permit: EgressPermit, within patience: Duration
    ) async throws -> DNSAnswer? {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: DNSAnswer?.self)
        let channel = try await connecting(promise) {
            try await DatagramBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramListener(query, promise))
                    }
                }
                .connect(to: permit.socketAddress).unlessCancelled()
        }
        let envelope = AddressedEnvelope(
            remoteAddress: permit.socketAddress, data: ByteBuffer(bytes: query.encoded))
        return try await outcome(channel, promise, within: patience) {
            channel.writeAndFlush(envelope, promise: nil)
        }
    }

    /// Two octets of length before each message (RFC 1035 §4.2.2).
    static func stream(
        _ query: DNSQuery, to permit: EgressPermit, within patience: Duration
    ) async throws -> DNSAnswer? {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: DNSAnswer?.self)
        let channel = try await connecting(promise) {
            try await ClientBootstrap(group: loop)
                .connectTimeout(.microseconds(patience.wholeMicroseconds))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(StreamListener(query, promise))
                    }
                }
                .connect(to: permit.socketAddress).unlessCancelled()
        }
        let octets = query.encoded
        let framed = ByteBuffer(bytes: [UInt8(octets.count >> 8), UInt8(octets.count & 0xFF)] + octets)
        return try await outcome(channel, promise, within: patience) {
            channel.writeAndFlush(framed, promise: nil)
        }
    }

    private static func connecting(
        _ promise: Promise, _ connect: () async throws -> any Channel
    ) async throws -> any Channel {
        do { return try await connect() } catch {
            promise.fail(error)
            throw error
        }
    }

    private static func outcome(
        _ channel: any Channel, _ promise: Promise, within patience: Duration, _ send: () -> Void
    ) async throws -> DNSAnswer? {
        let timer = channel.eventLoop.scheduleTask(in: .microseconds(patience.wholeMicroseconds)) {
            promise.succeed(nil)
        }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        send()
        return try await withTaskCancellationHandler {
            let answer = try await promise.futureResult.get()
            try Task.checkCancellation()
            return answer
        } onCancel: {
            promise.succeed(nil)
        }
    }
}

/// Waits for the datagram that answers.
private final class DatagramListener: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let query: DNSQuery
    private let promise: EventLoopPromise<DNSAnswer?>

    init(_ query: DNSQuery, _ promise: EventLoopPromise<DNSAnswer?>) {
        self.query = query
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let octets = Array(unwrapInboundIn(data).data.readableBytesView)
        guard let answer = try? DNSAnswer(octets, to: query, keepsCase: true) else { return }
        promise.succeed(answer)
    }

    /// Nobody listens there.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(nil) }
}

/// Collects the message that answers.
private final class StreamListener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let query: DNSQuery
    private let promise: EventLoopPromise<DNSAnswer?>
    private var received: [UInt8] = []

    init(_ query: DNSQuery, _ promise: EventLoopPromise<DNSAnswer?>) {
        self.query = query
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        guard received.count >= 2 else { return }
        let length = Int(received[0]) << 8 | Int(received[1])
        guard received.count - 2 >= length else { return }
        do {
            promise.succeed(try DNSAnswer(Array(received[2..<2 + length]), to: query, keepsCase: false))
        } catch {
            promise.fail(error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(nil) }
}
