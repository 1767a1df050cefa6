import Domain
import Outbound
import PKI
import TestSupport
import Testing

@Suite("A machine learns its trust anchor from the server by a pin, and from nothing else")
struct CertificatePinTests {
    @Test("the pinned root becomes the only anchor, and the server's name still counts")
    func bootstrap() async throws {
        let authority = try await OpenSSLAuthority()
        let issued = try await authority.issue("IP:127.0.0.1")
        let server = try await TLSTestServer(
            certificate: issued.fullChain + authority.root, key: issued.key,
            .answer("HTTP/1.1 204 No Content\r\n\r\n")
        )
        let root = try X509Certificate(pem: authority.root)
        let pin = try #require(CertificatePin("sha256:\(root.fingerprintSHA256)"))
        let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
        let anchor = try await PinnedFetch.anchor(of: url, pin: pin, timeout: .seconds(5))
        #expect(anchor == root)
        let client = try OutboundHTTP(purpose: .controlPlane, trust: .certificates([anchor]), userAgent: "test")
        try await using(client, end: { try await $0.shutdown() }) { client async throws in
            #expect(try await client.send("GET", url, path: "/", timeout: .seconds(5)).status == 204)
            let other = try await authority.issue("DNS:other.test")
            let impostor = try await TLSTestServer(certificate: other.fullChain, key: other.key, .staySilent)
            let wrongName = try HTTPSURL("https://127.0.0.1:\(impostor.port)")
            await #expect { try await client.send("GET", wrongName, path: "/", timeout: .seconds(5)) } throws: {
                ($0 as? OutboundError)?.kind == .tlsVerification
            }
            try await impostor.stop()
        }
        try await server.stop()
    }

    @Test("a server with another certificate is refused, and what it presents is shown")
    func wrongPin() async throws {
        let issued = try await OpenSSLAuthority().issue("IP:127.0.0.1")
        let server = try await TLSTestServer(certificate: issued.fullChain, key: issued.key)
        let pin = try #require(CertificatePin("sha256:" + String(repeating: "ab", count: 32)))
        let url = try HTTPSURL("https://127.0.0.1:\(server.port)")
        let presented = try X509Certificate.bundle(pem: issued.fullChain).map(\.fingerprintSHA256)
        await #expect(throws: PinError(endpoint: url.authority, pin: pin, presented: presented)) {
            try await PinnedFetch.anchor(of: url, pin: pin, timeout: .seconds(5))
        }
        try await server.stop()
    }

    @Test("a server that is away is no wrong pin")
    func unreachable() async throws {
        let pin = try #require(CertificatePin("sha256:" + String(repeating: "ab", count: 32)))
        let url = try HTTPSURL("https://127.0.0.1:\(LoopbackPort.unused())")
        await #expect { try await PinnedFetch.anchor(of: url, pin: pin, timeout: .seconds(5)) } throws: {
            ($0 as? OutboundError)?.kind == .unreachable
        }
    }

    @Test("pins are read as people paste them")
    func spelling() {
        let digits = String(repeating: "0f", count: 32)
        let colons = Array(repeating: "0F", count: 32).joined(separator: ":")
        #expect(CertificatePin("sha256:\(digits)")?.fingerprint == digits)
        #expect(CertificatePin("SHA256:\(colons)")?.fingerprint == digits)
    }

    @Test(
        "what is no pin",
        arguments: ["", "sha256:", "sha1:00", "sha256:zz", "sha256:00", String(repeating: "0f", count: 32)])
    func notAPin(_ text: String) { #expect(CertificatePin(text) == nil) }
}
