import Domain
import Foundation
import TestSupport
import Testing

/// A certificate and a key file that no service reads; what deployments to it do shows on disk and in their reports.
struct SiteFiles: Sendable {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("site")
        for name in ["site.crt", "site.key"] {
            try "placeholder \(name)\n".write(toFile: directory.path(name), atomically: true, encoding: .utf8)
        }
    }

    var certificate: String { (try? String(contentsOfFile: directory.path("site.crt"), encoding: .utf8)) ?? "" }
    var key: String { (try? String(contentsOfFile: directory.path("site.key"), encoding: .utf8)) ?? "" }
    var isUntouched: Bool { certificate == "placeholder site.crt\n" && key == "placeholder site.key\n" }

    /// Commands that succeed. The reload is this site's own, so that it shares no lock with others.
    func configuration(_ changes: [String: Any] = [:]) -> [String: Any] {
        [
            "cert_path": directory.path("site.crt"), "key_path": directory.path("site.key"),
            "validate_command": ["true"], "reload_command": ["true", directory.url.lastPathComponent],
        ].merging(changes) { $1 }
    }
}

/// A deployment job that ended, or ended an attempt.
struct EndedDeployment {
    let job: [String: Any]

    var id: String { job["id"] as? String ?? "" }
    var isCompleted: Bool { job["status"] as? String == "Completed" }
    var lastError: String { job["last_error"] as? String ?? "" }
    var result: [String: Any] { job["deployment_result"] as? [String: Any] ?? [:] }
    var errorCode: String { result["error_code"] as? String ?? "" }
    var isRolledBack: Bool { result["rolled_back"] as? Bool ?? false }

    /// The phases of that name, as the agent timed them.
    func phase(_ name: String) -> (start: Timestamp, milliseconds: Int)? {
        let phases = result["phases"] as? [[String: Any]] ?? []
        guard let phase = phases.first(where: { $0["name"] as? String == name }),
            let start = (phase["start"] as? String).flatMap({ try? Timestamp(rfc3339: $0) }),
            let milliseconds = phase["ms"] as? Int
        else { return nil }
        return (start, milliseconds)
    }
}

extension ControlPlane {
    func createTarget(_ id: String, agent: String, _ configuration: [String: Any]) async throws {
        try Inventory.expect(
            201,
            try await client.post(
                "/api/v1/targets",
                ["id": id, "name": id, "type": "NGINX", "agent_id": agent, "config": configuration]))
    }

    /// Creates `mc-<name>` for `<name>.certctl.test` and issues it to the targets.
    func issue(_ name: String, to targets: [String]) async throws {
        let body = Inventory.certificate("mc-\(name)", name: "\(name).certctl.test", targets: targets, issue: true)
        try Inventory.expect(201, try await client.post("/api/v1/certificates", body))
    }

    func recordedFingerprint(_ certificate: String) async throws -> String? {
        try await client.get("/api/v1/certificates/\(certificate)").text("fingerprint_sha256")
    }

    /// A deployment once its attempt of that number has ended.
    func deployment(_ job: String, attempt: Int) async throws -> EndedDeployment {
        var body: [String: Any] = [:]
        let ended = try await eventually(within: .seconds(30), every: .milliseconds(100)) {
            body = try await client.get("/api/v1/jobs/\(job)").json
            return body["attempts"] as? Int == attempt
                && ["Completed", "Failed"].contains(body["status"] as? String)
        }
        try #require(ended, "attempt \(attempt) has not ended: \(body)\n\(process.transcript)")
        return EndedDeployment(job: body)
    }

    /// The newest deployment to a target, once `count` of them have ended.
    func deployment(to target: String, number count: Int = 1) async throws -> EndedDeployment {
        var ended: [[String: Any]] = []
        let arrived = try await eventually(within: .seconds(30), every: .milliseconds(100)) {
            let page = try await client.get("/api/v1/jobs?type=Deployment&target_id=\(target)")
            ended = (page.json["data"] as? [[String: Any]] ?? []).filter {
                ["Completed", "Failed"].contains($0["status"] as? String)
            }
            return ended.count >= count
        }
        let jobs = arrived ? "" : try await client.get("/api/v1/jobs").body
        try #require(
            arrived, "\(ended.count) of \(count) deployments to \(target) ended\n\(jobs)\n\(process.transcript)")
        let id = ended.first?["id"] as? String ?? ""
        return EndedDeployment(job: try await client.get("/api/v1/jobs/\(id)").json)
    }
}
