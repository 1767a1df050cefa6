import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Writes the answer of one request.
struct Exchange: Sendable {
    let channel: any Channel
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>

    /// RFC 9110 §15.2.1: the body is wanted.
    func sendContinue() async throws {
        try await outbound.write(.head(HTTPResponse(status: .continue)))
    }

    /// The response may take as long as it likes.
    func announceLongLivedResponse() async throws {
        try await channel.triggerUserOutboundEvent(LongLivedResponse()).get()
    }

    func send(_ response: OutgoingResponse, isHeadRequest: Bool) async throws {
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
            try await outbound.write(
                contentsOf: [.head(head(response, fields)), .body(ByteBuffer(bytes: octets)), .end(nil)]
            )
        case .stream(let produce):
            guard !isHeadRequest else {
                return try await outbound.write(contentsOf: [.head(head(response, fields)), .end(nil)])
            }
            try await outbound.write(.head(head(response, fields)))
            try await produce(ResponseStream(outbound: outbound))
            try await outbound.write(.end(nil))
        }
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
