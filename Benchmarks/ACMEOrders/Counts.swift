import Synchronization

/// What happened, told by all clients.
final class Counts: Sendable {
    private struct State {
        var milliseconds: [Double] = []
        /// Those too that arrived before or after the measured time.
        var everyOrder = 0
        var requests = 0
        var refusedNonces = 0
    }

    private let state = Mutex(State())

    func asked() { state.withLock { $0.requests += 1 } }
    func refusedNonce() { state.withLock { $0.refusedNonces += 1 } }

    /// An order whose certificate is there; it counts when it arrived in time.
    func finished(
        _ started: ContinuousClock.Instant, _ arrived: ContinuousClock.Instant,
        within window: Range<ContinuousClock.Instant>
    ) {
        let taken = (arrived - started) / .milliseconds(1)
        state.withLock { state in
            state.everyOrder += 1
            if window.contains(arrived) { state.milliseconds.append(taken) }
        }
    }

    func summary(seconds: Int) -> String {
        state.withLock { state in
            let sorted = state.milliseconds.sorted()
            func share(_ part: Double) -> Int { sorted.isEmpty ? 0 : Int(sorted[Int(part * Double(sorted.count - 1))]) }
            let rate = (Double(sorted.count) / Double(max(seconds, 1)) * 10).rounded() / 10
            return "orders=\(sorted.count) seconds=\(seconds) rate=\(rate) p50_ms=\(share(0.5)) p99_ms=\(share(0.99)) "
                + "every_order=\(state.everyOrder) requests=\(state.requests) nonces_refused=\(state.refusedNonces)"
        }
    }
}
