import Query
import Synchronization
import Threads

/// The one thread of a pool that does what must not block others: it ends waits that last too long and asks the
/// server to stop what was cancelled. It sleeps while there is nothing of either.
final class PoolKeeper: Sendable {
    /// How exactly the end of a wait is kept.
    static let tick = Duration.milliseconds(50)

    private struct State {
        var interrupts: [Cancellation] = []
        /// Called every tick until it says that nobody waits.
        var watch: (@Sendable () -> Bool)?
        /// Rises with every call of `watch`, so that one made during a check is not forgotten.
        var watchCalls = 0
        var isRunning = false
        var isClosed = false
    }

    private let wake: WakePipe
    private let state = Mutex(State())

    init() throws { wake = try WakePipe() }

    func watch(_ check: @escaping @Sendable () -> Bool) {
        let mustWake = state.withLock { state in
            state.watchCalls += 1
            defer { state.watch = check }
            return state.watch == nil
        }
        if mustWake { rouse() }
    }

    func interrupt(_ cancellation: Cancellation) {
        state.withLock { $0.interrupts.append(cancellation) }
        rouse()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        wake.wake()
    }

    private func rouse() {
        let mustStart = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart, !BlockingThread.start(stackSize: PostgresThread.stackSize, { [self] in run() }) {
            state.withLock { $0.isRunning = false }
        }
        wake.wake()
    }

    private func run() {
        var interrupted: [Cancellation] = []
        while true {
            let (interrupts, watch, calls, isClosed) = state.withLock { state in
                defer { state.interrupts = [] }
                return (state.interrupts, state.watch, state.watchCalls, state.isClosed)
            }
            interrupted += interrupts
            for cancellation in interrupted { cancellation.interrupt() }
            // One that came between two statements had no effect and is repeated.
            interrupted.removeAll { !$0.isAttached }
            if isClosed { return }
            if let watch, !watch() { unwatch(ifStill: calls) }
            wake.wait(timeout: watch == nil && interrupted.isEmpty ? nil : Self.tick)
        }
    }

    /// The next job that waits sets a new watch.
    private func unwatch(ifStill calls: Int) {
        state.withLock { state in
            if state.watchCalls == calls { state.watch = nil }
        }
    }
}
