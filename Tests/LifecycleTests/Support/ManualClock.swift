import Domain
import Synchronization

/// A clock that stands still until a test moves it. Sleeps end as soon as they began, but never sooner than the
/// executor gets to other tasks, and add nothing to the time.
final class ManualClock: Sendable {
    private let current: Mutex<Timestamp>
    private let naps = Atomic(0)
    private let sleepers = Mutex<[Timestamp]>([])

    init(_ start: Timestamp = Timestamp(secondsSinceEpoch: 1_790_000_000)) { current = Mutex(start) }

    var now: Timestamp { current.withLock { $0 } }

    func advance(by duration: Duration) { current.withLock { $0 = $0 + duration } }

    var source: TimeSource {
        TimeSource(
            now: { self.now },
            sleep: { _ in
                try await Task.sleep(for: .milliseconds(2))
                self.naps.add(1, ordering: .relaxed)
            }
        )
    }

    /// Sleeps end when the clock was moved so far, and no sooner.
    var exactSource: TimeSource {
        TimeSource(
            now: { self.now },
            sleep: { duration in
                let end = self.now + duration
                self.sleepers.withLock { $0.append(end) }
                defer {
                    self.sleepers.withLock { ends in ends.firstIndex(of: end).map { _ = ends.remove(at: $0) } }
                }
                while self.now < end { try await Task.sleep(for: .milliseconds(2)) }
            }
        )
    }

    /// Whether somebody sleeps by ``exactSource`` until then.
    func isAwaited(_ moment: Timestamp) -> Bool { sleepers.withLock { $0.contains(moment) } }

    /// Waits until whoever sleeps by this clock has woken up some times and looked at it, however busy the machine is.
    func settle() async throws {
        let enough = naps.load(ordering: .relaxed) + 12
        for _ in 0..<1000 where naps.load(ordering: .relaxed) < enough {
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}
