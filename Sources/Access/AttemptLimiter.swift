package import Domain
import Synchronization

/// Counts attempts per key in fixed windows and refuses the surplus, in this process alone.
///
/// Holds at most ``capacity`` keys: when more are in use, keys of past windows go first, and while all are current
/// a new key is refused, so that a flood of addresses cannot exhaust memory.
package final class AttemptLimiter: Sendable {
    private struct Window {
        var startedAt: Timestamp
        var attempts: Int
    }

    private let limit: Int
    private let window: Duration
    private let capacity: Int
    private let windows = Mutex<[String: Window]>([:])

    /// Allows `limit` attempts in each `window`.
    package init(limit: Int, window: Duration, capacity: Int = 10_000) {
        self.limit = limit
        self.window = window
        self.capacity = capacity
    }

    /// Counts one attempt; `nil` when it may proceed, else the time after which to try again.
    package func admit(_ key: String, at now: Timestamp) -> Duration? {
        windows.withLock { windows in
            if var current = windows[key], isCurrent(current, at: now) {
                guard current.attempts < limit else { return max(.seconds(1), current.startedAt + window - now) }
                current.attempts += 1
                windows[key] = current
                return nil
            }
            if windows.count >= capacity { windows = windows.filter { isCurrent($0.value, at: now) } }
            guard windows.count < capacity else { return window }
            windows[key] = Window(startedAt: now, attempts: 1)
            return nil
        }
    }

    /// A window that begins in the future was opened before the clock was set back, and counts no longer.
    private func isCurrent(_ candidate: Window, at now: Timestamp) -> Bool {
        candidate.startedAt <= now && now < candidate.startedAt + window
    }
}
