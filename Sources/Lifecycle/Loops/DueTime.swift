package import Domain

/// When a loop runs next: pure arithmetic, so that restarts and clock steps can be tested without waiting.
package enum DueTime {
    /// A due time after a run that ended at `now`: the interval ±10 %, or sooner when there is work sooner.
    package static func after(
        runEndingAt now: Timestamp,
        interval: Duration,
        wakeAt: Timestamp?,
        unit: Double
    ) -> Timestamp {
        let regular = now + RetrySchedule.jittered(interval, by: 0.1, unit: unit)
        guard let wakeAt else { return regular }
        return max(now, min(regular, wakeAt))
    }

    /// The due time at start: the stored one, or at once (or an interval away) when the loop never ran.
    package static func atStart(
        stored: Timestamp?,
        now: Timestamp,
        interval: Duration,
        isDueAtFirstStart: Bool
    ) -> Timestamp {
        guard let stored else { return isDueAtFirstStart ? now : now + interval }
        return corrected(stored, now: now, interval: interval)
    }

    /// A due time further away than the loop's own rhythm allows was written before the clock was set back: without
    /// this, a clock that loses a day would stop the loop for a day.
    package static func corrected(_ due: Timestamp, now: Timestamp, interval: Duration) -> Timestamp {
        min(due, now + interval * 11 / 10)
    }
}
