import Foundation
import TestSupport
import Testing

/// A real `certctl server` process with a data directory of its own.
final class ControlPlane: @unchecked Sendable {
    // Proof: tests drive one control plane from one task; `process` changes only in `start`, between requests.
    let directory: TemporaryDirectory
    let port: Int
    let environment: [String: String]
    private(set) var process: ChildProgram
    private(set) var administratorKey = ""

    static let binary = binaryFolder.appending(path: "certctl").path
    static let agentBinary = binaryFolder.appending(path: "certctl-agent").path

    /// Test bundles lie beside the programs of the same build.
    private static let binaryFolder: URL = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [
            Bundle.main.bundleURL, beside, Bundle.main.executableURL?.deletingLastPathComponent() ?? beside,
            root.appending(path: ".build/debug"),
        ]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0.appending(path: "certctl").path) }
            ?? root.appending(path: ".build/debug")
    }()

    var dataDirectory: URL { directory.url.appending(path: "data") }
    var baseURL: String { "https://127.0.0.1:\(port)" }
    var authority: String { directory.path("data/tls/ca.crt") }
    var anonymous: CurlClient { CurlClient(baseURL: baseURL, authority: authority, logs: directory.url, key: nil) }
    var client: CurlClient { anonymous.with(key: administratorKey) }

    private init(directory: TemporaryDirectory, port: Int, environment: [String: String], process: ChildProgram) {
        self.directory = directory
        self.port = port
        self.environment = environment
        self.process = process
    }

    /// Starts a server and waits until it is ready.
    static func start(databaseURL: String? = nil, environment extra: [String: String] = [:]) async throws
        -> ControlPlane
    {
        let directory = try TemporaryDirectory("server")
        let port = LoopbackPort.unused()
        var environment = [
            "HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"), "CERTCTL_SERVER_PORT": "\(port)",
            "CERTCTL_LOG_FORMAT": "json", "CERTCTL_RATE_LIMIT_ENABLED": "false",
        ]
        if let databaseURL { environment["CERTCTL_DATABASE_URL"] = databaseURL }
        environment.merge(extra) { _, given in given }
        let process = try ChildProgram(binary, ["server"], environment: environment, logs: directory.url)
        let server = ControlPlane(directory: directory, port: port, environment: environment, process: process)
        try await server.waitUntilReady()
        return server
    }

    /// Starts the same installation again, after a stop or a kill.
    func startAgain(extra: [String: String] = [:]) async throws {
        process = try ChildProgram(
            Self.binary, ["server"], environment: environment.merging(extra) { _, given in given }, logs: directory.url
        )
        try await waitUntilReady()
    }

    func waitUntilReady() async throws {
        let ready = try await eventually(within: .seconds(60)) {
            if !process.isRunning { return true }
            return try await anonymous.get("/ready").status == 200
        }
        try #require(ready && process.isRunning, "server did not become ready\n\(process.transcript)")
    }

    /// Consumes the set-up token; `client` acts as the first administrator from then on.
    func becomeAdministrator() async throws {
        let token = try String(contentsOf: dataDirectory.appending(path: "setup-token"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let reply = try await anonymous.post("/api/v1/auth/bootstrap", ["token": token, "actor_name": "ops-admin"])
        try #require(reply.status == 201, "\(reply.body)")
        administratorKey = try #require(reply.text("key_value"))
    }

    /// Goes on with the administrator that another server of the same database has.
    func takeAdministrator(of other: ControlPlane) { administratorKey = other.administratorKey }

    /// Runs a CLI verb as the administrator.
    func cli(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram(
            Self.binary, arguments,
            environment: [
                "HOME": directory.url.path, "CERTCTL_SERVER_URL": baseURL, "CERTCTL_API_KEY": administratorKey,
                "CERTCTL_SERVER_CA_BUNDLE_PATH": authority,
            ],
            logs: directory.url
        )
    }

    /// A server that is asked to end does so without a trap, whatever it was doing.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) async {
        let wasRunning = process.isRunning
        let status = await process.stop()
        guard wasRunning, let status, status != 0, status != SIGKILL else { return }
        Issue.record("the server ended with status \(status)\n\(process.transcript)", sourceLocation: sourceLocation)
    }
}
