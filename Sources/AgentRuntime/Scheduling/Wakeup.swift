import Domain
import Synchronization

/// A flag that any task raises and one task waits for. Raised twice before it is seen, it counts once.
final class Wakeup: Sendable {
    private enum State {
        case lowered
        case raised
        case awaited(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.lowered)

    func raise() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .awaited(let continuation) = state else {
                state = .raised
                return nil
            }
            state = .lowered
            return continuation
        }
        waiter?.resume()
    }

    /// Returns when the flag was raised, lowering it, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSettled = state.withLock { state -> Bool in
                    if case .raised = state {
                        state = .lowered
                        return true
                    }
                    if Task.isCancelled { return true }
                    state = .awaited(continuation)
                    return false
                }
                if isSettled { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard case .awaited(let continuation) = state else { return nil }
                state = .lowered
                return continuation
            }
            waiter?.resume()
        }
    }

    /// Returns after `duration`, earlier when the flag is raised or the task is cancelled.
    func wait(atMost duration: Duration, time: TimeSource) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask {
                // A cancelled sleep means the flag came first: nothing is lost by ending here.
                try? await time.sleep(duration)
            }
            await group.next()
            group.cancelAll()
        }
    }
}
