import Domain
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import PKI
import TestSupport
import Testing

@testable import Outbound

@Suite("Targets §9: what an endpoint serves, without judging it")
struct TLSProbeTests {
    private func probe(
        _ port: Int,
        host: String = "127.0.0.1",
        name: String? = nil,
        timeout: Duration = .seconds(5)
    ) async throws -> ProbedAddress {
        let endpoint = TLSEndpoint(host: host, port: port, serverName: name)
        return try #require(try await TLSProbe.probe(endpoint, purpose: .target, timeout: timeout).first)
    }

    @Test("the whole presented chain is seen, though nobody trusts it and the name is another")
    func chain() async throws {
        let issued = try await OpenSSLAuthority().issue("DNS:other.test")
        let server = try await TLSTestServer(certificate: issued.fullChain, key: issued.key)
        let served = try await probe(server.port, name: "some.test").outcome.get()
        let expected = try X509Certificate.bundle(pem: issued.fullChain)
        #expect(served.certificates == expected.map(\.der))
        #expect(served.tlsVersion == "TLS 1.3")
        try await server.stop()
    }

    @Test("an old protocol version is reported, not refused")
    func oldVersion() async throws {
        let issued = try await OpenSSLAuthority().issue("DNS:a.test")
        let server = try await TLSTestServer(
            certificate: issued.certificate, key: issued.key, newest: .tlsv12
        )
        #expect(try await probe(server.port).outcome.get().tlsVersion == "TLS 1.2")
        try await server.stop()
    }

    @Test("every address of a name is looked at")
    func allAddresses() async throws {
        let issued = try await OpenSSLAuthority().issue("DNS:localhost")
        let server = try await TLSTestServer(certificate: issued.certificate, key: issued.key)
        let endpoint = TLSEndpoint(host: "localhost", port: server.port)
        let probed = try await TLSProbe.probe(endpoint, purpose: .target, timeout: .seconds(5))
        let ipv4 = try #require(probed.first { $0.address == "127.0.0.1" })
        #expect((try? ipv4.outcome.get()) != nil)
        for other in probed where other.address != "127.0.0.1" {
            #expect(throws: OutboundError.self, "\(other.address)") { try other.outcome.get() }
        }
        try await server.stop()
    }

    @Test("nobody listening and somebody without TLS are told apart")
    func failures() async throws {
        #expect(await kind(of: LoopbackPort.unused()) == .unreachable)
        let plain = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Greeting()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(plain.localAddress?.port)
        #expect(await kind(of: port) == .tlsHandshake)
        try await plain.close()
    }

    @Test("a peer that accepts and says nothing costs the timeout and no more")
    func tarpit() async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let port = LoopbackPort.unused()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 4) == 0)
        let started = ContinuousClock.now
        #expect(await kind(of: port, timeout: .milliseconds(300)) == .timeout)
        #expect(ContinuousClock.now - started < .seconds(15))
    }

    private func kind(of port: Int, timeout: Duration = .seconds(5)) async -> OutboundError.Kind? {
        guard let outcome = try? await probe(port, timeout: timeout).outcome else { return nil }
        return if case .failure(let error) = outcome { error.kind } else { nil }
    }

    @Test("a name that does not resolve is said to be one")
    func unresolvable() async {
        let endpoint = TLSEndpoint(host: "certctl-none.invalid", port: 443)
        await #expect {
            try await TLSProbe.probe(endpoint, purpose: .target, timeout: .seconds(5))
        } throws: { ($0 as? OutboundError)?.kind == .nameResolution }
    }

    @Test(
        "endpoints",
        arguments: [
            ("web.example.com:443", "web.example.com", 443), ("127.0.0.1:8443", "127.0.0.1", 8443),
            ("[::1]:443", "::1", 443),
        ])
    func endpoints(_ text: String, _ host: String, _ port: Int) throws {
        let endpoint = try #require(TLSEndpoint(text))
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.description == text)
    }

    @Test(
        "text that is no endpoint",
        arguments: [
            "", "host", "host:", ":443", "host:0", "host:65536", "host:4x", "::1:443", "[::1]", "[host]:443", "a b:443",
            "h/x:1",
            "host:+1", "user@host:1",
        ])
    func notAnEndpoint(_ text: String) { #expect(TLSEndpoint(text) == nil) }
}

/// Speaks first and in the clear, as a mail server does.
private final class Greeting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "220 mail.test ESMTP\r\n")), promise: nil)
    }
}
