package import Domain
package import Logging
package import Query
import Store
import Synchronization

/// Which of the replicas leads: one lease row with an expiry and an epoch that only ever rises.
///
/// The epoch is the fence: whoever writes as leader names its epoch in the same transaction (``Fence``), so a process
/// that was paused past its lease and still believes to lead changes nothing.
package final class Leadership: Sendable {
    /// How long a lease lasts without renewal: the upper bound of the time without a leader after a crash.
    package static let leaseLength = Duration.seconds(15)
    private static let renewalInterval = Duration.seconds(5)
    private static let candidateInterval = Duration.seconds(3)

    /// The lease as this process knows it.
    private struct Held {
        let epoch: Int
        /// Until when this process may believe in it, by its own clock and counted from before the request, so that
        /// it stops believing before the database does.
        let trustedUntil: Timestamp
    }

    /// The name of this process.
    let holder: String
    private let host: String
    private let processID: Int
    private let database: any Database
    private let time: TimeSource
    private let random: RandomSource
    private let log: Logger
    private let held = Mutex<Held?>(nil)

    /// - `holder`: A name of this process that no other one ever had.
    package init(
        holder: String,
        host: String,
        processID: Int,
        database: any Database,
        time: TimeSource,
        random: RandomSource,
        log: Logger
    ) {
        self.holder = holder
        self.host = host
        self.processID = processID
        self.database = database
        self.time = time
        self.random = random
        self.log = log
    }

    /// The epoch of this process while it leads; `nil` for a candidate, and as soon as a renewal is overdue.
    package var currentEpoch: Int? {
        let now = time.now
        return held.withLock { held in
            guard let lease = held, now < lease.trustedUntil, lease.trustedUntil - now <= Self.leaseLength else {
                return nil
            }
            return lease.epoch
        }
    }

    /// The fence for one run of a leader loop; throws when this process does not lead.
    package func fence() throws(LostLeadership) -> Fence {
        guard let epoch = currentEpoch else { throw LostLeadership() }
        return Fence(epoch: epoch)
    }

    /// Takes or renews the lease once; the epoch when this process leads now.
    @discardableResult
    package func attempt() async throws -> Int? {
        let askedAt = time.now
        let previous = held.withLock { $0?.epoch }
        let epoch = try await database.write { [holder, host, processID] tx in
            try LeaderLease().hold(as: holder, host: host, processID: processID, for: Self.leaseLength, in: tx)
        }
        held.withLock { held in
            held = epoch.map { Held(epoch: $0, trustedUntil: askedAt + Self.leaseLength - .seconds(1)) }
        }
        if let epoch, epoch != previous {
            log.notice("this process leads", metadata: ["epoch": "\(epoch)"])
        } else if epoch == nil, previous != nil {
            log.warning("this process leads no longer: another one took over")
        }
        return epoch
    }

    /// Candidates and renews until the task is cancelled, then gives the lease up so that another replica leads at
    /// once.
    package func run() async {
        while !Task.isCancelled {
            var leads = false
            do {
                leads = try await attempt() != nil
            } catch {
                log.warning("the leader lease cannot be reached", metadata: ["error": "\(error)"])
            }
            let interval = leads ? Self.renewalInterval : Self.candidateInterval
            let wait = RetrySchedule.jittered(interval, by: 0.1, unit: random.unitInterval())
            do { try await time.sleep(wait) } catch { break }
        }
    }

    /// Gives the lease up, if this process holds it.
    package func release() async throws {
        guard
            let lease = held.withLock({ held in
                defer { held = nil }
                return held
            })
        else { return }
        try await database.write { [holder] tx in
            try LeaderLease().release(by: holder, epoch: lease.epoch, in: tx)
        }
    }
}

/// The proof of leadership that a leader's transaction carries.
package struct Fence: Hashable, Sendable {
    package let epoch: Int

    package init(epoch: Int) { self.epoch = epoch }

    /// Fails the transaction unless this epoch still leads.
    package func check(in tx: any Transaction) throws {
        try LeaderLease().verify(epoch: epoch, in: tx)
    }
}

/// This process does not lead.
package struct LostLeadership: Error, Hashable, Sendable {
    package init() {}
}
