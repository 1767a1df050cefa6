import Foundation
import TestSupport
import Testing

/// A real `certctl-agent` process that enrolled with a token and a CA pin.
final class AgentProcess: @unchecked Sendable {
    // Proof: one test task drives one agent; `process` changes only between observations.
    let id: String
    private let directory: TemporaryDirectory
    private let environment: [String: String]
    private(set) var process: ChildProgram

    private init(id: String, directory: TemporaryDirectory, environment: [String: String], process: ChildProgram) {
        self.id = id
        self.directory = directory
        self.environment = environment
        self.process = process
    }

    var keyDirectory: URL { directory.url.appending(path: "keys") }

    var stateDirectory: URL { directory.url.appending(path: "state") }

    /// Creates an enrolment token, enrols, and runs the agent. `settings` win over the quick ones of the tests.
    static func enroll(
        named name: String,
        with server: ControlPlane,
        settings: [String: String] = [:]
    ) async throws -> AgentProcess {
        let directory = try TemporaryDirectory("agent")
        let token = try await server.client.post("/api/v1/agents/enrollment-tokens", ["ttl_seconds": 600])
        try #require(token.status == 201, "\(token.body)")
        let environment = [
            "HOME": directory.url.path,
            "CERTCTL_SERVER_URL": server.baseURL,
            "CERTCTL_AGENT_NAME": name,
            "CERTCTL_AGENT_STATE_DIR": directory.path("state"),
            "CERTCTL_KEY_DIR": directory.path("keys"),
            "CERTCTL_HEARTBEAT_INTERVAL": "1s",
            "CERTCTL_AGENT_POLL_INTERVAL": "1s",
            "CERTCTL_VERIFY_DELAY": "200ms",
            "CERTCTL_LOG_FORMAT": "json",
        ].merging(settings) { $1 }
        let enrolled = try await runProgram(
            ControlPlane.agentBinary,
            [
                "enroll", "--token", try #require(token.text("token")), "--ca-fingerprint",
                try await fingerprint(of: server.authority, logs: directory.url),
            ],
            environment: environment, logs: directory.url
        )
        try #require(enrolled.status == 0, "\(enrolled.output)\(enrolled.errors)")
        let agents = try await server.client.get("/api/v1/agents?q=\(name)")
        let rows = try #require(agents.json["data"] as? [[String: Any]])
        let row = try #require(rows.first { $0["name"] as? String == name })
        return AgentProcess(
            id: try #require(row["id"] as? String), directory: directory, environment: environment,
            process: try ChildProgram(ControlPlane.agentBinary, ["run"], environment: environment, logs: directory.url)
        )
    }

    func startAgain() throws {
        process = try ChildProgram(ControlPlane.agentBinary, ["run"], environment: environment, logs: directory.url)
    }

    func stop() async { await process.stop() }

    /// Runs another verb of the agent program beside the running agent.
    func command(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram(ControlPlane.agentBinary, arguments, environment: environment, logs: directory.url)
    }

    /// The pin of a CA certificate, as settings write it.
    static func fingerprint(of certificate: String, logs: URL) async throws -> String {
        let outcome = try await runProgram(
            "/usr/bin/openssl", ["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"], logs: logs
        )
        let hex = outcome.output.split(separator: "=").last ?? ""
        return "sha256:"
            + hex.replacingOccurrences(of: ":", with: "").trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
    }
}
