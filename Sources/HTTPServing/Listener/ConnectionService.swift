import HTTPTypes
import NIOCore
import NIOHTTP2
import NIOHTTPTypes

/// Serves the requests of accepted connections.
struct ConnectionService: Sendable {
    let responder: Dispatcher
    let limits: ListenerLimits
    let isEncrypted: Bool

    func serve(_ connection: AcceptedConnection) async {
        do {
            switch try await connection.negotiation.get() {
            case .http1(let channel):
                await serveExchanges(channel, information(connection, .http1), isReused: true)
            case .http2(let multiplexer):
                let information = information(connection, .http2)
                try await withThrowingDiscardingTaskGroup { group in
                    for try await stream in multiplexer.inbound {
                        group.addTask { await serveExchanges(stream, information, isReused: false) }
                    }
                }
            }
        } catch {
            // A handshake that failed or a connection that broke: the peer's business, counted, not logged.
            responder.environment.metrics.connectionFailed()
            connection.channel.close(promise: nil)
        }
    }

    private func information(_ connection: AcceptedConnection, _ version: HTTPVersionName) -> ConnectionInfo {
        ConnectionInfo(
            peerAddress: connection.peerAddress, httpVersion: version, tlsVersion: isEncrypted ? "TLSv1.3" : ""
        )
    }

    private func serveExchanges(_ channel: ExchangeChannel, _ information: ConnectionInfo, isReused: Bool) async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                let source = RequestParts(inbound.makeAsyncIterator())
                while let head = try await source.nextHead() {
                    let exchange = Exchange(channel: channel.channel, outbound: outbound)
                    let body = RequestBody(source: source, head: head, exchange: exchange)
                    let response = await responder.respond(to: head, body: body, connection: information)
                    try await exchange.send(response, isHeadRequest: head.method == .head)
                    guard try await source.discardRest(atMost: limits.bodyBytes), isReused else { break }
                }
            }
        } catch {
            responder.environment.metrics.connectionFailed()
        }
    }
}

/// The parts of incoming requests, one reader at a time.
final class RequestParts {
    private var iterator: NIOAsyncChannelInboundStream<HTTPRequestPart>.AsyncIterator
    private var isInBody = false

    init(_ iterator: NIOAsyncChannelInboundStream<HTTPRequestPart>.AsyncIterator) { self.iterator = iterator }

    func nextHead() async throws -> HTTPRequest? {
        guard case .head(let head) = try await iterator.next() else { return nil }
        isInBody = true
        return head
    }

    /// `nil` at the end of the body. Throws when the connection ends first.
    func nextChunk() async throws -> ByteBuffer? {
        guard isInBody else { return nil }
        switch try await iterator.next() {
        case .body(let buffer): return buffer
        case .end:
            isInBody = false
            return nil
        case .head, nil: throw ChannelError.inputClosed
        }
    }

    /// Whether the rest of the request was short enough to read and forget.
    func discardRest(atMost limit: Int) async throws -> Bool {
        var count = 0
        while let chunk = try await nextChunk() {
            count += chunk.readableBytes
            if count > limit { return false }
        }
        return true
    }
}
