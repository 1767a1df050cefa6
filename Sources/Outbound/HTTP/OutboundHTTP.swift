import AsyncHTTPClient
package import Domain
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP client of a process: checked and pinned addresses, verified TLS, no redirects, a cap on bodies, a deadline on
/// every request.
///
/// One instance is shared by everything that talks to the same server, and ``shutdown()`` ends it.
package final class OutboundHTTP: Sendable {
    private let clients: PinnedClients
    private let userAgent: String
    private let purpose: EgressPurpose

    /// Opens no connection. `userAgent` is such as `certctl-agent/1.0.0 (linux; amd64)`.
    ///
    /// - Throws: When a trust anchor is not a certificate that TLS can use.
    package init(
        purpose: EgressPurpose,
        trust: TrustAnchors,
        userAgent: String,
        proxy: OutboundProxy? = nil,
        through egress: EgressGuard = EgressGuard()
    ) throws {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try trust.configuration(for: purpose),
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10)),
            proxy: proxy.map { .server(host: $0.host, port: $0.port) },
            decompression: .disabled
        )
        configuration.connectionPool.idleTimeout = .seconds(90)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10
        // A refused connection is an answer: the caller has its own schedule for trying again.
        configuration.connectionPool.retryConnectionEstablishment = false
        clients = PinnedClients(
            configuration: configuration, isProxied: proxy != nil, egress: egress, purpose: purpose)
        self.userAgent = userAgent
        self.purpose = purpose
    }

    /// Sends one request and reads the whole answer, whatever its status.
    ///
    /// `path` begins with `/` and may carry a query; `timeout` is for the whole exchange.
    ///
    /// - Throws: ``OutboundError``; cancelling the task gives ``OutboundError/Kind/cancelled``.
    package func send(
        _ method: String,
        _ url: HTTPSURL,
        path: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration
    ) async throws(OutboundError) -> HTTPReply {
        var request = HTTPClientRequest(url: url.text(of: path))
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "User-Agent", value: userAgent)
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let deadline = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        do {
            let response = try await clients.execute(request, to: url, deadline: deadline)
            let octets = try await collect(response.body, endpoint: url.authority)
            return HTTPReply(
                status: Int(response.status.code),
                headers: response.headers.map { (name: $0.name, value: $0.value) },
                body: octets
            )
        } catch {
            throw OutboundError(classifying: error, endpoint: url.authority, timeout: timeout)
        }
    }

    /// Sends one request and hands the body of a success to `sink` as it arrives, whatever its size. An answer with an
    /// error status is read whole.
    ///
    /// - Throws: ``OutboundError``, or what `sink` throws.
    package func download(
        _ method: String,
        _ url: HTTPSURL,
        path: String,
        headers: [(name: String, value: String)] = [],
        timeout: Duration,
        to sink: ([UInt8]) throws -> Void
    ) async throws -> HTTPReply {
        var request = HTTPClientRequest(url: url.text(of: path))
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "User-Agent", value: userAgent)
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        let deadline = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        func classified(_ error: any Error) -> OutboundError {
            OutboundError(classifying: error, endpoint: url.authority, timeout: timeout)
        }
        let response: HTTPClientResponse
        do { response = try await clients.execute(request, to: url, deadline: deadline) } catch {
            throw classified(error)
        }
        let status = Int(response.status.code)
        let fields = response.headers.map { (name: $0.name, value: $0.value) }
        guard (200..<300).contains(status) else {
            do {
                return HTTPReply(
                    status: status, headers: fields, body: try await collect(response.body, endpoint: url.authority))
            } catch { throw classified(error) }
        }
        var parts = response.body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do { part = try await parts.next() } catch { throw classified(error) }
            guard let part else { return HTTPReply(status: status, headers: fields, body: []) }
            try sink(Array(part.readableBytesView))
        }
    }

    private func collect(_ body: HTTPClientResponse.Body, endpoint: String) async throws -> [UInt8] {
        var octets: [UInt8] = []
        for try await part in body {
            octets.append(contentsOf: part.readableBytesView)
            guard octets.count <= purpose.bodyLimit else {
                throw OutboundError(
                    .bodyTooLarge,
                    endpoint: endpoint,
                    message: "the answer is larger than \(purpose.bodyLimit) octets"
                )
            }
        }
        return octets
    }

    /// Closes all connections. Requests under way fail.
    package func shutdown() async throws { try await clients.shutdown() }
}
