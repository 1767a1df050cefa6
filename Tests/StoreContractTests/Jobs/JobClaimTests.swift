import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §6.2, §6.5: claims, leases and what an agent is given")
struct JobClaimTests {
    private let jobs = JobStore()

    @Test("claimers at the same time never get the same job, and none is left", arguments: Engine.available)
    func concurrentClaims(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let opened = try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let later = seed.job(.renewal, of: certificate, scheduledAt: tx.now + .hours(1))
                let deployment = seed.job(.deployment, of: certificate, agent: seed.agent, target: seed.target)
                try jobs.open([later, deployment], in: tx)
                return try jobs.open((0..<40).map { _ in seed.job(.issuance, of: certificate) }, in: tx).opened
            }
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for worker in 0..<8 {
                    group.addTask { [jobs] in
                        var mine: [JobID] = []
                        for _ in 0..<6 {
                            mine += try await database.write { tx in
                                try jobs.claimForServer(
                                    limit: 3,
                                    owner: "w\(worker)",
                                    lease: .minutes(5),
                                    in: tx
                                ).map(\.id)
                            }
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == Set(claimed).count)
            #expect(Set(claimed) == Set(opened), "neither deployments nor what is not due yet")
        }
    }

    @Test("an agent gets its own work: deployments first, at most what it may hold", arguments: Engine.available)
    func agentWork(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let stranger = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let version = seed.version(of: certificate, agent: seed.agent, notAfter: tx.now + .days(1))
                _ = try VersionInstaller().install(
                    version,
                    from: [.pending],
                    to: CertificateOutcome(status: .active),
                    in: tx
                )
                let csr = seed.job(.renewal, of: certificate, status: .awaitingCSR, agent: seed.agent)
                let deployments = (0..<3).map { _ in
                    seed.job(
                        .deployment,
                        of: certificate,
                        agent: seed.agent,
                        target: seed.target,
                        version: version.id
                    )
                }
                try jobs.open([csr] + deployments, in: tx)
                #expect(try !jobs.hasWork(for: stranger.agent, in: tx))
                #expect(try jobs.hasWork(for: seed.agent, in: tx))
                func poll(_ agent: AgentID) throws -> [AgentWork] {
                    try jobs.claimForAgent(agent, limit: 50, mostOutstanding: 2, lease: .minutes(5), in: tx)
                }
                #expect(try poll(stranger.agent).isEmpty)
                let first = try poll(seed.agent)
                #expect(first.map(\.job.id) == deployments.prefix(2).map(\.id) + [csr.id])
                #expect(first[0].job.status == .running && first[0].job.leaseOwner == seed.agent.text)
                #expect(first[0].target?.type == .nginx && first[0].sealedTargetConfig == [9])
                #expect(first[0].fingerprintSHA256 == version.fingerprintSHA256)
                #expect(first[2].job.status == .awaitingCSR && first[2].target == nil)
                #expect(first[2].commonName == "www.example.com" && first[2].subjectAltNames.count == 2)
                #expect(try poll(seed.agent).map(\.job.id) == [csr.id], "two are held, so no third")
                #expect(try jobs.complete(deployments[0].id, holder: seed.agent.text, in: tx) != nil)
                #expect(try poll(seed.agent).map(\.job.id) == [deployments[2].id, csr.id])
            }
        }
    }

    @Test("two polls of one agent share one allowance", arguments: Engine.available)
    func concurrentPolls(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let work = (0..<10).map { _ in
                    seed.job(.deployment, of: certificate, agent: seed.agent, target: seed.target)
                }
                try jobs.open(work, in: tx)
            }
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for _ in 0..<5 {
                    group.addTask { [jobs] in
                        try await database.write { tx in
                            try jobs.claimForAgent(
                                seed.agent,
                                limit: 50,
                                mostOutstanding: 4,
                                lease: .minutes(5),
                                in: tx
                            ).map(\.job.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 4 && Set(claimed).count == 4)
        }
    }

    @Test("a CSR is taken from the assigned agent, once", arguments: Engine.available)
    func csr(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let stranger = try await database.seed()
            let (certificate, job) = try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let job = seed.job(.issuance, of: certificate, status: .awaitingCSR, agent: seed.agent)
                try jobs.open([job], in: tx)
                return (certificate, job.id)
            }
            let accepted = try await withThrowingTaskGroup(of: Job?.self) { group in
                for agent in [stranger.agent, seed.agent, seed.agent, stranger.agent] {
                    group.addTask { [jobs] in
                        try await database.write {
                            try jobs.acceptCSR(job, from: agent, owner: "s", lease: .minutes(5), in: $0)
                        }
                    }
                }
                return try await group.reduce(into: [Job]()) { if let job = $1 { $0.append(job) } }
            }
            #expect(accepted.count == 1 && accepted.first?.attempts == 1 && accepted.first?.leaseOwner == "s")
            let waiting = try await database.read { [jobs] in
                try jobs.awaitingCSR(of: certificate, from: seed.agent, in: $0)
            }
            #expect(waiting == nil)
        }
    }

    @Test("expired leases go back to their queue, or fail when no attempt is left", arguments: Engine.available)
    func expiredLeases(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let twice = seed.job(.issuance, of: certificate, maxAttempts: 2)
                let alive = seed.job(.issuance, of: certificate)
                let csr = seed.job(.renewal, of: certificate, status: .awaitingCSR, agent: seed.agent, maxAttempts: 1)
                try jobs.open([twice, csr], in: tx)
                _ = try jobs.claimForServer(limit: 5, owner: "w", lease: .seconds(-1), in: tx)
                _ = try jobs.acceptCSR(csr.id, from: seed.agent, owner: "s", lease: .seconds(-1), in: tx)
                try jobs.open([alive], in: tx)
                _ = try jobs.claimForServer(limit: 5, owner: "w", lease: .minutes(5), in: tx)
                let first = try jobs.expireLeases(agentSilence: .minutes(5), limit: 10, in: tx)
                #expect(first.requeued.map(\.id) == [twice.id] && first.failed.map(\.id) == [csr.id])
                #expect(first.requeued.first?.status == .pending && first.requeued.first?.attempts == 1)
                #expect(first.failed.first?.errorClass == .agentOffline && first.failed.first?.phase == .failed)
                _ = try jobs.claimForServer(limit: 5, owner: "w", lease: .seconds(-1), in: tx)
                let second = try jobs.expireLeases(agentSilence: .minutes(5), limit: 10, in: tx)
                #expect(second.requeued.isEmpty && second.failed.map(\.id) == [twice.id])
                #expect(try jobs.get(alive.id, in: tx).status == .running)
                #expect(try jobs.releaseLeases(owner: "w", in: tx) == [alive.id])
                let released = try jobs.get(alive.id, in: tx)
                #expect(released.status == .pending && released.attempts == 0 && released.leaseOwner == nil)
            }
        }
    }

    @Test("retries start when they are due; CSR waits end in a retry or for good", arguments: Engine.available)
    func retriesAndWaits(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let again = seed.job(.issuance, of: certificate, status: .awaitingCSR, agent: seed.agent)
                let last = seed.job(.issuance, of: certificate, status: .awaitingCSR, agent: seed.agent, maxAttempts: 1)
                try jobs.open([again, last], in: tx)
                #expect(
                    try jobs.timeOutCSRs(waitingSince: tx.now - .hours(1), retryAt: tx.now, limit: 9, in: tx)
                        .requeued.isEmpty
                )
                let ended = try jobs.timeOutCSRs(waitingSince: tx.now, retryAt: tx.now, limit: 9, in: tx)
                #expect(ended.requeued.map(\.id) == [again.id] && ended.failed.map(\.id) == [last.id])
                #expect(ended.failed.first?.errorClass == .timeout && ended.failed.first?.completedAt == tx.now)
                #expect(try jobs.nextRetry(in: tx) == tx.now)
                let started = try jobs.startRetries(limit: 9, in: tx)
                #expect(started.map(\.id) == [again.id] && started.first?.status == .awaitingCSR)
                #expect(try jobs.startRetries(limit: 9, in: tx).isEmpty)
            }
        }
    }
}
