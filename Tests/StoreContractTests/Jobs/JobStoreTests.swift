import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@Suite("Domain §6.1: opening, ending and cancelling jobs")
struct JobStoreTests {
    private let jobs = JobStore()

    @Test("a key opens one job until that job is over", arguments: Engine.available)
    func deduplication(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let certificate = try await database.write { try seed.certificate(in: $0).id }
            let key = NewJob.issuanceKey(certificate, slot: nil)
            let opened = try await withThrowingTaskGroup(of: JobStore.Opened.self) { group in
                for _ in 0..<8 {
                    group.addTask { [jobs] in
                        try await database.write {
                            try jobs.open([seed.job(.renewal, of: certificate, dedupeKey: key)], in: $0)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let winners = opened.flatMap(\.opened)
            #expect(winners.count == 1 && opened.flatMap(\.duplicates).count == 7)
            try await database.write { [jobs] tx in
                let claimed = try jobs.claimForServer(limit: 9, owner: "w", lease: .minutes(5), in: tx)
                #expect(claimed.map(\.id) == winners && claimed.first?.attempts == 1)
                let retry = JobFailure(errorClass: .transient, message: "busy", retryAt: tx.now + .minutes(1))
                #expect(try jobs.fail(winners[0], holder: "w", retry, in: tx)?.phase == .retryScheduled)
                let again = try jobs.open([seed.job(.renewal, of: certificate, dedupeKey: key)], in: tx)
                #expect(again.opened.isEmpty, "a scheduled retry still holds the key")
                #expect(try jobs.openIssuances(of: certificate, in: tx).map(\.id) == winners)
                #expect(try jobs.cancel(winners[0], reason: "stop", in: tx)?.status == .cancelled)
                #expect(try jobs.cancel(winners[0], reason: "stop", in: tx) == nil)
                let free = try jobs.open([seed.job(.renewal, of: certificate, dedupeKey: key)], in: tx)
                #expect(free.opened.count == 1)
            }
        }
    }

    @Test("only the holder ends a running job, and once", arguments: Engine.available)
    func holders(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let job = seed.job(.issuance, of: certificate)
                try jobs.open([job], in: tx)
                #expect(try jobs.complete(job.id, holder: nil, in: tx) == nil, "not running yet")
                _ = try jobs.claimForServer(limit: 1, owner: "w1", lease: .minutes(5), in: tx)
                #expect(try jobs.complete(job.id, holder: "w2", in: tx) == nil)
                #expect(try jobs.extendLeases([job.id], owner: "w2", lease: .minutes(9), in: tx).isEmpty)
                #expect(try jobs.extendLeases([job.id], owner: "w1", lease: .minutes(9), in: tx) == [job.id])
                #expect(try jobs.get(job.id, in: tx).leaseExpiresAt == tx.now + .minutes(9))
                let done = try jobs.complete(job.id, holder: "w1", result: ["steps": 3], in: tx)
                #expect(done?.status == .completed && done?.completedAt == tx.now && done?.leaseOwner == nil)
                #expect(done?.deploymentResult == ["steps": 3])
                #expect(try jobs.complete(job.id, holder: "w1", in: tx) == nil)
                let failure = JobFailure(errorClass: .permanent, message: "x", retryAt: nil)
                #expect(try jobs.fail(job.id, holder: "w1", failure, in: tx) == nil)
            }
        }
    }

    @Test("parking costs no attempt; a granted retry adds one", arguments: Engine.available)
    func attempts(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let job = seed.job(.issuance, of: certificate, maxAttempts: 1)
                try jobs.open([job], in: tx)
                _ = try jobs.claimForServer(limit: 1, owner: "w", lease: .minutes(5), in: tx)
                let parked = try jobs.park(job.id, holder: "w", until: tx.now - .seconds(1), in: tx)
                #expect(parked?.status == .pending && parked?.attempts == 0)
                _ = try jobs.claimForServer(limit: 1, owner: "w", lease: .minutes(5), in: tx)
                let failure = JobFailure(errorClass: .permanent, message: "no", retryAt: nil)
                let failed = try jobs.fail(job.id, holder: "w", failure, in: tx)
                #expect(failed?.phase == .failed && failed?.completedAt == tx.now && failed?.errorClass == .permanent)
                let granted = try jobs.grantRetry(job.id, in: tx)
                #expect(granted?.status == .pending && granted?.maxAttempts == 2 && granted?.completedAt == nil)
                #expect(try jobs.grantRetry(job.id, in: tx) == nil)
            }
        }
    }

    @Test("cancelling a scope takes what is open in it and nothing else", arguments: Engine.available)
    func cancellation(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let one = try seed.certificate(in: tx).id
                let two = try seed.certificate(in: tx).id
                let batch: BatchID = Unique.id()
                let issuance = seed.job(.issuance, of: one, status: .awaitingCSR, agent: seed.agent, batch: batch)
                let approval = seed.job(.renewal, of: one, status: .awaitingApproval, batch: batch)
                let deployment = seed.job(.deployment, of: one, agent: seed.agent, target: seed.target)
                let other = seed.job(.renewal, of: two)
                try jobs.open([issuance, approval, deployment, other], in: tx)
                #expect(try jobs.tally(of: batch, in: tx) == [.awaitingCSR: 1, .awaitingApproval: 1])
                let cancelled = try jobs.cancelOpen(.issuances(of: one), reason: "replaced", in: tx)
                #expect(Set(cancelled.map(\.id)) == [issuance.id, approval.id])
                #expect(cancelled.allSatisfy { $0.status == .cancelled && $0.lastError == "replaced" })
                #expect(try jobs.cancelOpen(.agent(seed.agent), reason: "r", in: tx).map(\.id) == [deployment.id])
                #expect(try jobs.get(other.id, in: tx).status == .pending)
                #expect(try jobs.cancelOpen(.mapping(two, seed.target), reason: "r", in: tx).isEmpty)
            }
        }
    }

    @Test("the list filters and counts in the database", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let deployment = seed.job(.deployment, of: certificate, agent: seed.agent, target: seed.target)
                try jobs.open([deployment, seed.job(.issuance, of: certificate)], in: tx)
                func ids(_ change: (inout JobFilter) -> Void) throws -> [JobID] {
                    var filter = JobFilter()
                    change(&filter)
                    return try jobs.list(.first(filter, sort: .createdAt), within: .system, in: tx).rows.map(\.id)
                }
                #expect(try ids { _ in }.count == 2)
                #expect(try ids { $0.types = [.deployment] } == [deployment.id])
                #expect(try ids { $0.targetIDs = [seed.target] } == [deployment.id])
                #expect(try ids { $0.agentIDs = [seed.agent] } == [deployment.id])
                #expect(try ids { $0.statuses = [.failed] }.isEmpty)
                #expect(try ids { $0.search = deployment.id.text } == [deployment.id])
                #expect(try ids { $0.certificateIDs = [certificate] }.count == 2)
            }
        }
    }
}
