import Domain
import Testing

@Suite("RFC 3339 times")
struct TimestampRFC3339Tests {
    static let pairs: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_500_000, "1970-01-01T00:00:01.5Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00Z"),
        (4_102_444_799_000_000, "2099-12-31T23:59:59Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
    ]

    @Test("a time prints as it reads", arguments: pairs)
    func pair(microseconds: Int64, text: String) throws {
        #expect(Timestamp(microsecondsSinceEpoch: microseconds).rfc3339 == text)
        #expect(try Timestamp(rfc3339: text).microsecondsSinceEpoch == microseconds)
    }

    @Test("offsets and lower case are understood")
    func offsets() throws {
        let reference = try Timestamp(rfc3339: "2026-03-15T12:00:00Z")
        #expect(try Timestamp(rfc3339: "2026-03-15T14:30:00+02:30") == reference)
        #expect(try Timestamp(rfc3339: "2026-03-15t07:00:00.0000009-05:00") == reference)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "2026-03-15", "2026-03-15T12:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
            "2026-03-15T24:00:00Z", "2026-03-15T12:00:60Z", "2026-03-15T12:00:00.Z", "2026-03-15 12:00:00Z",
            "2026-03-15T12:00:00+0200", "2026-03-15T12:00:00Zx", "+026-03-15T12:00:00Z", "2026-03-15T12:00:00+24:00",
        ])
    func refused(text: String) {
        #expect(throws: TimestampError.self) { try Timestamp(rfc3339: text) }
    }

    @Test("every day of four centuries converts both ways")
    func calendar() throws {
        for day in stride(from: Int64(-80_000), to: 80_000, by: 1) {
            let civil = CivilTime(secondsSinceEpoch: day * 86_400 + 86_399)
            #expect(civil.secondsSinceEpoch == day * 86_400 + 86_399)
        }
    }
}
