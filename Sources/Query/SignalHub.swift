import Synchronization

/// The streams of one process that wait for signals.
///
/// Each stream keeps the newest ``bufferedSignals`` payloads for a consumer that is slow; signals are hints.
package final class SignalHub: Sendable {
    /// Payloads that wait for one consumer before the oldest are dropped.
    package static let bufferedSignals = 1024

    private struct State {
        var nextID = 0
        var listeners: [SignalChannel: [Int: AsyncStream<String>.Continuation]] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// A new stream of payloads sent from now on; it ends when the hub is closed.
    package func stream(on channel: SignalChannel) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: String.self,
            bufferingPolicy: .bufferingNewest(Self.bufferedSignals)
        )
        let id: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextID += 1
            state.listeners[channel, default: [:]][state.nextID] = continuation
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id, from: channel) }
        return stream
    }

    package func deliver(_ payload: String, on channel: SignalChannel) {
        for listener in state.withLock({ Array($0.listeners[channel, default: [:]].values) }) {
            listener.yield(payload)
        }
    }

    /// Ends every stream; later ones end at once.
    package func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return state.listeners.values.flatMap(\.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func remove(_ id: Int, from channel: SignalChannel) {
        state.withLock { _ = $0.listeners[channel]?.removeValue(forKey: id) }
    }
}
