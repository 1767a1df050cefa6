import Synchronization

/// Of those who want the same at the same time one fetches it, and all have what came of it, failures too.
///
/// Nothing is kept: whoever comes after the landing sets out anew.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Ticket, Never>

    private enum Ticket: Sendable {
        case lead
        case landed(Result<Value, any Error>)
        /// Who led was cancelled, or who asks.
        case again
    }

    private struct State {
        /// Those who wait, by flight; an entry is a flight under way.
        var flights: [Key: [UInt64: Waiter]] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// What `body` gives, run by this caller or by the one it came together with. A leader that is cancelled fails
    /// nobody else: another one leads.
    ///
    /// - Throws: What `body` throws; `CancellationError`.
    package func run(_ key: Key, _ body: () async throws -> Value) async throws -> Value {
        while true {
            try Task.checkCancellation()
            switch await ticket(for: key) {
            case .again: continue
            case .landed(let result): return try result.get()
            case .lead:
                let result: Result<Value, any Error>
                do { result = .success(try await body()) } catch { result = .failure(error) }
                land(key, result)
                return try result.get()
            }
        }
    }

    private func ticket(for key: Key) async -> Ticket {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ticket: Ticket? = state.withLock { state in
                    if Task.isCancelled { return .again }
                    guard state.flights[key] != nil else {
                        state.flights[key] = [:]
                        return .lead
                    }
                    state.flights[key]?[id] = continuation
                    return nil
                }
                if let ticket { continuation.resume(returning: ticket) }
            }
        } onCancel: {
            state.withLock { $0.flights[key]?.removeValue(forKey: id) }?.resume(returning: .again)
        }
    }

    private func land(_ key: Key, _ result: Result<Value, any Error>) {
        let waiters = state.withLock { $0.flights.removeValue(forKey: key) ?? [:] }
        let ticket: Ticket = if case .failure = result, Task.isCancelled { .again } else { .landed(result) }
        for waiter in waiters.values { waiter.resume(returning: ticket) }
    }
}
