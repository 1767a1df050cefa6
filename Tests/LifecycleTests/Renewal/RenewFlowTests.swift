import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("Renewals are opened by one function, once (domain §5.5)")
struct RenewFlowTests {
    static let api = CertificateID(stored: "api")

    @Test("one job for each agent that needs a key, in one batch", arguments: Engine.available)
    func perAgentJobs(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for agent in ["web-01", "web-02"] { try await world.agent(agent) }
            try await world.target("a", of: "web-01")
            try await world.target("b", of: "web-01")
            try await world.target("c", of: "web-02")
            try await world.certificate("api", targets: ["a", "b", "c"])
            let opened = try await world.renewals.renew(Self.api, force: false, by: world.author)
            #expect(opened.type == .issuance)
            #expect(opened.jobs.map(\.agentID?.text) == ["web-01", "web-02"])
            #expect(Set(opened.jobs.map(\.batchID)).count == 1)
            #expect(opened.jobs.allSatisfy { $0.status == .awaitingCSR && $0.maxAttempts == 4 })
            #expect(try await world.stored("api").status == .renewalInProgress)
        }
    }

    @Test("the certificate is done when the last agent is, and each has a version of its own")
    func twoAgents() async throws {
        try await World.with(.sqlite) { world async throws in
            for agent in ["web-01", "web-02"] { try await world.agent(agent) }
            try await world.target("a", of: "web-01")
            try await world.target("c", of: "web-02")
            try await world.certificate("api", targets: ["a", "c"], issue: true)
            let jobs = try await world.jobs(of: "api")
            for (index, job) in jobs.enumerated() {
                #expect(try await world.stored("api").status == .renewalInProgress)
                let agent = try #require(job.agentID)
                _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id, as: agent)
                #expect(try await world.versions(of: "api").count == index + 1)
                #expect(try await world.jobs(of: "api", type: [.deployment]).count == index + 1)
            }
            #expect(try await world.stored("api").status == .active)
        }
    }

    @Test("of two requests at once one opens and one is told so", arguments: Engine.available)
    func race(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.agent("web-01")
            try await world.target("a", of: "web-01")
            try await world.certificate("api", targets: ["a"])
            let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        await refusal {
                            _ = try await world.renewals.renew(Self.api, force: false, by: world.author)
                        }
                    }
                }
                return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(codes.filter { $0 == .renewalInProgress }.count == 5)
            #expect(try await world.jobs(of: "api").count == 1)
        }
    }

    @Test(
        "force cancels what is under way and opens anew; the old holder's CSR is refused", arguments: Engine.available)
    func force(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let old = try await IssueFlowTests.awaitingCSR(world)
            let opened = try await world.renewals.renew(Self.api, force: true, by: world.author)
            let statuses = try await world.jobs(of: "api").map { ($0.id == old.id, $0.status) }
            #expect(statuses.contains { $0 == (true, .cancelled) })
            #expect(statuses.contains { $0 == (false, .awaitingCSR) })
            let code = await refusal { _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: old.id) }
            #expect(code == .invalidState)
            let answer = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
            guard case .issued(_, let job) = answer else {
                Issue.record("not issued")
                return
            }
            #expect(job == opened.jobs.first?.id)
        }
    }

    @Test("what cannot be renewed says why and stays as it is")
    func refusals() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            try await world.target("a", of: "web-01")
            func renew() async -> ErrorCode? {
                await refusal { _ = try await world.renewals.renew(Self.api, force: false, by: world.author) }
            }
            #expect(await renew() == .notFound)
            try await world.certificate("api")
            #expect(await renew() == .unprocessable)
            #expect(try await world.stored("api").status == .pending)
            _ = try await world.certificates.attach(TargetID(stored: "a"), to: Self.api, by: world.author)
            var change = IssuerChange()
            change.enabled = .set(false)
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            #expect(await renew() == .invalidState)
            change.enabled = .set(true)
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            try await world.certificates.archive(Self.api, expecting: nil, by: world.author)
            #expect(await renew() == .invalidState)
            #expect(try await world.jobs(of: "api").isEmpty)
        }
    }

    @Test("creating with issue opens the first issuance in the same transaction, or creates nothing")
    func createAndIssue() async throws {
        try await World.with(.sqlite) { world async throws in
            let code = await refusal {
                _ = try await world.certificates.create(world.draft("api", issue: true), by: world.author)
            }
            #expect(code == .unprocessable)
            let stored = try await world.count("SELECT COUNT(*) AS n FROM managed_certificates")
            #expect(stored == 0)
        }
    }

    @Test("archiving ends the work and frees the name; unarchiving returns to where validity puts it")
    func archive() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
            try await world.certificates.archive(Self.api, expecting: nil, by: world.author)
            let archived = try await world.stored("api")
            #expect(archived.status == .archived)
            #expect(archived.nextRenewalAt == nil)
            #expect(try await world.jobs(of: "api", type: [.deployment]).map(\.status) == [.cancelled])
            var draft = world.draft("api")
            draft.id = "api-2"
            _ = try await world.certificates.create(draft, by: world.author)
            #expect(
                await refusal { _ = try await world.certificates.unarchive(Self.api, by: world.author) }
                    == .alreadyExists
            )
            try await world.certificates.archive(CertificateID(stored: "api-2"), expecting: nil, by: world.author)
            let restored = try await world.certificates.unarchive(Self.api, by: world.author)
            #expect(restored.status == .active)
            #expect(restored.nextRenewalAt != nil)
        }
    }

    @Test("cancelling the job returns the certificate to where it stood, and the schedule waits a day")
    func cancel() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try await JobFlow(world.context).cancel(job.id, reason: "not now", by: world.author)
            let stored = try await world.stored("api")
            #expect(stored.status == .pending)
            #expect(stored.nextRenewalAt == world.clock.now + .days(1))
            #expect(
                await refusal { _ = try await JobFlow(world.context).cancel(job.id, reason: nil, by: world.author) }
                    == .invalidState
            )
        }
    }

    @Test("an operator's retry grants a failed job one more attempt")
    func retry() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try? await IssueFlowTests.submit(world, try World.csr("api", extra: ["evil.org"]), job: job.id)
            let retried = try await JobFlow(world.context).retry(job.id, by: world.author)
            #expect(retried.status == .awaitingCSR)
            #expect(try await world.stored("api").status == .renewalInProgress)
            guard case .issued = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id) else {
                Issue.record("not issued")
                return
            }
            #expect(try await world.stored("api").renewalFailures == 0)
        }
    }
}
