import Domain
package import Outbound
import Settings

/// One request to the control plane.
package struct APIRequest: Sendable {
    package let method: String
    /// Begins with `/`; the query is part of it.
    package let path: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]?
    /// For the whole exchange.
    package let timeout: Duration
}

/// The one way to the server: real TLS, or an in-process server in a test.
package struct Transport: Sendable {
    package typealias Sink = @Sendable ([UInt8]) throws -> Void

    let send: @Sendable (APIRequest) async throws(OutboundError) -> HTTPReply
    /// Hands the body of a success over piece by piece.
    let download: @Sendable (APIRequest, Sink) async throws -> HTTPReply
    let close: @Sendable () async -> Void

    package init(
        send: @escaping @Sendable (APIRequest) async throws(OutboundError) -> HTTPReply,
        download: (@Sendable (APIRequest, Sink) async throws -> HTTPReply)? = nil,
        close: @escaping @Sendable () async -> Void = {}
    ) {
        self.send = send
        self.download =
            download
            ?? { request, sink in
                let reply = try await send(request)
                if reply.status < 300 { try sink(reply.body) }
                return reply
            }
        self.close = close
    }

    /// TLS 1.3 to the configured server, verified by the configured anchors.
    static func network(_ configuration: CLIConfiguration, environment: [String: String]) throws(CLIFailure)
        -> Transport
    {
        let url: HTTPSURL
        do { url = try HTTPSURL(configuration.serverURL.text) } catch { throw .configuration("\(error)") }
        let proxy: OutboundProxy?
        do {
            proxy = try OutboundProxy(environment: environment, for: url)
        } catch { throw .configuration("\(error)") }
        let trust = try TrustFile.anchors(configuration.trust)
        let http: OutboundHTTP
        do {
            http = try OutboundHTTP(
                purpose: .controlPlane,
                trust: trust,
                userAgent: "certctl-cli/\(Version.number)",
                proxy: proxy
            )
        } catch { throw .configuration("the trust anchors cannot be used: \(error)") }
        return Transport(
            send: { request throws(OutboundError) in
                try await http.send(
                    request.method,
                    url,
                    path: request.path,
                    headers: request.headers,
                    body: request.body,
                    timeout: request.timeout
                )
            },
            download: { request, sink in
                try await http.download(
                    request.method, url, path: request.path, headers: request.headers, timeout: request.timeout,
                    to: sink
                )
            },
            close: { try? await http.shutdown() }
        )
    }
}

/// Reads the trust anchors that the configuration names.
enum TrustFile {
    static func anchors(_ trust: CLIConfiguration.Trust) throws(CLIFailure) -> TrustAnchors {
        switch trust {
        case .system: return .system
        case .nobody: return .unverified
        case .bundle(let path):
            guard let anchors = try read(path) else { throw .configuration("\(path): no such file") }
            return anchors
        case .localServer(let path):
            // A server on this host may also have a certificate of a public CA: then there is no such file.
            return try read(path) ?? .system
        }
    }

    private static func read(_ path: String) throws(CLIFailure) -> TrustAnchors? {
        guard let octets = try LocalFiles.read(path) else { return nil }
        do {
            return try TrustAnchors(pemBundle: String(decoding: octets, as: UTF8.self))
        } catch {
            throw .configuration("\(path): \(error)")
        }
    }
}
