/// When a CA that answered "later" is asked again (specification, issuers §2.4).
package enum OrderPolling {
    /// How long an order is polled quickly when its issuer does not say.
    package static let defaultFastPhase = Duration.seconds(600)
    /// How long an order that needs no human approval may stay open.
    package static let defaultDeadline = Duration.days(7)

    private static let firstWait = Duration.seconds(5)
    private static let longestFastWait = Duration.minutes(5)
    private static let firstSlowWait = Duration.minutes(15)
    private static let longestSlowWait = Duration.hours(6)
    private static let retryAfterRange = Duration.seconds(1)...Duration.hours(24)

    /// The wait before poll number `polls + 1`.
    ///
    /// - `polls`: Polls made so far.
    /// - `age`: Time since the order was submitted.
    /// - `retryAfter`: What the CA asked for; it overrides the schedule, within one second and one day.
    /// - `unit`: A uniform value in `[0, 1)`, the source of the jitter of ±20 %.
    package static func wait(
        polls: Int,
        age: Duration,
        fastPhase: Duration = defaultFastPhase,
        retryAfter: Duration? = nil,
        unit: Double
    ) -> Duration {
        if let retryAfter { return min(max(retryAfter, retryAfterRange.lowerBound), retryAfterRange.upperBound) }
        let wait = age < fastPhase ? fastWait(polls: polls) : slowWait(age: age - fastPhase)
        return RetrySchedule.jittered(wait, by: 0.2, unit: unit)
    }

    /// 5 s, tripled each time, at most five minutes.
    private static func fastWait(polls: Int) -> Duration {
        var wait = firstWait
        for _ in 0..<max(0, min(polls, 16)) where wait < longestFastWait { wait *= 3 }
        return min(wait, longestFastWait)
    }

    /// 15 min, doubled each time: having waited `age` in this phase, the next wait is about as long again.
    private static func slowWait(age: Duration) -> Duration {
        min(max(firstSlowWait, age), longestSlowWait)
    }
}
