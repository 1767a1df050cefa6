import APIContract
import Domain
import HTTPTypes
import NIOCore

/// The body of a request that has not been read yet.
final class RequestBody {
    private enum Source {
        case connection(RequestParts, Exchange)
        case octets([UInt8])
    }

    private let source: Source
    private let wantsContinue: Bool
    /// From `Content-Length`.
    let declaredLength: Int?
    private(set) var bytesRead = 0

    init(source: RequestParts, head: HTTPRequest, exchange: Exchange) {
        self.source = .connection(source, exchange)
        declaredLength = head.headerFields[.contentLength].flatMap { Int($0) }
        wantsContinue = head.headerFields[.expect]?.lowercased() == "100-continue"
    }

    /// The body of a request that came by no connection.
    init(_ octets: [UInt8]) {
        source = .octets(octets)
        declaredLength = octets.count
        wantsContinue = false
    }

    /// To be called when the body has been read.
    func announceLongLivedResponse() async throws {
        guard case .connection(_, let exchange) = source else { return }
        try await exchange.announceLongLivedResponse()
    }

    /// Whether the client is still there for the answer.
    var isAwaited: @Sendable () -> Bool {
        guard case .connection(_, let exchange) = source else { return { true } }
        return { [channel = exchange.channel] in channel.isActive }
    }

    /// The whole body. Refuses by `Content-Length` before anything is read, and while reading beyond the limit.
    func collect(atMost limit: Int) async throws -> [UInt8] {
        if let declaredLength, declaredLength > limit { throw Problem.bodyTooLarge(limit: limit) }
        guard case .connection(let parts, let exchange) = source else { return given() }
        if wantsContinue { try await exchange.sendContinue() }
        var octets: [UInt8] = []
        if let declaredLength { octets.reserveCapacity(declaredLength) }
        while let chunk = try await parts.nextChunk() {
            bytesRead += chunk.readableBytes
            guard bytesRead <= limit else { throw Problem.bodyTooLarge(limit: limit) }
            octets.append(contentsOf: chunk.readableBytesView)
        }
        return octets
    }
    private func given() -> [UInt8] {
        guard case .octets(let octets) = source else { return [] }
        bytesRead = octets.count
        return octets
    }
}
