import NIOCore
import NIOPosix
import Synchronization

/// A name server on a loopback port, over UDP and TCP, that answers as it is told.
final class FakeNameServer: Sendable {
    /// The octets of a query, and whether it came over TCP; what to send back, one after the other.
    typealias Script = @Sendable ([UInt8], _ isStream: Bool) -> [[UInt8]]

    let port: Int
    private let datagrams: any Channel
    private let streams: any Channel
    private let counts: Counts

    /// Queries that came.
    var queries: (datagrams: Int, streams: Int) { counts.value.withLock { $0 } }

    init(_ script: @escaping Script) async throws {
        let counts = Counts()
        self.counts = counts
        let group = MultiThreadedEventLoopGroup.singleton
        streams = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(StreamAnswerer(script, counts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try streams.localAddress?.port ?? { throw ChannelError.unknownLocalAddress }()
        datagrams = try await DatagramBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramAnswerer(script, counts))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
    }

    func stop() async throws {
        try await datagrams.close()
        try await streams.close()
    }

    final class Counts: Sendable { let value = Mutex((datagrams: 0, streams: 0)) }
}

private final class DatagramAnswerer: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let script: FakeNameServer.Script
    private let counts: FakeNameServer.Counts

    init(_ script: @escaping FakeNameServer.Script, _ counts: FakeNameServer.Counts) {
        self.script = script
        self.counts = counts
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        counts.value.withLock { $0.datagrams += 1 }
        for octets in script(Array(envelope.data.readableBytesView), false) {
            let answer = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: octets))
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }
}

private final class StreamAnswerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: FakeNameServer.Script
    private let counts: FakeNameServer.Counts
    private var received: [UInt8] = []

    init(_ script: @escaping FakeNameServer.Script, _ counts: FakeNameServer.Counts) {
        self.script = script
        self.counts = counts
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        guard received.count > 2, received.count >= 2 + (Int(received[0]) << 8 | Int(received[1])) else { return }
        counts.value.withLock { $0.streams += 1 }
        for octets in script(Array(received.dropFirst(2)), true) {
            let framed = [UInt8(octets.count >> 8), UInt8(octets.count & 0xFF)] + octets
            // In two parts, as a network may bring it.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: framed.prefix(3))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: framed.dropFirst(3))), promise: nil)
        }
        received = []
    }
}
