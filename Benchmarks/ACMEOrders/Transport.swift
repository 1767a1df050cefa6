import AsyncHTTPClient
import Encoding
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The connections to the server, kept open and shared by the clients; HTTP/1.1, so that all servers are asked alike.
struct Transport: Sendable {
    struct Answer: Sendable {
        let status: Int
        let nonce: String?
        let location: String?
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func json() throws -> JSONObject {
            guard let object = try JSONValue(parsing: body).objectValue else {
                throw Refusal(status: status, text: text)
            }
            return object
        }
    }

    /// An answer that ends an order.
    struct Refusal: Error, CustomStringConvertible {
        let status: Int
        let text: String
        var description: String { "\(status) \(text)" }
    }

    private let client: HTTPClient
    let counts: Counts

    init(counts: Counts) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        self.counts = counts
    }

    func send(_ method: HTTPMethod, _ url: String, _ body: String? = nil) async throws -> Answer {
        counts.asked()
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "User-Agent", value: "acme-orders")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/jose+json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await client.execute(request, timeout: .seconds(15))
        let octets = try await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code), nonce: response.headers.first(name: "Replay-Nonce"),
            location: response.headers.first(name: "Location"), body: Array(octets.readableBytesView))
    }

    func stop() async throws { try await client.shutdown() }
}
