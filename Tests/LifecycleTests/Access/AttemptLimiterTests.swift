import Access
import Domain
import Testing

@Suite("Attempts are limited per key and window")
struct AttemptLimiterTests {
    static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)

    @Test("the sixth attempt in a minute is refused with the time that is left")
    func limit() {
        let limiter = AttemptLimiter(limit: 5, window: .minutes(1))
        for second in 0..<5 { #expect(limiter.admit("a", at: Self.start + .seconds(second)) == nil) }
        #expect(limiter.admit("a", at: Self.start + .seconds(20)) == .seconds(40))
        #expect(limiter.admit("b", at: Self.start + .seconds(20)) == nil)
        #expect(limiter.admit("a", at: Self.start + .seconds(60)) == nil)
    }

    @Test("a flood of keys neither grows memory nor lets new keys through")
    func capacity() {
        let limiter = AttemptLimiter(limit: 5, window: .minutes(1), capacity: 3)
        for key in ["a", "b", "c"] { #expect(limiter.admit(key, at: Self.start) == nil) }
        #expect(limiter.admit("d", at: Self.start) != nil)
        #expect(limiter.admit("a", at: Self.start) == nil)
        #expect(limiter.admit("d", at: Self.start + .minutes(1)) == nil)
    }

    @Test("a clock set back by a day does not lock a key for a day")
    func clockSetBack() {
        let limiter = AttemptLimiter(limit: 1, window: .minutes(1))
        #expect(limiter.admit("a", at: Self.start) == nil)
        #expect(limiter.admit("a", at: Self.start - .days(1)) == nil)
        #expect(limiter.admit("a", at: Self.start - .days(1)) == .minutes(1))
    }
}
