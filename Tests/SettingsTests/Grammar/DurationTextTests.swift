import Domain
import Settings
import Testing

@Suite("operations §3.2: durations")
struct DurationTextTests {
    static let accepted: [(String, Duration)] = [
        ("300ms", .milliseconds(300)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h30m", .seconds(5400)),
        ("24h", .seconds(86_400)), ("7d", .seconds(604_800)), ("2w", .seconds(1_209_600)), ("0", .zero), ("0s", .zero),
        ("1d12h", .seconds(129_600)), ("1m500ms", .milliseconds(60_500)), ("007s", .seconds(7)),
    ]

    static let refused = [
        "", "5", "s", "1.5h", "-1s", "+1s", "5 s", " 5s", "5s ", "5S", "5min", "5sec", "1m1h", "5s5s", "1µs", "1us",
        "1ns",
        "99999999999999999999s", "9223372036854775807w", "1h30", "0x5s", "٥s", "5\u{0}s", "ms", "1y",
    ]

    @Test("the grammar's examples", arguments: accepted)
    func accepts(text: String, duration: Duration) {
        #expect(DurationText.duration(text) == duration)
    }

    @Test("anything else is refused", arguments: refused)
    func refuses(text: String) {
        #expect(DurationText.duration(text) == nil)
    }

    @Test("what is printed reads back as the same duration", arguments: accepted.map(\.1) + [.milliseconds(90_061_001)])
    func roundTrips(duration: Duration) {
        #expect(DurationText.duration(DurationText.text(duration)) == duration)
    }
}
