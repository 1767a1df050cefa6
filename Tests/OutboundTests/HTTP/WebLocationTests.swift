import Testing

@testable import Outbound

@Suite("RFC 3986 §5.2: where a redirect leads")
struct WebLocationTests {
    private static let base = WebLocation(host: "www.test", port: 80, path: "/.well-known/acme-challenge/tok?x=1")

    @Test(
        "what is followed",
        arguments: [
            ("https://other.test/a?b#c", "https://other.test:443/a?b"),
            ("HTTP://Other.Test:8080", "http://other.test:8080/"),
            ("//[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x"), ("/abs", "http://www.test:80/abs"),
            ("rel", "http://www.test:80/.well-known/acme-challenge/rel"),
            ("?q", "http://www.test:80/.well-known/acme-challenge/tok?q"), ("http://a.test?x", "http://a.test:80/?x"),
            ("#f", "http://www.test:80/.well-known/acme-challenge/tok?x=1"),
        ])
    func followed(reference: String, target: String) {
        #expect(WebLocation(reference, from: Self.base)?.description == target)
    }

    @Test(
        "what is not",
        arguments: [
            "", "ftp://a.test/", "javascript:x", "http://user@a.test/", "http://a.test:0/", "http://a.test:65536/",
            "http://a.test:8x/", "http://", "http://[::1", "http://[zz]/", "http:// a.test/", "http://a.test/\u{e9}",
            "http://a.test/\r\nX: y", "http://a_b<c>.test/", "http://a.test\\@b.test/", "http://a%2e.test/",
            "/" + String(repeating: "a", count: 2048),
        ])
    func refused(reference: String) { #expect(WebLocation(reference, from: Self.base) == nil) }
}
