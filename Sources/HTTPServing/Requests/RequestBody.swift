import APIContract
import Domain
import HTTPTypes
import NIOCore

/// The body of a request that has not been read yet.
final class RequestBody {
    private let source: RequestParts
    private let exchange: Exchange
    private let wantsContinue: Bool
    /// From `Content-Length`.
    let declaredLength: Int?
    private(set) var bytesRead = 0

    init(source: RequestParts, head: HTTPRequest, exchange: Exchange) {
        self.source = source
        self.exchange = exchange
        declaredLength = head.headerFields[.contentLength].flatMap { Int($0) }
        wantsContinue = head.headerFields[.expect]?.lowercased() == "100-continue"
    }

    /// To be called when the body has been read.
    func announceLongLivedResponse() async throws { try await exchange.announceLongLivedResponse() }

    /// The whole body. Refuses by `Content-Length` before anything is read, and while reading beyond the limit.
    func collect(atMost limit: Int) async throws -> [UInt8] {
        if let declaredLength, declaredLength > limit { throw Problem.bodyTooLarge(limit: limit) }
        if wantsContinue { try await exchange.sendContinue() }
        var octets: [UInt8] = []
        if let declaredLength { octets.reserveCapacity(declaredLength) }
        while let chunk = try await source.nextChunk() {
            bytesRead += chunk.readableBytes
            guard bytesRead <= limit else { throw Problem.bodyTooLarge(limit: limit) }
            octets.append(contentsOf: chunk.readableBytesView)
        }
        return octets
    }
}
