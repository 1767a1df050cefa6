import Synchronization

/// Reads what changed on behalf of all requests that wait, one question to the database at a time.
///
/// What a caller waits for is read after it asked, so a revocation that had committed by then is in it: on whatever replica
/// it was made, and without any signal from there. The price is a small query for as many requests as arrive during one.
package final class OCSPFreshness: Sendable {
    private enum Turn: Sendable {
        /// The question that these callers wait for is asked by the one that is woken so.
        case ask(on: [CheckedContinuation<Turn, Never>])
        case answer((any Error)?)
    }

    private struct State {
        var isAsking = false
        var waiting: [CheckedContinuation<Turn, Never>] = []
    }

    private let read: @Sendable () async throws -> Void
    private let state = Mutex(State())

    /// - `read`: Asks, and takes the answer to heart before it returns.
    package init(read: @escaping @Sendable () async throws -> Void) { self.read = read }

    /// Returns when a question has been answered that was asked after the call.
    package func refresh() async throws {
        let turn = await withCheckedContinuation { (continuation: CheckedContinuation<Turn, Never>) in
            let mayAsk = state.withLock { state in
                guard state.isAsking else {
                    state.isAsking = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if mayAsk { continuation.resume(returning: .ask(on: [])) }
        }
        switch turn {
        case .answer(let error): if let error { throw error }
        case .ask(let others): try await ask(on: others)
        }
    }

    /// Asks for itself and `others`, then wakes one of those that came meanwhile to ask for the rest.
    private func ask(on others: [CheckedContinuation<Turn, Never>]) async throws {
        var failure: (any Error)?
        do { try await read() } catch { failure = error }
        if failure != nil, Task.isCancelled, let heir = others.first {
            // Whoever gave up takes nobody along: another one asks for those that are left.
            heir.resume(returning: .ask(on: Array(others.dropFirst())))
            throw CancellationError()
        }
        for other in others { other.resume(returning: .answer(failure)) }
        let next = state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            state.isAsking = !waiting.isEmpty
            return waiting
        }
        next.first?.resume(returning: .ask(on: Array(next.dropFirst())))
        if let failure { throw failure }
    }
}
