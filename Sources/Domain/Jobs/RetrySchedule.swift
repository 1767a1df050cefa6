/// When a failed job is tried again (specification, domain §6.3).
package enum RetrySchedule {
    /// Attempts of an issuance or renewal when no policy says otherwise, and of every deployment.
    package static let defaultMaxAttempts = 3

    /// The longest wait that a CA's `Retry-After` may impose.
    package static let longestRetryAfter = Duration.hours(24)

    private static let longestIssuanceDelay = Duration.hours(6)
    private static let deploymentDelays: [Duration] = [.minutes(1), .minutes(5), .minutes(25)]

    /// The wait before the next attempt of an issuance or renewal: `interval × 2^(attempts−1)`, at most six hours,
    /// ±20 %, raised by what the CA asked for.
    ///
    /// - `attempts`: Attempts made so far, at least one.
    /// - `interval`: `retry_interval_seconds` of the renewal policy.
    /// - `unit`: A uniform value in `[0, 1)`, the source of the jitter.
    package static func issuanceDelay(
        attempts: Int,
        interval: Duration,
        retryAfter: Duration? = nil,
        unit: Double
    ) -> Duration {
        var delay = interval
        for _ in 1..<max(1, min(attempts, 32)) where delay < longestIssuanceDelay { delay *= 2 }
        let spread = jittered(min(delay, longestIssuanceDelay), by: 0.2, unit: unit)
        guard let retryAfter else { return spread }
        return max(spread, min(retryAfter, longestRetryAfter))
    }

    /// The wait before the next attempt of a deployment: 1, 5, then 25 minutes, ±20 %.
    package static func deploymentDelay(attempts: Int, unit: Double) -> Duration {
        let index = min(max(attempts, 1), deploymentDelays.count) - 1
        return jittered(deploymentDelays[index], by: 0.2, unit: unit)
    }

    /// `duration` scaled by a factor in `[1 − fraction, 1 + fraction)`.
    package static func jittered(_ duration: Duration, by fraction: Double, unit: Double) -> Duration {
        .microseconds(Int64(Double(duration.wholeMicroseconds) * (1 - fraction + 2 * fraction * unit)))
    }
}
