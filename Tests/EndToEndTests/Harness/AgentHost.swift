import Foundation
import TestSupport

/// A host with the agent program on it and nothing else: no identity yet, and no trust in any control plane.
struct AgentHost: Sendable {
    let directory: TemporaryDirectory
    let environment: [String: String]

    init(_ serverURL: String, _ settings: [String: String] = [:]) throws {
        directory = try TemporaryDirectory("agent-host")
        environment = [
            "HOME": directory.url.path, "CERTCTL_SERVER_URL": serverURL,
            "CERTCTL_AGENT_STATE_DIR": directory.path("state"), "CERTCTL_AGENT_HEARTBEAT_INTERVAL": "1s",
            "CERTCTL_AGENT_POLL_INTERVAL": "1s", "CERTCTL_LOG_FORMAT": "json",
        ].merging(settings) { $1 }
    }

    /// Runs a verb to its end.
    func run(_ arguments: [String], _ settings: [String: String] = [:]) async throws -> ProgramOutcome {
        try await runProgram(
            ControlPlane.agentBinary, arguments, environment: environment.merging(settings) { $1 },
            logs: directory.url)
    }

    /// Starts the agent itself.
    func start(_ settings: [String: String] = [:]) throws -> ChildProgram {
        try ChildProgram(
            ControlPlane.agentBinary, ["run"], environment: environment.merging(settings) { $1 }, logs: directory.url)
    }

    /// A JSON file of the state directory; empty while there is none.
    func state(_ file: String) -> [String: Any] {
        let octets = (try? Data(contentsOf: directory.url.appending(path: "state/\(file)"))) ?? Data()
        return (try? JSONSerialization.jsonObject(with: octets) as? [String: Any]) ?? [:]
    }

    /// The permission bits of a file or directory below the host's own directory.
    func mode(of path: String) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: directory.path(path))
        return attributes?[.posixPermissions] as? Int
    }
}
