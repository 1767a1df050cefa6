import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Writes the answer of one request.
struct Exchange: Sendable {
    /// A longer body is written piece by piece, each when the peer has taken what was before it.
    private static let longestWhole = 256 * 1024
    /// Octets of a piece.
    private static let piece = 64 * 1024

    let channel: any Channel
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>

    /// RFC 9110 §15.2.1: the body is wanted.
    func sendContinue() async throws {
        try await outbound.write(.head(HTTPResponse(status: .continue)))
    }

    /// The response may take as long as it likes.
    func announceLongLivedResponse() async throws {
        try await channel.triggerUserOutboundEvent(LongLivedResponse.ofUnknownLength).get()
    }

    func send(_ response: OutgoingResponse, isHeadRequest: Bool) async throws {
        // Whoever holds the response may be done with it before it is written.
        defer { withExtendedLifetime(response.lease) {} }
        var fields = response.fields
        switch response.content {
        case .empty:
            if response.allowsContentLength { fields[.contentLength] = "0" }
            try await outbound.write(contentsOf: [.head(head(response, fields)), .end(nil)])
        case .octets(let octets):
            fields[.contentLength] = String(octets.count)
            guard !isHeadRequest else {
                return try await outbound.write(contentsOf: [.head(head(response, fields)), .end(nil)])
            }
            guard octets.count <= Self.longestWhole else {
                return try await send(head(response, fields), [octets])
            }
            try await outbound.write(
                contentsOf: [.head(head(response, fields)), .body(ByteBuffer(bytes: octets)), .end(nil)]
            )
        case .parts(let parts):
            fields[.contentLength] = String(response.octetCount)
            guard !isHeadRequest else {
                return try await outbound.write(contentsOf: [.head(head(response, fields)), .end(nil)])
            }
            try await send(head(response, fields), parts)
        case .stream(let produce):
            guard !isHeadRequest else {
                return try await outbound.write(contentsOf: [.head(head(response, fields)), .end(nil)])
            }
            try await outbound.write(.head(head(response, fields)))
            try await produce(ResponseStream(outbound: outbound))
            try await outbound.write(.end(nil))
        }
    }

    /// No more than a piece or two is in memory for the peer, however long the body is and however slow the peer, and it
    /// is the pieces that have a deadline, not the body. The last one goes with the end: see ``StreamEnding``.
    private func send(_ head: HTTPResponse, _ parts: [[UInt8]]) async throws {
        try await channel.triggerUserOutboundEvent(LongLivedResponse.ofKnownLength).get()
        try await outbound.write(.head(head))
        var piece = ByteBuffer()
        for part in parts {
            var position = 0
            while position < part.count {
                if piece.readableBytes == Self.piece {
                    // The writer's own watermark lets too much through; this waits until the peer has taken the piece.
                    try await channel.writeAndFlush(HTTPResponsePart.body(piece)).get()
                    piece = ByteBuffer()
                }
                let end = min(part.count, position + Self.piece - piece.readableBytes)
                piece.writeBytes(part[position..<end])
                position = end
            }
        }
        try await outbound.write(contentsOf: piece.readableBytes > 0 ? [.body(piece), .end(nil)] : [.end(nil)])
    }

    private func head(_ response: OutgoingResponse, _ fields: HTTPFields) -> HTTPResponse {
        HTTPResponse(status: .init(code: response.status), headerFields: fields)
    }
}

/// The body of a response that grows. Writing suspends while the peer is slow.
package struct ResponseStream: Sendable {
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>

    package func write(_ octets: [UInt8]) async throws {
        try await outbound.write(.body(ByteBuffer(bytes: octets)))
    }
}
