import Domain
import Testing

@testable import AgentRuntime

@Suite("targets §1.5: jitter and back-off")
struct CadenceTests {
    /// A source whose unit interval is exactly one half: the middle of every spread.
    static let middle = RandomSource { count in [0x80] + [UInt8](repeating: 0, count: count - 1) }
    static let lowest = RandomSource { count in [UInt8](repeating: 0, count: count) }
    static let highest = RandomSource { count in [UInt8](repeating: 0xFF, count: count) }

    @Test(
        "after n failures the wait is n intervals, at most five minutes",
        arguments: [(0, 30), (1, 30), (2, 60), (3, 90), (9, 270), (10, 300), (11, 300), (5000, 300)]
    )
    func backOff(failures: Int, seconds: Int) {
        let cadence = Cadence(interval: .seconds(30))
        #expect(cadence.delay(failures: failures, random: Self.middle) == .seconds(seconds))
    }

    @Test("an interval above five minutes is not shortened by failures")
    func longInterval() {
        #expect(Cadence(interval: .minutes(10)).delay(failures: 4, random: Self.middle) == .minutes(10))
    }

    @Test("every wait varies by ten percent and no more")
    func jitter() {
        let cadence = Cadence(interval: .seconds(60))
        #expect(cadence.delay(random: Self.lowest) == .seconds(54))
        #expect(cadence.delay(random: Self.highest) > .seconds(65))
        #expect(cadence.delay(random: Self.highest) <= .seconds(66))
    }

    @Test("Retry-After lengthens a wait, never shortens it, and is believed up to an hour")
    func retryAfter() {
        let cadence = Cadence(interval: .seconds(30))
        #expect(cadence.delay(failures: 1, retryAfter: .seconds(100), random: Self.middle) == .seconds(100))
        #expect(cadence.delay(failures: 1, retryAfter: .seconds(1), random: Self.middle) == .seconds(30))
        #expect(cadence.delay(failures: 1, retryAfter: .days(30), random: Self.middle) == .hours(1))
    }

    @Test("a watched start waits at most five seconds, an ordinary one at most an interval")
    func firstDelay() {
        let cadence = Cadence(interval: .seconds(60))
        #expect(cadence.firstDelay(prompt: true, random: Self.highest) < .seconds(5))
        #expect(cadence.firstDelay(prompt: false, random: Self.highest) > .seconds(59))
        #expect(cadence.firstDelay(prompt: false, random: Self.highest) < .seconds(60))
        #expect(Cadence(interval: .seconds(2)).firstDelay(prompt: true, random: Self.highest) < .seconds(2))
    }
}
