import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// A request that is refused before anybody looks at its path.
enum RefusedRequest: Error, Equatable {
    case malformed(String)
    case headerTooLarge
    case timedOut
    case unsupportedVersion
}

/// Between NIO's HTTP/1 messages and the version-independent ones, refusing what invites request smuggling
/// (RFC 9112 §6.1, §6.3, §3.2).
final class HTTP1Codec: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var hasRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasRefused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            do throws(RefusedRequest) {
                context.fireChannelRead(wrapInboundOut(.head(try Self.request(head))))
            } catch {
                hasRefused = true
                context.fireErrorCaught(error)
            }
        case .body(let body): context.fireChannelRead(wrapInboundOut(.body(body)))
        // Trailers are never merged into the header fields; nothing here reads them.
        case .end: context.fireChannelRead(wrapInboundOut(.end(nil)))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let response):
            let head = HTTPResponseHead(
                version: .http1_1,
                status: HTTPResponseStatus(
                    statusCode: response.status.code, reasonPhrase: response.status.reasonPhrase
                ),
                headers: HTTPHeaders(response.headerFields.map { ($0.name.rawName, $0.value) })
            )
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let body): context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: promise)
        case .end: context.write(wrapOutboundOut(.end(nil)), promise: promise)
        }
    }

    private static func request(_ head: HTTPRequestHead) throws(RefusedRequest) -> HTTPRequest {
        guard head.version.major == 1 else { throw .unsupportedVersion }
        let hosts = head.headers["host"]
        guard hosts.count <= 1, hosts.count == 1 || head.version.minor == 0 else {
            throw .malformed("a request needs exactly one Host field")
        }
        if head.headers.contains(name: "transfer-encoding") {
            guard !head.headers.contains(name: "content-length") else {
                throw .malformed("Content-Length and Transfer-Encoding exclude each other")
            }
            let codings = head.headers[canonicalForm: "transfer-encoding"].map { $0.lowercased() }
            guard codings == ["chunked"] else { throw .malformed("the only transfer coding here is chunked") }
        }
        guard head.headers["content-length"].count <= 1 else { throw .malformed("Content-Length occurs twice") }
        guard head.uri.utf8.first == UInt8(ascii: "/") || head.uri == "*" else {
            throw .malformed("the request target must be a path")
        }
        guard let method = HTTPRequest.Method(head.method.rawValue) else { throw .malformed("unknown method") }
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        for (name, value) in head.headers where name.lowercased() != "host" {
            guard let name = HTTPField.Name(name) else { throw .malformed("a header field has no valid name") }
            fields.append(HTTPField(name: name, value: value))
        }
        if head.version.minor == 0 { fields[.connection] = "close" }
        return HTTPRequest(
            method: method, scheme: "https", authority: hosts.first, path: head.uri, headerFields: fields
        )
    }
}
