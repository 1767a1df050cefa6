import Synchronization

/// The kinds of metric of the Prometheus text format.
package enum MetricKind: String, Sendable { case counter, gauge, histogram }

/// A value that only grows.
package final class Counter: Sendable {
    private let value = Atomic<Int>(0)

    package func add(_ amount: Int = 1) { value.wrappingAdd(max(0, amount), ordering: .relaxed) }
    package var count: Int { value.load(ordering: .relaxed) }
}

/// A value that goes up and down.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    package func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, found) = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }
    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// A distribution over fixed upper bounds.
package final class Histogram: Sendable {
    /// Latencies in seconds, from half a millisecond to two minutes.
    package static let latencyBounds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120,
    ]

    private struct State {
        var counts: [Int]
        var sum = 0.0
        var count = 0
    }

    package let bounds: [Double]
    private let state: Mutex<State>

    package init(bounds: [Double] = Histogram.latencyBounds) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count)))
    }

    package func observe(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 }
        state.withLock {
            if let index { $0.counts[index] += 1 }
            $0.sum += value
            $0.count += 1
        }
    }

    /// Cumulative counts for each bound, then sum and count of all.
    var snapshot: (cumulative: [Int], sum: Double, count: Int) {
        let state = state.withLock { $0 }
        var running = 0
        let cumulative = state.counts.map { count in
            running += count
            return running
        }
        return (cumulative, state.sum, state.count)
    }

    package var count: Int { state.withLock { $0.count } }
}
