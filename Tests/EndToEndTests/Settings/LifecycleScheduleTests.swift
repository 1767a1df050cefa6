import Domain
import Foundation
import TestSupport
import Testing

@Suite("server settings: how often the background looks, and how long it waits", .tags(.slow))
struct LifecycleScheduleTests {
    private struct LoopState {
        let startedAt: Timestamp
        let finishedAt: Timestamp
        let dueAt: Timestamp
    }

    private static func loops(_ server: ControlPlane) async throws -> [String: LoopState] {
        let rows = try await server.client.get("/api/v1/admin/scheduler").json["loops"] as? [[String: Any]] ?? []
        return try rows.reduce(into: [:]) { states, row in
            func time(_ member: String) throws -> Timestamp {
                try Timestamp(rfc3339: try #require(row[member] as? String, "\(member) of \(row)"))
            }
            states[row["loop"] as? String ?? ""] = LoopState(
                startedAt: try time("last_started_at"), finishedAt: try time("last_finished_at"),
                dueAt: try time("next_due_at"))
        }
    }

    @Test("each loop runs at start, and next after its own interval, give or take a tenth")
    func intervals() async throws {
        let intervals: [(setting: String, loop: String, text: String, seconds: Double)] = [
            ("SCHEDULER_RENEWAL_CHECK_INTERVAL", "renewal_check", "3h", 10_800),
            ("SCHEDULER_RETRY_INTERVAL", "job_retry", "7m", 420),
            ("JOB_TIMEOUT_INTERVAL", "job_timeout", "13m", 780),
            ("SCHEDULER_AGENT_HEALTH_CHECK_INTERVAL", "agent_health", "19m", 1140),
            ("SHORT_LIVED_EXPIRY_CHECK_INTERVAL", "short_lived_expiry", "27m", 1620),
            ("SCHEDULER_JOB_PROCESSOR_INTERVAL", "upstream_orders", "41m", 2460),
        ]
        let settings = Dictionary(uniqueKeysWithValues: intervals.map { ("CERTCTL_\($0.setting)", $0.text) })
        let server = try await ControlPlane.start(environment: settings)
        try await server.becomeAdministrator()
        let haveRun = try await eventually {
            let states = try await Self.loops(server)
            return intervals.allSatisfy { states[$0.loop] != nil }
        }
        let states = try await Self.loops(server)
        #expect(haveRun, "\(states)")
        for interval in intervals {
            let state = try #require(states[interval.loop])
            let pause = (state.dueAt - state.finishedAt).inSeconds
            #expect(
                pause > interval.seconds * 0.899 && pause < interval.seconds * 1.101,
                "\(interval.loop) is due after \(pause) s")
        }
        await server.stop()
    }

    @Test("silent agents, unanswered jobs, lost leases and dead certificates are noticed in the time that is set")
    func patience() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_AGENT_OFFLINE_AFTER": "2s", "CERTCTL_SCHEDULER_AGENT_HEALTH_CHECK_INTERVAL": "1s",
            "CERTCTL_JOB_AWAITING_CSR_TIMEOUT": "3s", "CERTCTL_JOB_TIMEOUT_INTERVAL": "1s",
            "CERTCTL_JOB_RUNNING_LEASE": "6s", "CERTCTL_AGENT_OFFLINE_JOB_TTL": "2s",
            "CERTCTL_SHORT_LIVED_EXPIRY_CHECK_INTERVAL": "1s", "CERTCTL_SCHEDULER_RETRY_INTERVAL": "1s",
            "CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL": "1s",
        ])
        try await server.becomeAdministrator()
        try await Inventory.create(on: server, maximumLifetime: 4)
        let watched = [
            "job_retry", "upstream_orders", "job_timeout", "agent_health", "short_lived_expiry", "renewal_check",
        ]
        let haveRun = try await eventually {
            let seen = try await Self.loops(server)
            return watched.allSatisfy { seen[$0] != nil }
        }
        let before = try await Self.loops(server)
        #expect(haveRun, "\(before)")

        try await issueShortLived(server)
        // Both hold a deployment. One is never heard of again; the other lives, and does not say that it is at work.
        let silent = try await FakeAgent.register("silent", on: server)
        let forgetful = try await FakeAgent.register("forgetful", on: server)
        let lost = try await silent.claimDeployment()
        let forgotten = try await forgetful.claimDeployment()
        let lease = (forgotten.leaseEnd - forgotten.claimedAt).inSeconds
        #expect(lease > 5 && lease < 7, "a lease of \(lease) s")
        let absent = try await FakeAgent.register("absent", on: server)
        let unanswered = try await absent.jobs().first?["id"] as? String ?? ""

        let isTakenBack = try await whileBeating(forgetful) {
            try await server.client.get("/api/v1/jobs/\(lost.job)").text("status") == "Pending"
        }
        // Silence cost the one its job while its lease lasted; the other, whose lease is older than that, has its own.
        #expect(isTakenBack && Timestamp.now < lost.leaseEnd)
        let held = try await server.client.get("/api/v1/jobs/\(forgotten.job)")
        #expect(held.text("status") == "Running" && Timestamp.now < forgotten.leaseEnd, "\(held.body)")
        let isReaped = try await whileBeating(forgetful) {
            try await server.client.get("/api/v1/jobs/\(forgotten.job)").text("status") == "Pending"
        }
        #expect(isReaped && Timestamp.now >= forgotten.leaseEnd)

        try await expectNoticed(server, silent: silent.id, lively: forgetful.id, unanswered: unanswered)
        let after = try await Self.loops(server)
        for loop in ["job_retry", "upstream_orders", "job_timeout", "agent_health", "short_lived_expiry"] {
            let (first, last) = (try #require(before[loop]), try #require(after[loop]))
            #expect(last.startedAt - first.startedAt > .seconds(3), "\(loop) has not run again")
        }
        #expect(after["renewal_check"]?.startedAt == before["renewal_check"]?.startedAt)
        await server.stop()
    }

    private func issueShortLived(_ server: ControlPlane) async throws {
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-short", name: "short.certctl.test")))
        let csr = try await makeCSR("short.certctl.test", in: server.directory)
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates/mc-short/csr", ["csr_pem": csr]))
        #expect(try await server.client.get("/api/v1/certificates/mc-short").text("status") != "Expired")
    }

    /// Looks for `condition` while the agent goes on saying that it lives, and nothing else.
    private func whileBeating(_ agent: FakeAgent, _ condition: () async throws -> Bool) async throws -> Bool {
        try await eventually(within: .seconds(12), every: .milliseconds(100)) {
            try await agent.beat()
            return try await condition()
        }
    }

    private func expectNoticed(
        _ server: ControlPlane,
        silent: String,
        lively: String,
        unanswered: String
    ) async throws {
        #expect(try await server.client.get("/api/v1/agents/\(silent)").text("status") == "Offline")
        #expect(try await server.client.get("/api/v1/agents/\(lively)").text("status") == "Online")
        // What a look finds by itself a loop has written down as well.
        let audit = try await server.client.get("/api/v1/audit?resource_id=\(silent)&action=agent_status_changed")
        #expect(audit.body.contains("Offline"), "\(audit.body)")
        let job = try await server.client.get("/api/v1/jobs/\(unanswered)")
        #expect(job.text("status") == "Failed", "\(job.body)")
        #expect(job.text("last_error") == "the agent sent no CSR in time", "\(job.body)")
        let certificate = try await server.client.get("/api/v1/certificates/mc-short")
        #expect(certificate.text("status") == "Expired", "\(certificate.body)")
    }
}

/// What an agent says to its server, said by hand.
private struct FakeAgent {
    struct Claim {
        let job: String
        let claimedAt: Timestamp
        let leaseEnd: Timestamp
    }

    let id: String
    private let client: CurlClient
    private let directory: TemporaryDirectory

    /// Registers an agent with a target and a certificate that its key is to be made for.
    static func register(_ id: String, on server: ControlPlane) async throws -> FakeAgent {
        let registered = try await server.client.post(
            "/api/v1/agents", ["id": id, "name": id, "hostname": "\(id).certctl.test"])
        let key = try #require(try Inventory.expect(201, registered).text("api_key"))
        let site = try SiteFiles()
        try await server.createTarget("tgt-\(id)", agent: id, site.configuration())
        let agent = FakeAgent(id: id, client: server.anonymous.with(key: key), directory: server.directory)
        try await agent.beat()
        try await server.issue(id, to: ["tgt-\(id)"])
        return agent
    }

    func beat() async throws {
        try Inventory.expect(200, try await client.post("/api/v1/agents/\(id)/heartbeat", ["running_jobs": [String]()]))
    }

    func jobs() async throws -> [[String: Any]] {
        let work = try Inventory.expect(200, try await client.get("/api/v1/agents/\(id)/work"))
        return work.json["jobs"] as? [[String: Any]] ?? []
    }

    /// Has the certificate issued, and takes the deployment that follows.
    func claimDeployment() async throws -> Claim {
        let csr = try await makeCSR("\(id).certctl.test", in: directory)
        let body = ["csr_pem": csr, "certificate_id": "mc-\(id)"]
        try Inventory.expect(202, try await client.post("/api/v1/agents/\(id)/csr", body))
        let claimedAt = Timestamp.now
        let job = try #require(try await jobs().first)
        try #require(job["type"] as? String == "Deployment" && job["status"] as? String == "Running", "\(job)")
        let leaseEnd = try Timestamp(rfc3339: try #require(job["lease_expires_at"] as? String))
        return Claim(job: try #require(job["id"] as? String), claimedAt: claimedAt, leaseEnd: leaseEnd)
    }
}

extension Timestamp {
    fileprivate static var now: Timestamp { TimeSource.system.now }
}
