import Domain
import Outbound
import Testing

@Suite("RFC 9110 §10.2.3: Retry-After")
struct RetryAfterTests {
    /// 1994-11-06T08:49:37Z, the example of RFC 9110 §5.6.7.
    private static let example = Timestamp(secondsSinceEpoch: 784_111_777)

    @Test(
        "seconds and dates",
        arguments: [
            ("0", .zero), ("120", .seconds(120)), ("999999999999", .days(1)), ("99999999999999999999", .days(1)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", .zero), ("Sun, 06 Nov 1994 08:50:37 GMT", .seconds(60)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", .zero), ("Tue, 29 Feb 2000 00:00:00 GMT", .days(1)),
        ] as [(String, Duration)])
    func delays(_ text: String, _ expected: Duration) {
        #expect(RetryAfter.delay(text, now: Self.example) == expected)
    }

    @Test(
        "malformed values are ignored",
        arguments: [
            "", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "１２",
        ])
    func malformed(_ text: String) { #expect(RetryAfter.delay(text, now: Self.example) == nil) }

    @Test("the header is found in any case of letters")
    func header() {
        let reply = HTTPReply(status: 429, headers: [(name: "RETRY-after", value: "7")], body: [])
        #expect(reply.retryAfter(now: Self.example) == .seconds(7))
    }
}
