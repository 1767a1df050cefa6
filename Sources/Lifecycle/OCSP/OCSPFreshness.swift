import Domain
package import Query
package import Store
import Synchronization

/// Reads the epochs on behalf of all requests that wait, one question to the database at a time.
///
/// What a caller gets was read after it asked, so a revocation that had committed by then is in it: on whatever replica it
/// was made, and without any signal from there. The price is a small query for as many requests as arrive during one.
package final class OCSPFreshness: Sendable {
    private enum Turn: Sendable {
        /// The question that these callers wait for is asked by the one that is woken so.
        case ask(on: [CheckedContinuation<Turn, Never>])
        case answer(Result<[OCSPEpoch: Int], any Error>)
    }

    private struct State {
        var isAsking = false
        var waiting: [CheckedContinuation<Turn, Never>] = []
    }

    private let read: @Sendable () async throws -> [OCSPEpoch: Int]
    private let state = Mutex(State())

    package convenience init(_ database: any Database) {
        self.init { try await database.read { try OCSPResponseStore().epochs(in: $0) } }
    }

    init(read: @escaping @Sendable () async throws -> [OCSPEpoch: Int]) { self.read = read }

    /// The epochs as they are at some moment after the call.
    package func epochs() async throws -> [OCSPEpoch: Int] {
        let turn = await withCheckedContinuation { continuation in
            let mayAsk = state.withLock { state in
                guard state.isAsking else {
                    state.isAsking = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if mayAsk { continuation.resume(returning: Turn.ask(on: [])) }
        }
        switch turn {
        case .answer(let result): return try result.get()
        case .ask(let others): return try await ask(on: others)
        }
    }

    /// Asks for itself and `others`, then wakes one of those that came meanwhile to ask for the rest.
    private func ask(on others: [CheckedContinuation<Turn, Never>]) async throws -> [OCSPEpoch: Int] {
        let result: Result<[OCSPEpoch: Int], any Error>
        do {
            result = .success(try await read())
        } catch {
            result = .failure(error)
        }
        for other in others { other.resume(returning: .answer(result)) }
        let next = state.withLock { state in
            let waiting = state.waiting
            state.waiting = []
            state.isAsking = !waiting.isEmpty
            return waiting
        }
        next.first?.resume(returning: .ask(on: Array(next.dropFirst())))
        return try result.get()
    }
}
