import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Testing

@Suite("Deployments: handed out once, reported by their holder, retried without a new issuance")
struct DeploymentFlowTests {
    static let web = AgentID(stored: "web-01")
    static let api = CertificateID(stored: "api")

    /// A certificate that was issued, with its deployment waiting.
    static func issued(_ world: World) async throws {
        let job = try await IssueFlowTests.awaitingCSR(world)
        _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
    }

    static func report(_ world: World, _ id: JobID, _ report: JobReport, as agent: AgentID = web) async throws -> Job {
        try await world.reports.report(
            id,
            of: agent,
            report,
            by: Authorship(actor: Actor(id: agent.text, type: .agent), origin: nil, clearance: .system)
        )
    }

    @Test("two polls at once never get the same deployment", arguments: Engine.available)
    func claimedOnce(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world)
            let items = try await withThrowingTaskGroup(of: [WorkItem].self) { group in
                for _ in 0..<4 { group.addTask { try await world.work.claim(for: Self.web) } }
                return try await group.reduce(into: [WorkItem]()) { $0 += $1 }
            }
            #expect(items.map(\.work.job.type) == [.deployment])
            #expect(items.first?.work.job.status == .running)
            #expect(items.first?.work.job.attempts == 1)
            #expect(items.first?.work.fingerprintSHA256 != nil)
        }
    }

    @Test("secrets of a target reach its agent whole and are shown to nobody")
    func targetSecrets() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            let config: JSONObject = ["cert_path": "/tmp/c.pem", "password": "hunter2"]
            let target = try await world.target("edge", of: "web-01", config: config)
            #expect(target.config["password"] == "********")
            var change = TargetChange()
            change.config = .set(["cert_path": "/tmp/d.pem", "password": "********"])
            _ = try await world.targets.update(target.id, change, expecting: nil, by: world.author)
            try await world.certificate("api", targets: ["edge"], issue: true)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
            let item = try #require(try await world.work.claim(for: Self.web).first)
            #expect(item.targetConfig?["password"] == "hunter2")
            #expect(item.targetConfig?["cert_path"] == "/tmp/d.pem")
            let leaks = try await world.count(
                "SELECT COUNT(*) AS n FROM audit_events WHERE CAST(details AS TEXT) LIKE '%hunter2%'"
            )
            #expect(leaks == 0)
        }
    }

    @Test("a placeholder without a stored secret, and a broken configuration, are refused with pointers")
    func badTargetConfig() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            let refused = await #expect(throws: ServiceError.self) {
                _ = try await world.target("edge", of: "web-01", config: ["password": "********"])
            }
            #expect(refused?.code == .unprocessable)
            #expect(refused?.problems.map(\.pointer) == ["/config/cert_path", "/config/password"])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM deployment_targets") == 0)
        }
    }

    @Test("completion is stored, dates the certificate, and may be reported again", arguments: Engine.available)
    func completed(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world)
            let id = try #require(try await world.work.claim(for: Self.web).first).work.job.id
            _ = try await Self.report(world, id, JobReport(status: .running))
            let fingerprint = String(repeating: "a", count: 64)
            let done = JobReport(
                status: .completed,
                result: ["steps": ["written", "reloaded"]],
                verification: Verification(status: .success, fingerprintSHA256: fingerprint)
            )
            let first = try await Self.report(world, id, done)
            let second = try await Self.report(world, id, done)
            #expect(first == second)
            #expect(first.deploymentResult?["steps"]?[1] == "reloaded")
            #expect(first.verificationFingerprint == fingerprint)
            #expect(try await world.stored("api").lastDeploymentAt != nil)
            for status in [JobReport.Status.running, .failed] {
                let code = await refusal { _ = try await Self.report(world, id, JobReport(status: status)) }
                #expect(code == .invalidState)
            }
        }
    }

    @Test("a deployment that nobody looked at says so and why, and was never verified", arguments: Engine.available)
    func unverified(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world)
            let id = try #require(try await world.work.claim(for: Self.web).first).work.job.id
            let result: JSONValue = ["verification": ["status": "skipped", "reason": "no endpoint is set"]]
            let job = try await Self.report(world, id, JobReport(status: .completed, result: result))
            #expect(job.verificationStatus == .skipped && job.verificationError == "no endpoint is set")
            #expect(job.verifiedAt == nil)
        }
    }

    @Test("a failed deployment is retried after 1, 5 and no more minutes, never with a new issuance")
    func retries() async throws {
        try await World.with(.sqlite) { world async throws in
            try await Self.issued(world)
            for minutes in [1, 5] {
                let item = try #require(try await world.work.claim(for: Self.web).first)
                let failed = try await Self.report(
                    world,
                    item.work.job.id,
                    JobReport(status: .failed, error: "nginx: [emerg] bad", errorCode: "validate_failed")
                )
                #expect(failed.phase == .retryScheduled)
                let wait = (failed.scheduledAt - world.clock.now).inSeconds / 60
                #expect(wait >= Double(minutes) * 0.8 && wait <= Double(minutes) * 1.2)
                #expect(try await world.work.claim(for: Self.web).isEmpty)
                world.clock.advance(by: failed.scheduledAt - world.clock.now)
                #expect(try await world.tick(.jobRetry).rows == 1)
            }
            let last = try #require(try await world.work.claim(for: Self.web).first)
            #expect(last.work.job.attempts == 3)
            let report = JobReport(status: .failed, error: "nginx: [emerg] bad")
            let failed = try await Self.report(world, last.work.job.id, report)
            #expect(failed.phase == .failed)
            #expect(failed.lastError == "nginx: [emerg] bad")
            #expect(try await Self.report(world, last.work.job.id, report) == failed)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 1)
            #expect(try await world.stored("api").status == .active)
        }
    }

    @Test(
        "a report that trying again cannot help ends the job at once",
        arguments: ["config_invalid", "policy_denied", "key_missing", "key_mismatch", "rollback_failed"])
    func permanentFailure(code: String) async throws {
        try await World.with(.sqlite) { world async throws in
            try await Self.issued(world)
            let item = try #require(try await world.work.claim(for: Self.web).first)
            let report = JobReport(status: .failed, error: "no such key", errorCode: code)
            let failed = try await Self.report(world, item.work.job.id, report)
            #expect(failed.phase == .failed)
            #expect(failed.errorClass == .permanent)
        }
    }

    @Test("reports on jobs of another agent are unknown, and reports without a claim are refused")
    func confinement() async throws {
        try await World.with(.sqlite) { world async throws in
            try await Self.issued(world)
            try await world.agent("web-02")
            let job = try #require(try await world.jobs(of: "api", type: [.deployment]).first)
            let done = JobReport(status: .completed)
            let other = AgentID(stored: "web-02")
            #expect(await refusal { _ = try await Self.report(world, job.id, done, as: other) } == .notFound)
            #expect(await refusal { _ = try await Self.report(world, job.id, done) } == .invalidState)
            #expect(try await world.work.claim(for: other).isEmpty)
        }
    }

    @Test("a forced renewal beats the report of the job that it cancelled", arguments: Engine.available)
    func forceAgainstReport(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world)
            let item = try #require(try await world.work.claim(for: Self.web).first)
            _ = try await world.renewals.renew(Self.api, force: true, by: world.author)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
            let code = await refusal {
                _ = try await Self.report(world, item.work.job.id, JobReport(status: .completed))
            }
            #expect(code == .invalidState)
            #expect(try await world.statuses(of: "api", type: [.deployment]) == [.cancelled, .pending])
        }
    }

    @Test("a waiting poll is woken by new work")
    func longPoll() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            async let items = world.work.claim(for: Self.web, wait: .seconds(30))
            try await Task.sleep(for: .milliseconds(20))
            try await world.certificate("api", targets: ["edge"], issue: true)
            #expect(try await items.map(\.work.job.status) == [.awaitingCSR])
        }
    }

    @Test("a deployment whose answer was lost is given again, and the log says so", arguments: Engine.available)
    func lostAnswer(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world)
            func ask(_ turn: Int64, _ held: [JobID] = []) async throws -> [JobID] {
                try await world.work.claim(for: Self.web, knowing: WorkQuestion(turn: turn, held: held)).map(
                    \.work.job.id)
            }
            let job = try #require(try await ask(1).first)
            #expect(try await ask(2) == [job])
            #expect(try await ask(3, [job]).isEmpty)
            #expect(try await world.jobs(of: "api", type: [.deployment]).map(\.attempts) == [1])
            let actions = try await world.actions(on: job.text)
            #expect(actions.count { $0 == "deployment_job_dispatched" } == 2)
            #expect(actions.count { $0 == "deployment_job_returned" } == 1)
        }
    }

    @Test("a poll whose client has gone ends at the next signal, and nothing is claimed for it")
    func clientGone() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await withThrowingTaskGroup(of: Bool.self) { group async throws in
                group.addTask {
                    try await world.work.claim(for: Self.web, wait: .seconds(50), while: { false }).isEmpty
                }
                group.addTask {
                    // Again and again: the poll may not have begun to listen.
                    while !Task.isCancelled {
                        try await world.database.write { tx in try tx.notify(.jobs, payload: Self.web.text) }
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    return false
                }
                let isEnded = try await group.next()
                #expect(isEnded == true)
                group.cancelAll()
                while let _ = await group.nextResult() {}
            }
            try await world.certificate("api", targets: ["edge"], issue: true)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
            #expect(try await world.jobs(of: "api", type: [.deployment]).map(\.status) == [.pending])
        }
    }

    @Test("deploying on request needs a version, a target and a live certificate")
    func onRequest() async throws {
        try await World.with(.sqlite) { world async throws in
            let deploy = DeployFlow(world.context)
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await world.certificate("api", targets: ["edge"])
            #expect(await refusal { _ = try await deploy.deploy(Self.api, by: world.author) } == .invalidState)
            let other = TargetID(stored: "elsewhere")
            #expect(
                await refusal { _ = try await deploy.deploy(Self.api, to: other, by: world.author) } == .unprocessable)
            _ = try await world.renewals.renew(Self.api, force: false, by: world.author)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: nil)
            let jobs = try await deploy.deploy(Self.api, by: world.author)
            #expect(jobs.map(\.status) == [.pending])
            #expect(try await world.statuses(of: "api", type: [.deployment]) == [.cancelled, .pending])
        }
    }

    @Test("what was seen at the endpoint is stored with the job and changes nothing else")
    func verification() async throws {
        try await World.with(.sqlite) { world async throws in
            try await Self.issued(world)
            let job = try #require(try await world.jobs(of: "api", type: [.deployment]).first)
            let flow = VerificationFlow(world.context)
            let seen = Verification(status: .failed, fingerprintSHA256: nil, error: "connection refused")
            func record(_ target: String, _ agent: String?) async throws -> Job {
                try await flow.record(
                    job.id,
                    of: agent.map(AgentID.init(stored:)),
                    target: TargetID(stored: target),
                    seen,
                    by: world.author
                )
            }
            #expect(await refusal { _ = try await record("edge", "web-02") } == .notFound)
            #expect(await refusal { _ = try await record("other", "web-01") } == .unprocessable)
            let verified = try await record("edge", "web-01")
            #expect(verified.verificationStatus == .failed)
            #expect(verified.verificationError == "connection refused")
            #expect(verified.status == .pending)
        }
    }
}
