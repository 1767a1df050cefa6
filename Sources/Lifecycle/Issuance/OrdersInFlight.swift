import Domain
import Synchronization

/// The orders for which this process is asking a CA right now.
///
/// Whether a process still works on an order is otherwise judged by the wall clock. A clock that steps forward would
/// make every call look abandoned, and the same certificate would be asked for twice; what this process is doing it
/// knows without a clock.
final class OrdersInFlight: Sendable {
    private let jobsByOrder = Mutex<[OrderID: JobID]>([:])

    var orders: [OrderID] { jobsByOrder.withLock { Array($0.keys) } }
    var jobs: [JobID] { jobsByOrder.withLock { Array($0.values) } }

    func begin(_ order: OrderID, job: JobID) { jobsByOrder.withLock { $0[order] = job } }

    func end(_ order: OrderID) { jobsByOrder.withLock { $0[order] = nil } }
}
