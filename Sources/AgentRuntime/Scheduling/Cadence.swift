import Domain

/// When a periodic call of the agent is due again (specification, targets §1.5): failures and chance in, delay out.
struct Cadence: Hashable, Sendable {
    /// The longest wait that failures alone can cause.
    static let longestBackOff = Duration.minutes(5)
    /// The longest wait that a server may ask for with `Retry-After`.
    static let longestRetryAfter = Duration.hours(1)
    /// The longest first wait of an agent that somebody may be watching.
    static let promptStart = Duration.seconds(5)

    let interval: Duration

    /// The wait before the next call: the interval, or `failures` intervals after that many failures in a row, never
    /// less than the server asked for. ±10 %, so that a fleet spreads out.
    func delay(failures: Int = 0, retryAfter: Duration? = nil, random: RandomSource) -> Duration {
        var delay = interval
        if failures > 1 { delay = min(interval * min(failures, 1000), max(Self.longestBackOff, interval)) }
        let spread = RetrySchedule.jittered(delay, by: 0.1, unit: random.unitInterval())
        guard let retryAfter else { return spread }
        return max(spread, min(retryAfter, Self.longestRetryAfter))
    }

    /// The wait before the first call, uniform in one interval or, when the start is `prompt`, in at most five seconds.
    func firstDelay(prompt: Bool, random: RandomSource) -> Duration {
        let longest = prompt ? min(interval, Self.promptStart) : interval
        return .microseconds(Int64(Double(longest.wholeMicroseconds) * random.unitInterval()))
    }
}
