import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("Protocol servers §2.13, RFC 8555 §6.6, §7.4, §7.5.1: how long clients are told to wait, and who waits for what")
struct PatienceTests {
    private static func refusal(
        _ names: [String], by account: String = "a", _ stage: ValidationStage, _ change: (inout ACMEPlan) -> Void
    ) async -> ACMEProblem? {
        let flow = stage.orders(change)
        do {
            _ = try await stage.order(names, by: account, through: flow)
            return nil
        } catch { return error as? ACMEProblem }
    }

    @Test("an attempt and a look at CAA records end before the lease of their challenge does")
    func lease() {
        #expect(ACMEValidationPool.longestAttempt + ACMEValidationPool.longestCAACheck < ACMEValidationPool.lease)
    }

    @Test("with too many orders open, until the first of them expires, and an hour at most")
    func openOrders() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            func plan(_ plan: inout ACMEPlan) {
                plan.concurrentOrders = 2
                plan.orderTTL = .minutes(10)
            }
            #expect(await Self.refusal(["a.test"], stage, plan)?.kind == nil)
            stage.world.clock.advance(by: .minutes(4))
            #expect(await Self.refusal(["b.test"], stage, plan)?.kind == nil)
            stage.world.clock.advance(by: .minutes(1))
            let full = await Self.refusal(["c.test"], stage, plan)
            let wait = try #require(full?.retryAfter)
            #expect(full?.kind == .rateLimited && wait > .minutes(4) && wait <= .minutes(5), "\(wait)")
            stage.world.clock.advance(by: wait)
            #expect(await Self.refusal(["c.test"], stage, plan)?.kind == nil)

            func long(_ plan: inout ACMEPlan) { plan.concurrentOrders = 1 }
            #expect(await Self.refusal(["a.test"], by: "b", stage, long)?.kind == nil)
            #expect(await Self.refusal(["b.test"], by: "b", stage, long)?.retryAfter == .hours(1))
        }
    }

    @Test("a challenge tells of its next attempt, and of none while a server is at it")
    func challenges() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            stage.script.set("a.test", [ACMEFault(.dns, "no record", isTransient: true)])
            let authorization = try await stage.answered("a.test").authorizations[0]
            #expect(try await stage.challenge(authorization).nextAttemptAt == nil)
            let pool = stage.pool()
            let job = try #require(try await pool.claim(.http01, limit: 1).first)
            #expect(job.challenge.nextAttemptAt == nil)
            await pool.work(on: job)
            let next = try #require(try await stage.challenge(authorization).nextAttemptAt)
            #expect(next == job.answeredAt + .seconds(2))
        }
    }

    @Test("a name that nobody proves is refused to those that never proved it, by whichever account they fail")
    func names() async throws {
        for engine in Engine.available {
            try await ValidationStage.with(engine) { stage async throws in
                func plan(_ plan: inout ACMEPlan) {
                    plan.failuresPerHour = 0
                    plan.nameFailuresPerHour = 3
                }
                // The one that holds the name.
                _ = try await stage.answered("a.test", by: "holder")
                try await stage.workOff()
                stage.script.set("a.test", [ACMEFault(.incorrectResponse, "another page", isTransient: false)])
                for account in ["b", "c", "d"] {
                    #expect(await Self.refusal(["other.test"], by: account, stage, plan)?.kind == nil)
                    _ = try await stage.answered("a.test", by: account)
                    try await stage.workOff()
                }
                let refused = await Self.refusal(["b.test", "a.test"], by: "e", stage, plan)
                #expect(refused?.kind == .rateLimited && refused?.parts.count == 1)
                let wait = try #require(refused?.retryAfter)
                #expect(wait > .minutes(50) && wait <= .hours(1), "\(wait)")
                #expect(await Self.refusal(["b.test"], by: "e", stage, plan)?.kind == nil)
                #expect(await Self.refusal(["*.b.test"], by: "e", stage, plan)?.kind == nil)
                #expect(await Self.refusal(["*.a.test"], by: "e", stage, plan)?.kind == .rateLimited)
                #expect(await Self.refusal(["a.test"], by: "holder", stage, plan)?.kind == nil)
                #expect(await Self.refusal(["a.test"], by: "e", stage) { $0.nameFailuresPerHour = 0 }?.kind == nil)
                #expect(await Self.refusal(["a.test"], by: "e", stage) { $0.nameFailuresPerHour = 4 }?.kind == nil)
            }
        }
    }

    @Test(
        "orders whose job is open, such as one that waits for people, are left alone until that ends",
        arguments: Engine.available)
    func unsettled(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let states: [(order: String, job: JobStatus?)] = [
                ("none", nil), ("approval", .awaitingApproval), ("pending", .pending), ("request", .awaitingCSR),
                ("failed", .failed), ("cancelled", .cancelled),
            ]
            var ids: [String: ACMEOrderID] = [:]
            for (name, status) in states {
                let id = try await stage.order(["\(name).test"]).order.id
                ids[name] = id
                let job = JobID(stored: "job-\(name)")
                try await stage.world.database.write { tx in
                    try tx.execute(
                        """
                        UPDATE acme_orders SET status = 'processing', csr_pem = 'x', csr_sha256 = 'x', job_id = \(job),
                            updated_at = \(tx.now - .minutes(1))
                        WHERE order_id = \(id)
                        """)
                    guard let status else { return }
                    let new = NewJob(
                        id: job, type: .issuance, certificateID: nil, status: status, maxAttempts: 1,
                        trigger: .protocol,
                        requestedBy: Actor(id: "acme:a", type: .protocol), dedupeKey: nil)
                    _ = try JobStore().open([new], in: tx)
                }
            }
            func found() async throws -> Set<ACMEOrderID> {
                try await stage.world.database.read { tx in
                    Set(try ACMEOrderStore().unsettled(since: tx.now, limit: 50, in: tx).map(\.id))
                }
            }
            let free = ["none", "failed", "cancelled"].compactMap { ids[$0] }
            #expect(try await found() == Set(free))
            // The end of the job brings the order back.
            _ = try await stage.world.database.write { tx in
                try tx.execute("UPDATE jobs SET status = 'Cancelled' WHERE id = 'job-approval'")
            }
            #expect(try await found() == Set(free + ["approval"].compactMap { ids[$0] }))
        }
    }
}
