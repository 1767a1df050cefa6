import NIOCore
import NIOPosix
import Synchronization

/// A web server on a loopback port that answers each path as it is told, and remembers what it was asked.
final class WebTestServer: Sendable {
    /// The path and the head of a request; the whole answer.
    typealias Script = @Sendable (_ path: String, _ head: String) -> String

    let port: Int
    private let channel: any Channel
    private let heads: Heads

    final class Heads: Sendable { let value = Mutex<[String]>([]) }

    var requests: [String] { heads.value.withLock { $0 } }

    init(_ script: @escaping Script) async throws {
        let heads = Heads()
        self.heads = heads
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answerer(script, heads))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try channel.localAddress?.port ?? { throw ChannelError.unknownLocalAddress }()
    }

    func stop() async throws { try await channel.close() }

    static func page(_ body: String, status: String = "200 OK") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
    }

    static func redirect(to location: String) -> String {
        "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    }
}

private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: WebTestServer.Script
    private let heads: WebTestServer.Heads
    private var received = ""

    init(_ script: @escaping WebTestServer.Script, _ heads: WebTestServer.Heads) {
        self.script = script
        self.heads = heads
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        guard received.contains("\r\n\r\n") else { return }
        let head = received
        heads.value.withLock { $0.append(head) }
        let words = head.split(separator: " ")
        let answer = script(words.count > 1 ? String(words[1]) : "", head)
        guard !answer.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }
}
