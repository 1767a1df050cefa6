import Foundation

/// What `body` costs the processor, and what it returns.
///
/// Limits on effort are limits on this, never on the clock on the wall: other tests and other programs use the same
/// cores. `body` must not suspend, since only the calling thread is measured.
package func withProcessorTime<Result>(_ body: () throws -> Result) rethrows -> (result: Result, time: Duration) {
    let start = threadTime()
    let result = try body()
    return (result, threadTime() - start)
}

private func threadTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
