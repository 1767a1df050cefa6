import Domain
import Encoding
import PKI
import Synchronization

@testable import AgentRuntime

/// A control plane with the rules of the interface and nothing else: what an agent should not send, it refuses and
/// remembers.
final class FakeControlPlane: Sendable {
    static let agent = AgentID(stored: "agent-1")

    struct Job: Sendable {
        let id: String
        let isDeployment: Bool
        let certificate: String
        var status: String
        var attempt = 0
        /// Of the question in answer to which the job was given.
        var turn = 0
        var version: String?
        var outcomes: [String] = []
    }

    struct Version: Sendable {
        let id: String
        let pem: String
        let publicKey: SubjectPublicKey
    }

    struct State: Sendable {
        var jobs: [Job] = []
        var versions: [Version] = []
        var submittedKeys: [SubjectPublicKey] = []
        var calls: [String] = []
        var unexpected: [String] = []
        var verifications: [JSONValue] = []
        var heartbeats: [JSONValue] = []
        /// Answers to give instead, for the next calls whose path contains the key.
        var scripted: [(path: String, answer: ControlPlaneAnswer)] = []
        var isRetired = false
        var isReachable = true
        var signsAtOnce = true
        var pendingIssuance: [(job: String, csr: String)] = []
        var targetConfig: JSONObject = ["cert_path": "/tls/cert.pem"]
    }

    private let state = Mutex(State())
    private let ca: TestCA

    init() throws { ca = try TestCA.shared.get() }

    var current: State { state.withLock { $0 } }
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    var transport: Transport { Transport { call in try self.answer(call) } }
    var controlPlane: ControlPlane { ControlPlane(agent: Self.agent, transport: transport) }

    func order(_ job: String, certificate: String = "cert-web") {
        change { $0.jobs.append(Job(id: job, isDeployment: false, certificate: certificate, status: "AwaitingCSR")) }
    }

    /// What a control plane does when leases run out or retries come due.
    func requeue() {
        change { state in
            for index in state.jobs.indices where ["Running", "Failed"].contains(state.jobs[index].status) {
                state.jobs[index].status = state.jobs[index].isDeployment ? "Pending" : "AwaitingCSR"
            }
        }
    }

    /// Signs what waits, as an issuer that answers later.
    func issuePending() throws {
        for (job, csr) in current.pendingIssuance { try issue(job, csr) }
        change { $0.pendingIssuance = [] }
    }

    func answer(_ call: ControlPlaneCall) throws -> ControlPlaneAnswer {
        try state.withLock { state in
            state.calls.append("\(call.method.rawValue) \(call.path)")
            if !state.isReachable { throw ControlPlaneError(.unreachable, message: "connection refused") }
            if state.isRetired { return Self.error(410, "agent_retired", "agent retired by ops") }
            if let index = state.scripted.firstIndex(where: { call.path.contains($0.path) }) {
                return state.scripted.remove(at: index).answer
            }
            return try route(call, &state)
        }
    }

    static func json(_ body: JSONValue, status: Int = 200) -> ControlPlaneAnswer {
        ControlPlaneAnswer(status: status, body: body.octets)
    }

    static func error(_ status: Int, _ code: String?, _ message: String, retryAfter: Duration? = nil)
        -> ControlPlaneAnswer
    {
        var body: JSONValue = ["error": "Some Status", "message": .string(message)]
        body["code"] = code.map { .string($0) }
        return ControlPlaneAnswer(status: status, body: body.octets, retryAfter: retryAfter)
    }

    private func route(_ call: ControlPlaneCall, _ state: inout State) throws -> ControlPlaneAnswer {
        let base = "/api/v1/agents/\(Self.agent)"
        let path = call.path.split(separator: "?").first.map(String.init) ?? call.path
        switch (call.method, path) {
        case (.post, "\(base)/heartbeat"):
            state.heartbeats.append(call.body ?? .null)
            return Self.json(["status": "heartbeat_recorded"])
        case (.get, "\(base)/work"): return work(call.path, &state)
        case (.post, "\(base)/csr"): return try csr(call.body, &state)
        case (.get, _) where path.hasPrefix("\(base)/certificates/"):
            return certificate(String(path.dropFirst("\(base)/certificates/".count)), call.path, state)
        case (.post, _) where path.hasPrefix("\(base)/jobs/") && path.hasSuffix("/status"):
            return status(String(path.dropFirst("\(base)/jobs/".count).dropLast("/status".count)), call.body, &state)
        case (.post, _) where path.hasPrefix("/api/v1/jobs/") && path.hasSuffix("/verify"):
            state.verifications.append(call.body ?? .null)
            return Self.json(["job_id": "job", "verified": true, "verified_at": "2026-01-01T00:00:00Z"])
        default:
            state.unexpected.append("\(call.method.rawValue) \(call.path)")
            return Self.error(404, "route_not_found", "no such route")
        }
    }

    private func work(_ path: String, _ state: inout State) -> ControlPlaneAnswer {
        let query = path.split(separator: "?").dropFirst().joined().split(separator: "&").map(String.init)
        func value(_ name: String) -> String? {
            query.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        let turn = value("turn").flatMap { Int($0) } ?? 0
        let held = value("held")?.split(separator: ",").map(String.init) ?? []
        var items: [JSONValue] = []
        for index in state.jobs.indices {
            let job = state.jobs[index]
            if job.isDeployment, job.status == "Running", job.turn < turn, !held.contains(job.id) {
                state.jobs[index].status = "Pending"
                state.jobs[index].attempt -= 1
            }
            if state.jobs[index].isDeployment, state.jobs[index].status == "Pending" {
                state.jobs[index].status = "Running"
                state.jobs[index].attempt += 1
                state.jobs[index].turn = turn
                items.append(deploymentItem(state.jobs[index], state.targetConfig))
            } else if state.jobs[index].status == "AwaitingCSR" {
                items.append([
                    "id": .string(state.jobs[index].id), "type": "Renewal", "status": "AwaitingCSR",
                    "certificate_id": .string(state.jobs[index].certificate), "common_name": "www.example.test",
                    "sans": ["www.example.test", "192.0.2.1"], "attempt": 1,
                ])
            }
        }
        return Self.json(["jobs": .array(items), "count": JSONValue(items.count)])
    }

    private func deploymentItem(_ job: Job, _ config: JSONObject) -> JSONValue {
        [
            "id": .string(job.id), "type": "Deployment", "status": "Running", "operation": "deploy",
            "certificate_id": .string(job.certificate), "target_id": "target-1", "target_type": "NGINX",
            "target_config": .object(config), "attempt": JSONValue(job.attempt),
            "version_id": .string(job.version ?? ""),
        ]
    }

    private func csr(_ body: JSONValue?, _ state: inout State) throws -> ControlPlaneAnswer {
        guard let pem = body?["csr_pem"]?.stringValue, let job = body?["job_id"]?.stringValue else {
            return Self.error(400, "validation_failed", "csr_pem and job_id are required")
        }
        let request = try CertificationRequest(pem: pem)
        state.submittedKeys.append(request.subjectPublicKey)
        guard let index = state.jobs.firstIndex(where: { $0.id == job && $0.status == "AwaitingCSR" }) else {
            return Self.error(409, "invalid_state", "no job waits for this CSR")
        }
        if !state.signsAtOnce {
            state.jobs[index].status = "Running"
            state.pendingIssuance.append((job, pem))
            return Self.json(["status": "csr_accepted"], status: 202)
        }
        let version = try Self.issue(index, pem, ca, &state)
        return Self.json(
            ["status": "csr_signed", "version_id": .string(version.id), "certificate_pem": .string(version.pem)],
            status: 202
        )
    }

    private func issue(_ job: String, _ csr: String) throws {
        try state.withLock { state in
            guard let index = state.jobs.firstIndex(where: { $0.id == job }) else { return }
            _ = try Self.issue(index, csr, ca, &state)
        }
    }

    private static func issue(_ index: Int, _ csr: String, _ ca: TestCA, _ state: inout State) throws -> Version {
        let pem = try ca.sign(csr)
        let version = Version(
            id: "certver-\(state.versions.count + 1)",
            pem: pem,
            publicKey: try X509Certificate(pem: pem).subjectPublicKey
        )
        state.versions.append(version)
        state.jobs[index].status = "Completed"
        var deployment = Job(
            id: "deploy-\(state.versions.count)",
            isDeployment: true,
            certificate: state.jobs[index].certificate,
            status: "Pending"
        )
        deployment.version = version.id
        state.jobs.append(deployment)
        return version
    }

    private func certificate(_ id: String, _ path: String, _ state: State) -> ControlPlaneAnswer {
        let asked = path.split(separator: "?").last.map { String($0.dropFirst("version_id=".count)) }
        guard let version = state.versions.last(where: { asked == nil || !path.contains("?") || $0.id == asked }) else {
            return Self.error(404, "not_found", "certificate \(id) has no version yet")
        }
        let body: JSONValue = [
            "certificate_pem": .string(version.pem + ca.certificatePEM), "leaf_pem": .string(version.pem),
            "chain_pem": .string(ca.certificatePEM), "version_id": .string(version.id), "serial_number": "1",
            "fingerprint_sha256": .string(String(repeating: "a", count: 64)), "not_after": "2030-01-01T00:00:00Z",
        ]
        return Self.json(body)
    }

    private func status(_ id: String, _ body: JSONValue?, _ state: inout State) -> ControlPlaneAnswer {
        guard let index = state.jobs.firstIndex(where: { $0.id == id }) else {
            return Self.error(404, "not_found", "no such job")
        }
        let reported = body?["status"]?.stringValue ?? ""
        let job = state.jobs[index]
        if let attempt = body?["attempt"]?.integerValue, Int(attempt) != max(job.attempt, 1) {
            return Self.error(409, "invalid_state", "attempt \(attempt) is over")
        }
        switch (job.status, reported) {
        case ("Running", "Running"): break
        case ("Running", "Completed"), ("Running", "Failed"):
            state.jobs[index].status = reported
            state.jobs[index].outcomes.append(reported)
        case (reported, "Completed"), (reported, "Failed"): break
        default: return Self.error(409, "invalid_state", "a job that is \(job.status) cannot become \(reported)")
        }
        return Self.json(["status": "updated"])
    }
}
