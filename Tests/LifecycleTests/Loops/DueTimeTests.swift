import Domain
import Lifecycle
import Testing

@Suite("Due times of loops (domain §8)")
struct DueTimeTests {
    static let now = Timestamp(secondsSinceEpoch: 1_750_000_000)

    @Test("a run is followed by the interval ±10 %", arguments: [(0.0, 3240), (0.5, 3600), (0.99999, 3959)])
    func regular(unit: Double, seconds: Int64) {
        let due = DueTime.after(runEndingAt: Self.now, interval: .hours(1), wakeAt: nil, unit: unit)
        #expect((due - Self.now).components.seconds == seconds)
    }

    @Test("work that comes sooner makes it due sooner, and never in the past")
    func earlierWork() {
        func due(_ wakeAt: Timestamp) -> Timestamp {
            DueTime.after(runEndingAt: Self.now, interval: .hours(1), wakeAt: wakeAt, unit: 0.5)
        }
        #expect(due(Self.now + .minutes(4)) == Self.now + .minutes(4))
        #expect(due(Self.now - .minutes(4)) == Self.now)
        #expect(due(Self.now + .hours(4)) == Self.now + .hours(1))
    }

    @Test("a restart keeps the stored due time; a first start goes by the table")
    func atStart() {
        func due(_ stored: Timestamp?, _ atFirstStart: Bool) -> Timestamp {
            DueTime.atStart(stored: stored, now: Self.now, interval: .hours(1), isDueAtFirstStart: atFirstStart)
        }
        #expect(due(nil, true) == Self.now)
        #expect(due(nil, false) == Self.now + .hours(1))
        #expect(due(Self.now + .minutes(7), true) == Self.now + .minutes(7))
        #expect(due(Self.now - .days(1), false) == Self.now - .days(1))
    }

    @Test("a clock set back by a day delays a loop by its interval and not by a day")
    func clockSetBack() {
        let stored = Self.now + .days(1)
        #expect(DueTime.corrected(stored, now: Self.now, interval: .hours(1)) == Self.now + .minutes(66))
    }
}
