import Domain
import NIOSSL
import PKI
import TestSupport
import Testing

@testable import Outbound

@Suite("Targets §1.3: requests are verified, bounded and never redirected")
struct OutboundHTTPTests {
    /// A server for 127.0.0.1 and a client that trusts its root.
    private func withServer<Value>(
        _ behaviour: TLSTestServer.Behaviour,
        newest: TLSVersion = .tlsv13,
        trusts: Bool = true,
        _ body: (OutboundHTTP, HTTPSURL) async throws -> Value
    ) async throws -> Value {
        let authority = try await OpenSSLAuthority()
        let issued = try await authority.issue("IP:127.0.0.1")
        let server = try await TLSTestServer(
            certificate: issued.fullChain, key: issued.key, newest: newest, behaviour
        )
        let trust: TrustAnchors = trusts ? try TrustAnchors(pemBundle: authority.root) : .system
        let client = try OutboundHTTP(purpose: .controlPlane, trust: trust, userAgent: "certctl-test/1")
        let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
        return try await using(server, end: { try await $0.stop() }) { _ async throws in
            try await using(client, end: { try await $0.shutdown() }) { client async throws in
                try await body(client, url)
            }
        }
    }

    private func expectFailure(
        _ kind: OutboundError.Kind,
        _ behaviour: TLSTestServer.Behaviour,
        newest: TLSVersion = .tlsv13,
        trusts: Bool = true,
        timeout: Duration = .seconds(5),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await withServer(behaviour, newest: newest, trusts: trusts) { client, url in
            do {
                _ = try await client.send("GET", url, path: "/", timeout: timeout)
                Issue.record("the request succeeded", sourceLocation: sourceLocation)
            } catch let error as OutboundError {
                #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
                #expect(error.endpoint == url.authority, sourceLocation: sourceLocation)
            }
        }
    }

    @Test("method, path, headers and body arrive; status, headers and body come back")
    func exchange() async throws {
        let answer = "HTTP/1.1 201 Created\r\nX-One: a\r\n{length}\r\n\r\n{request}"
        try await withServer(.answer(answer)) { client, url in
            let reply = try await client.send(
                "POST", url, path: "/api/v1/x?y=1", headers: [("Authorization", "Bearer k")], body: Array("body".utf8),
                timeout: .seconds(5)
            )
            let request = String(decoding: reply.body, as: UTF8.self)
            #expect(reply.status == 201)
            #expect(reply.header("x-one") == "a")
            #expect(request.hasPrefix("POST /api/v1/x?y=1 HTTP/1.1\r\n"))
            for line in ["User-Agent: certctl-test/1", "Authorization: Bearer k", "Content-Length: 4"] {
                #expect(request.lowercased().contains(line.lowercased()), "\(line) in \(request)")
            }
        }
    }

    @Test("a redirect is an answer, not an instruction")
    func redirect() async throws {
        let answer = "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        try await withServer(.answer(answer)) { client, url in
            let reply = try await client.send("GET", url, path: "/", timeout: .seconds(5))
            #expect(reply.status == 302)
            #expect(reply.header("Location") == "https://127.0.0.1:1/")
        }
    }

    @Test("a server that no anchor vouches for is named as such")
    func untrusted() async throws {
        try await expectFailure(.tlsVerification, .answer("HTTP/1.1 204 No Content\r\n\r\n"), trusts: false)
    }

    @Test("the control plane is not spoken to below TLS 1.3")
    func oldTLS() async throws {
        try await expectFailure(
            .tlsHandshake, .answer("HTTP/1.1 204 No Content\r\n\r\n"), newest: .tlsv12
        )
    }

    @Test("a server that says nothing costs the timeout")
    func silence() async throws { try await expectFailure(.timeout, .staySilent, timeout: .milliseconds(300)) }

    @Test("a connection that breaks is told apart from a refusal")
    func broken() async throws { try await expectFailure(.connectionLost, .closeAtOnce) }

    @Test("an answer beyond the limit is dropped, with and without a declared length", arguments: [true, false])
    func bodyLimit(_ isDeclared: Bool) async throws {
        let size = (8 << 20) + 1
        let length = isDeclared ? "Content-Length: \(size)\r\n" : "Connection: close\r\n"
        let head = "HTTP/1.1 200 OK\r\n\(length)\r\n"
        try await expectFailure(.bodyTooLarge, .answerBytes(head: head, bodySize: size), timeout: .seconds(20))
    }

    @Test("nobody listening is unreachable, at once")
    func unreachable() async throws {
        let client = try OutboundHTTP(purpose: .controlPlane, trust: .system, userAgent: "test")
        let url = try HTTPSURL("https://127.0.0.1:\(LoopbackPort.unused())")
        let started = ContinuousClock.now
        try await using(client, end: { try await $0.shutdown() }) { client async throws in
            await #expect { try await client.send("GET", url, path: "/", timeout: .seconds(10)) } throws: {
                ($0 as? OutboundError)?.kind == .unreachable
            }
        }
        #expect(ContinuousClock.now - started < .seconds(9))
    }

    @Test("a cancelled request says so")
    func cancellation() async throws {
        try await withServer(.staySilent) { client, url in
            let task = Task { try await client.send("GET", url, path: "/", timeout: .seconds(10)) }
            task.cancel()
            await #expect { try await task.value } throws: { ($0 as? OutboundError)?.kind == .cancelled }
        }
    }

    @Test("verification can be off for development only by saying so")
    func unverified() async throws {
        let issued = try await OpenSSLAuthority().issue("DNS:other.test")
        let server = try await TLSTestServer(
            certificate: issued.certificate, key: issued.key, .answer("HTTP/1.1 204 No Content\r\n\r\n")
        )
        let client = try OutboundHTTP(purpose: .controlPlane, trust: .unverified, userAgent: "test")
        let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
        try await using(client, end: { try await $0.shutdown() }) { client async throws in
            #expect(try await client.send("GET", url, path: "/", timeout: .seconds(5)).status == 204)
        }
        try await server.stop()
    }

    @Test("a client that is let go with its connections open ends them, and not the process")
    func letGo() async throws {
        let issued = try await OpenSSLAuthority().issue("DNS:other.test")
        let server = try await TLSTestServer(
            certificate: issued.certificate, key: issued.key, .answer("HTTP/1.1 204 No Content\r\n\r\n")
        )
        let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
        for _ in 0..<3 {
            let client = try OutboundHTTP(purpose: .controlPlane, trust: .unverified, userAgent: "test")
            #expect(try await client.send("GET", url, path: "/", timeout: .seconds(5)).status == 204)
        }
        try await server.stop()
    }
}
