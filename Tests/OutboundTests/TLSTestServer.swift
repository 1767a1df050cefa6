import NIOCore
import NIOPosix
import NIOSSL

/// A TLS server on a loopback port that answers every request head with the same octets.
final class TLSTestServer: Sendable {
    /// What happens when a request head has arrived.
    enum Behaviour: Sendable {
        case answer(String)
        case answerBytes(head: String, bodySize: Int)
        case staySilent
        case closeAtOnce
    }

    private let channel: any Channel
    let port: Int

    init(
        certificate: String,
        key: String,
        newest: TLSVersion = .tlsv13,
        host: String = "127.0.0.1",
        _ behaviour: Behaviour = .staySilent
    ) async throws {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = newest
        let context = try NIOSSLContext(configuration: configuration)
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLServerHandler(context: context),
                        Answering(behaviour)
                    )
                }
            }
            .bind(host: host, port: 0).get()
        port = try channel.localAddress?.port ?? { throw ChannelError.unknownLocalAddress }()
    }

    func stop() async throws { try await channel.close() }
}

private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let behaviour: TLSTestServer.Behaviour
    private var received = ""

    init(_ behaviour: TLSTestServer.Behaviour) { self.behaviour = behaviour }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        guard received.contains("\r\n\r\n") else { return }
        switch behaviour {
        case .staySilent: break
        case .closeAtOnce: context.close(promise: nil)
        case .answer(let text):
            let shown = text.replacing("{request}", with: received)
                .replacing("{length}", with: "Content-Length: \(received.utf8.count)")
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: shown)), promise: nil)
        case .answerBytes(let head, let size):
            context.write(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(repeating: 0x61, count: size)), promise: nil)
        }
        received = ""
    }
}
