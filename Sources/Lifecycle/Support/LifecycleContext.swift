package import Domain
import Encoding
package import PKI
package import Query
import Store

/// What every flow needs: the database, the clock, randomness, and the recorder of what happened.
package struct LifecycleContext: Sendable {
    package let database: any Database
    package let time: TimeSource
    package let random: RandomSource
    /// As the settings say now.
    package var timing: LifecycleTiming { readTiming() }
    package let observers: LifecycleObservers
    /// Looks at what was issued.
    package let linter: Linter
    /// Whether this server has an address for relying parties, which certificates name with its lists and responders.
    package let isReachable: Bool
    /// What nothing new is made with.
    package var algorithms: AlgorithmPolicy { linter.algorithms }
    /// Keys that anybody can make, and that nobody gets a certificate for (CVE-2008-0166).
    package var weakKeys: WeakKeyList { readWeakKeys() }
    private let readTiming: @Sendable () -> LifecycleTiming
    private let readWeakKeys: @Sendable () -> WeakKeyList
    let ordersInFlight = OrdersInFlight()
    let recorder: Recorder

    /// - `timing`, `weakKeys`: Asked each time, because their settings change while the server runs.
    package init(
        database: any Database,
        time: TimeSource,
        random: RandomSource,
        timing: @autoclosure @escaping @Sendable () -> LifecycleTiming = LifecycleTiming(),
        observers: LifecycleObservers = LifecycleObservers(),
        linter: Linter = Linter(),
        isReachable: Bool = true,
        weakKeys: @autoclosure @escaping @Sendable () -> WeakKeyList = WeakKeyList()
    ) {
        self.database = database
        self.time = time
        self.random = random
        readTiming = timing
        readWeakKeys = weakKeys
        self.observers = observers
        self.linter = linter
        self.isReachable = isReachable
        recorder = Recorder(random: random)
    }

    /// Runs one business action as one transaction. What a repository refuses becomes the error a client sees.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await database.write(body)
        } catch let error as StoreError {
            throw error.serviceError
        }
    }

    /// The same for a short action that changes only what belongs to one certificate: it may be committed together with
    /// those of others.
    func writeTogether<Result: Sendable>(
        about subject: String,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await database.writeTogether(about: subject, body)
        } catch let error as StoreError {
            throw error.serviceError
        }
    }

    /// The same action, undone at its end when it is only a rehearsal: every rule of code and schema is met, nothing
    /// is stored.
    func write<Result: Sendable>(
        rehearsing isRehearsal: Bool,
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        guard isRehearsal else { return try await write(body) }
        do {
            return try await write { tx in throw Rehearsed(result: try body(tx)) }
        } catch let outcome as Rehearsed<Result> {
            return outcome.result
        }
    }

    /// Removes the grants that are narrowed to something which goes: a later thing of its name inherits none.
    func removeGrants(in scope: GrantScope, by author: Authorship, in tx: any Transaction) throws {
        for grant in try GrantStore().removeAll(in: scope, in: tx) {
            try recorder.record(
                .grantRemoved,
                grant.actor.id,
                details: [
                    "actor_type": .string(grant.actor.type.rawValue), "role_id": .string(grant.roleID),
                    "scope": .string(scope.label),
                ],
                by: author,
                in: tx
            )
        }
    }

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await database.read(body)
        } catch let error as StoreError {
            throw error.serviceError
        }
    }

    /// A fresh identifier.
    func newID<Kind: EntityKind>(_ type: EntityID<Kind>.Type = EntityID<Kind>.self) -> EntityID<Kind> {
        EntityID(generatedAt: time.now, random: random)
    }
}

/// Ends a rehearsed transaction, so that the database rolls it back.
private struct Rehearsed<Result: Sendable>: Error {
    let result: Result
}

/// The periods by which the life cycle notices that somebody fell silent (specification, domain §6.4, §4.4).
package struct LifecycleTiming: Sendable {
    /// `CERTCTL_JOB_RUNNING_LEASE`.
    package var runningLease = Duration.minutes(5)
    /// `CERTCTL_JOB_AWAITING_CSR_TIMEOUT`.
    package var awaitingCSRTimeout = Duration.hours(24)
    /// `CERTCTL_JOB_AWAITING_APPROVAL_TIMEOUT`.
    package var awaitingApprovalTimeout = Duration.hours(168)
    /// `CERTCTL_APPROVAL_BYPASS`.
    package var bypassesApprovals = false
    /// `CERTCTL_AGENT_OFFLINE_AFTER`.
    package var agentOfflineAfter = Duration.minutes(5)
    /// `CERTCTL_AGENT_OFFLINE_JOB_TTL`.
    package var agentOfflineJobTTL = Duration.minutes(5)
    /// `CERTCTL_EVENTS_RETENTION`.
    package var eventsRetention = Duration.days(7)
    /// How long a call to a CA may take before its order counts as lost with the process that made it.
    package var submissionTimeout = Duration.seconds(60)
    /// Most jobs that one agent holds at a time.
    package var agentMaxParallel = 4

    package init() {}
}
