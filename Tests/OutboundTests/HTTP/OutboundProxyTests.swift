import Outbound
import Testing

@Suite("HTTPS_PROXY and NO_PROXY")
struct OutboundProxyTests {
    private func proxy(_ environment: [String: String], _ host: String = "certctl.example.com") throws -> OutboundProxy?
    {
        try OutboundProxy(environment: environment, for: HTTPSURL("https://\(host):8443"))
    }

    @Test("a proxy is taken from the environment, with port 8080 unless it says another")
    func selection() throws {
        #expect(try proxy([:]) == nil)
        #expect(try proxy(["HTTPS_PROXY": ""]) == nil)
        #expect(try proxy(["HTTPS_PROXY": "http://p:3128"])?.port == 3128)
        #expect(try proxy(["https_proxy": "p:3128"])?.host == "p")
        #expect(try proxy(["HTTPS_PROXY": "http://p"])?.port == 8080)
        #expect(try proxy(["HTTPS_PROXY": "http://p/"])?.port == 8080)
    }

    @Test(
        "exemptions match whole labels",
        arguments: [
            ("*", true), ("example.com", true), (".example.com", true), ("a, certctl.example.com", true),
            ("ample.com", false),
            ("other.com", false), ("", false), ("CERTCTL.example.COM", true),
        ])
    func exemptions(_ list: String, _ isExempt: Bool) throws {
        let chosen = try proxy(["HTTPS_PROXY": "http://p:1", "NO_PROXY": list])
        #expect((chosen == nil) == isExempt)
    }

    @Test(
        "a proxy that cannot be used is an error, not a direct connection",
        arguments: [
            "http://user:pw@p:1", "http://p:x", "http://p/path", "http://", "socks5://p:1",
        ])
    func unusable(_ value: String) {
        #expect(throws: OutboundProxyError.self) { try proxy(["HTTPS_PROXY": value]) }
    }
}
