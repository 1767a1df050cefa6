import AsyncHTTPClient
package import Domain
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a web server answered.
package struct WebAnswer: Sendable {
    package let status: Int
    /// `Location`, when there is exactly one.
    package let location: String?
    package let body: [UInt8]
}

/// Gets one page of a web server that need not be trusted: nothing is sent but the question, a certificate is not judged,
/// redirects are the caller's to follow, and each connection goes to a checked address.
package struct WebFetch: Sendable {
    /// How long connecting to one address may take.
    static let connectTimeout = Duration.seconds(5)
    /// How long a server may keep silent.
    static let silence = Duration.seconds(10)

    private let userAgent: String
    private let purpose: EgressPurpose
    private let egress: EgressGuard

    package init(userAgent: String, purpose: EgressPurpose, through egress: EgressGuard) {
        self.userAgent = userAgent
        self.purpose = purpose
        self.egress = egress
    }

    /// Asks the first address that answers.
    ///
    /// `hostField` is what `Host` says, with a port only when it is given here; `timeout` is for the whole exchange.
    ///
    /// - Throws: ``OutboundError``.
    package func get(
        _ location: WebLocation, hostField: String, timeout: Duration
    ) async throws(OutboundError) -> WebAnswer {
        let endpoint = "\(location.shownHost):\(location.port)"
        let deadline = NIODeadline.now() + .microseconds(timeout.wholeMicroseconds)
        let permits = try await egress.permits(
            host: location.host, port: location.port, for: purpose, within: timeout)
        var last = OutboundError(.unreachable, endpoint: endpoint, message: "no address answers")
        for permit in Self.preferring6(permits).prefix(EgressGuard.attempts) where NIODeadline.now() < deadline {
            do {
                return try await get(location, hostField, at: permit, until: deadline)
            } catch {
                let error = OutboundError(classifying: error, endpoint: endpoint, timeout: timeout)
                guard error.kind.isTransient else { throw error }
                last = error
            }
        }
        throw last
    }

    /// What is left until the deadline, and no more than ``connectTimeout``.
    static func connectTimeout(until deadline: NIODeadline) -> TimeAmount {
        let most = TimeAmount.microseconds(connectTimeout.wholeMicroseconds)
        return max(min(deadline - .now(), most), .milliseconds(1))
    }

    /// IPv6 first (protocol-servers §2.8).
    static func preferring6(_ permits: [EgressPermit]) -> [EgressPermit] {
        permits.filter { $0.address.contains(":") } + permits.filter { !$0.address.contains(":") }
    }

    private func get(
        _ location: WebLocation, _ hostField: String, at permit: EgressPermit, until deadline: NIODeadline
    ) async throws -> WebAnswer {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(
                connect: Self.connectTimeout(until: deadline),
                read: .microseconds(Self.silence.wholeMicroseconds)),
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        if permit.address != location.host { configuration.dnsOverride = [location.host: permit.address] }
        let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        let answer: Result<WebAnswer, any Error>
        do { answer = .success(try await get(location, hostField, by: client, until: deadline)) } catch {
            answer = .failure(error)
        }
        try? await client.shutdown()
        return try answer.get()
    }

    private func get(
        _ location: WebLocation, _ hostField: String, by client: HTTPClient, until deadline: NIODeadline
    ) async throws -> WebAnswer {
        var request = HTTPClientRequest(url: "\(location)")
        request.headers.add(name: "Host", value: hostField)
        request.headers.add(name: "User-Agent", value: userAgent)
        request.headers.add(name: "Accept", value: "*/*")
        let response = try await client.execute(request, deadline: deadline)
        var octets: [UInt8] = []
        for try await part in response.body {
            octets.append(contentsOf: part.readableBytesView)
            guard octets.count <= purpose.bodyLimit else {
                throw OutboundError(
                    .bodyTooLarge, endpoint: "\(location.shownHost):\(location.port)",
                    message: "the answer is larger than \(purpose.bodyLimit) octets")
            }
        }
        let locations = response.headers["Location"]
        return WebAnswer(
            status: Int(response.status.code), location: locations.count == 1 ? locations[0] : nil, body: octets)
    }
}
