import CLibPQ
import Domain
import Query
import Synchronization
import Threads

/// Carries signals between replicas over one connection of its own.
///
/// A signal reaches waiters of this process at once and those of others by `NOTIFY`. It is sent after the commit and
/// not inside the transaction: a transaction that notifies holds one lock of the whole cluster while its commit is
/// flushed (`PreCommit_Notify` in PostgreSQL's async.c), so commits would reach the disk one by one.
final class SignalRelay: Sendable {
    /// Signals that wait to be sent; the oldest are dropped beyond it.
    static let largestBacklog = 10_000
    /// Signals of one statement.
    static let largestBatch = 64
    static let reconnectDelay = Duration.seconds(1)

    private struct State {
        var outgoing: [Signal] = []
        var isRunning = false
        var isClosed = false
    }

    let hub = SignalHub()

    private let target: ConnectionTarget
    private let wake: WakePipe
    private let state = Mutex(State())

    init(target: ConnectionTarget) throws {
        // What is lost with the server's memory was a hint.
        self.target = target.variant(
            applicationName: target.applicationName + "/signals",
            options: "-c statement_timeout=5000 -c synchronous_commit=off"
        )
        wake = try WakePipe()
    }

    func stream(on channel: SignalChannel) -> AsyncStream<String> {
        let stream = hub.stream(on: channel)
        ensureRunning()
        return stream
    }

    /// Delivers to this process now and to the others soon.
    func announce(_ signals: [Signal]) {
        for signal in signals { hub.deliver(signal.payload, on: signal.channel) }
        state.withLock { state in
            state.outgoing += signals
            if state.outgoing.count > Self.largestBacklog {
                state.outgoing.removeFirst(state.outgoing.count - Self.largestBacklog)
            }
        }
        ensureRunning()
        wake.wake()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        wake.wake()
        hub.close()
    }

    private func ensureRunning() {
        let mustStart = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning && !state.isClosed
        }
        if mustStart, !BlockingThread.start(stackSize: PostgresThread.stackSize, { [self] in run() }) {
            state.withLock { $0.isRunning = false }
        }
    }

    // MARK: - The thread

    private func run() {
        while !state.withLock({ $0.isClosed }) {
            do {
                try serve(PostgresSession(target))
            } catch {
                wake.wait(timeout: Self.reconnectDelay)
            }
        }
    }

    private func serve(_ session: PostgresSession) throws {
        if !target.isPooled {
            for channel in SignalChannel.allCases { try session.command("LISTEN \(channel.rawValue)") }
            // Whatever was said while this process did not listen is unknown; on this channel that must count as said.
            hub.deliver("", on: .access)
        }
        while !state.withLock({ $0.isClosed }) {
            while let batch = nextBatch() { try send(batch, over: session) }
            receive(from: session)
            guard session.isAlive else { return }
            if state.withLock({ $0.outgoing.isEmpty && !$0.isClosed }) {
                wake.wait(orFor: session.socket, timeout: nil)
            }
        }
    }

    private func nextBatch() -> [Signal]? {
        state.withLock { state in
            guard !state.outgoing.isEmpty else { return nil }
            let batch = Array(state.outgoing.prefix(Self.largestBatch))
            state.outgoing.removeFirst(batch.count)
            return batch
        }
    }

    private func send(_ batch: [Signal], over session: PostgresSession) throws(DatabaseError) {
        // PostgreSQL itself drops equal ones within a transaction; so do we, to send less.
        var seen: Set<Signal> = []
        let rows = batch.filter { seen.insert($0).inserted }.map { signal -> SQL in
            "(\(signal.channel.rawValue), \(signal.payload))"
        }
        _ = try session.rows(
            "SELECT pg_notify(s.channel, s.payload) FROM (VALUES \(fragment: .joined(rows, by: ", "))) s(channel, payload)"
        )
    }

    private func receive(from session: PostgresSession) {
        while let notification = session.nextNotification() {
            guard notification.sender != session.backendID,
                let channel = SignalChannel(rawValue: notification.channel)
            else { continue }
            hub.deliver(notification.payload, on: channel)
        }
    }
}
