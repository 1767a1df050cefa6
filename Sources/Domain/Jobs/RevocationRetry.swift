/// When an issuer that did not take a revocation is told again (specification, issuers §2.9).
package enum RevocationRetry {
    private static let firstWait = Duration.seconds(5)
    /// Until it knows, somebody may trust the certificate: there is no slow phase.
    private static let longestWait = Duration.hours(1)
    private static let retryAfterRange = Duration.seconds(1)...Duration.hours(24)

    /// The wait after attempt number `attempts`, which is 5 s, tripled each time, at most an hour.
    ///
    /// - `retryAfter`: What the issuer asked for; it overrides the schedule, within one second and one day.
    /// - `unit`: A uniform value in `[0, 1)`, the source of the jitter of ±20 %.
    package static func wait(attempts: Int, retryAfter: Duration? = nil, unit: Double) -> Duration {
        if let retryAfter { return min(max(retryAfter, retryAfterRange.lowerBound), retryAfterRange.upperBound) }
        var wait = firstWait
        for _ in 1..<max(1, min(attempts, 16)) where wait < longestWait { wait *= 3 }
        return RetrySchedule.jittered(min(wait, longestWait), by: 0.2, unit: unit)
    }
}
