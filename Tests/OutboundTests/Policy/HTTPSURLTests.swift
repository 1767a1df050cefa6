import Outbound
import Testing

@Suite("Targets §1.2: the control plane is spoken to over https only")
struct HTTPSURLTests {
    @Test(
        "accepted forms",
        arguments: [
            ("https://localhost:8443", "localhost", 8443, "https://localhost:8443/api"),
            ("https://CertCtl.Example.com", "certctl.example.com", 443, "https://certctl.example.com/api"),
            ("HTTPS://h:1/", "h", 1, "https://h:1/api"),
            ("https://[::1]:8443/base/", "::1", 8443, "https://[::1]:8443/base/api"),
            ("https://10.0.0.1/a/b", "10.0.0.1", 443, "https://10.0.0.1/a/b/api"),
        ])
    func accepted(_ text: String, _ host: String, _ port: Int, _ joined: String) throws {
        let url = try HTTPSURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.text(of: "/api") == joined)
    }

    @Test(
        "each refusal has its reason",
        arguments: [
            ("", .empty), ("localhost:8443", .noScheme), ("http://localhost:8443", .plainHTTP),
            ("HTTP://x", .plainHTTP),
            ("ftp://x", .otherScheme("ftp")), ("file:///etc/passwd", .otherScheme("file")),
            ("https://user:secret@host", .userInformation), ("https://", .noHost), ("https://:8443", .noHost),
        ] as [(String, HTTPSURLError)])
    func refused(_ text: String, _ reason: HTTPSURLError) {
        #expect(throws: reason) { try HTTPSURL(text) }
    }

    @Test(
        "malformed texts",
        arguments: [
            "https://host:0", "https://host:65536", "https://host:x", "https://host:", "https://a b", "https://h?x",
            "https://h#x",
            "https://[::1", "https://[host]", "https://h/../x", "https://h\n", "https://hö", "https://h\u{0}",
            "https://[::1]x",
        ])
    func malformed(_ text: String) { #expect(throws: HTTPSURLError.self) { try HTTPSURL(text) } }
}
