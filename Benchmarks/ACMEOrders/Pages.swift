import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The pages of http-01 (RFC 8555 §8.3), of all clients.
final class Pages: Sendable {
    private let contents = Mutex<[String: String]>([:])

    subscript(_ token: String) -> String? {
        get { contents.withLock { $0[token] } }
        set { contents.withLock { $0[token] = newValue } }
    }

    func listen(port: Int) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(PageHandler(pages: self))
                }
            }
            .bind(host: "0.0.0.0", port: port).get()
    }
}

private final class PageHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: Pages
    private var head: HTTPRequestHead?

    init(pages: Pages) { self.pages = pages }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard let head else { return }
        let text = head.uri.split(separator: "/").last.flatMap { pages[String($0)] }
        let body = ByteBuffer(string: text ?? "")
        var headers = HTTPHeaders([("Content-Length", "\(body.readableBytes)")])
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        let response = HTTPResponseHead(version: .http1_1, status: text == nil ? .notFound : .ok, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let isLast = !head.isKeepAlive
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if isLast { bound.value.close(promise: nil) }
        }
    }
}
