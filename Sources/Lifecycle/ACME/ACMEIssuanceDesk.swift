package import Domain
package import Logging
import PKI
import Store
import Synchronization

/// Asks CAs for orders that are being processed, beside the requests of clients and beside the loops (protocol-servers §2.10).
///
/// A client that finalizes waits for a while, and then polls; the call to the CA goes on here, whether anybody waits for it or
/// not. Nothing of the desk has to be remembered: what an order stands for is in the database, and whoever finds one that
/// nobody works on takes it up.
package final class ACMEIssuanceDesk: Sendable {
    /// Orders of one profile, and that is mostly of one issuer, that a server is at at a time: a slow CA keeps no other one from
    /// being asked.
    static let width = 64
    /// A lost ring delays an answer by at most this much.
    private static let recheckInterval = Duration.seconds(1)

    private struct Errand: Sendable {
        let order: ACMEOrder
        /// That of the order, when it was verified just now.
        let csr: VerifiedCertificationRequest?
        let author: Authorship
    }

    private struct State {
        var isOpen = false
        var atWork: [ACMEOrderID: ProfileID] = [:]
        var counts: [ProfileID: Int] = [:]
        var waiting: [ACMEOrderID: [Alarm]] = [:]
    }

    private let settlement: ACMESettlement
    private let time: TimeSource
    private let log: Logger
    private let errands: AsyncStream<Errand>
    private let arrivals: AsyncStream<Errand>.Continuation
    private let state = Mutex(State())
    private let idle = Alarm()

    package init(_ settlement: ACMESettlement, time: TimeSource, log: Logger) {
        self.settlement = settlement
        self.time = time
        self.log = log
        (errands, arrivals) = AsyncStream.makeStream()
    }

    // MARK: Its work

    /// Works until the task is cancelled, and not a second time. Calls under way end with it; others take their orders up.
    package func run() async {
        state.withLock { $0.isOpen = true }
        await withDiscardingTaskGroup { group in
            for await errand in errands {
                group.addTask {
                    await self.work(on: errand)
                    self.leave(errand.order.id)
                }
            }
        }
        let left = state.withLock { state in
            defer { state = State() }
            return state.waiting.values.flatMap { $0 }
        }
        for alarm in left { alarm.ring() }
        idle.ring()
    }

    /// Takes up nothing more, and gives what is under way a time to end.
    package func drain(atMost limit: Duration) async {
        state.withLock { $0.isOpen = false }
        await untilIdle(atMost: limit)
    }

    /// Returns when no CA is being asked, or the time is up.
    func untilIdle(atMost limit: Duration) async {
        let end = ContinuousClock.now + limit
        while state.withLock({ !$0.atWork.isEmpty }), !Task.isCancelled {
            let rest = end - ContinuousClock.now
            guard rest > .zero else { return }
            await idle.wait(atMost: min(rest, Self.recheckInterval), by: .system)
        }
    }

    private func work(on errand: Errand) async {
        do {
            try await settlement.drive(errand.order, with: errand.csr, by: errand.author)
        } catch is CancellationError {
            return
        } catch {
            log.error(
                "an ACME order could not be brought to its end; it is taken up again",
                metadata: ["order_id": "\(errand.order.id.text)", "error": "\(error)"])
        }
    }

    private func leave(_ id: ACMEOrderID) {
        let (alarms, isIdle) = state.withLock { state -> ([Alarm], Bool) in
            if let profile = state.atWork.removeValue(forKey: id) {
                let rest = (state.counts[profile] ?? 1) - 1
                state.counts[profile] = rest > 0 ? rest : nil
            }
            return (state.waiting.removeValue(forKey: id) ?? [], state.atWork.isEmpty)
        }
        for alarm in alarms { alarm.ring() }
        if isIdle { idle.ring() }
    }

    // MARK: Those who bring it

    /// Has a CA asked for an order; false when there is no place for it now, or it is being asked already.
    ///
    /// - `csr`: That of the order, from whoever has just verified it.
    func take(_ order: ACMEOrder, with csr: VerifiedCertificationRequest? = nil, by author: Authorship) -> Bool {
        let isTaken = state.withLock { state in
            guard state.isOpen, state.atWork[order.id] == nil, state.counts[order.profileID, default: 0] < Self.width
            else { return false }
            state.atWork[order.id] = order.profileID
            state.counts[order.profileID, default: 0] += 1
            return true
        }
        if isTaken { arrivals.yield(Errand(order: order, csr: csr, author: author)) }
        return isTaken
    }

    /// Whether it takes up no further order of a profile now.
    func isFull(for profile: ProfileID) -> Bool {
        state.withLock { $0.counts[profile, default: 0] >= Self.width }
    }

    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Whether this server is asking a CA for an order.
    func isAt(_ id: ACMEOrderID) -> Bool { state.withLock { $0.atWork[id] != nil } }

    /// Returns when a CA has been asked for an order, or the time is up.
    ///
    /// - `patience`: By the clock of the server. One that is set meanwhile ends the waiting, and nothing else.
    func wait(for id: ACMEOrderID, atMost patience: Duration) async {
        let alarm = Alarm()
        state.withLock { state in
            if state.atWork[id] != nil { state.waiting[id, default: []].append(alarm) }
        }
        let start = time.now
        while isAt(id), !Task.isCancelled {
            let passed = time.now - start
            guard passed >= .zero, passed < patience else { return }
            await alarm.wait(atMost: min(patience - passed, Self.recheckInterval), by: time)
        }
    }

    /// Looks after orders that nobody works on; how many came further.
    package func settle() async throws -> Int { try await settlement.settle(through: self) }
}
