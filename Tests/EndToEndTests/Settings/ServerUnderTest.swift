import Foundation
import TestSupport
import Testing

/// A real `certctl server` whose address, certificate or log is other than ``ControlPlane`` takes for granted.
struct ServerUnderTest: Sendable {
    let directory: TemporaryDirectory
    let host: String
    let port: Int
    let environment: [String: String]
    let process: ChildProgram
    /// Without a credential.
    let client: CurlClient

    /// Starts a server and waits until it is ready.
    ///
    /// - `authority`: The CA of its certificate; `nil` for the one that it makes.
    static func start(
        _ settings: [String: String],
        host: String = "127.0.0.1",
        authority: String? = nil
    ) async throws -> ServerUnderTest {
        let server = try ServerUnderTest(settings, host: host, authority: authority)
        let isReady = try await eventually(within: .seconds(30)) {
            if !server.process.isRunning { return true }
            return try await server.client.get("/ready").status == 200
        }
        try #require(isReady && server.process.isRunning, "\(server.process.transcript)")
        return server
    }

    private init(_ settings: [String: String], host: String, authority: String?) throws {
        directory = try TemporaryDirectory("server")
        self.host = host
        port = LoopbackPort.unused()
        let given = ["CERTCTL_SERVER_PORT": "\(port)", "CERTCTL_RATE_LIMIT_ENABLED": "false"].merging(settings) { $1 }
        environment = ControlPlane.environment(in: directory, given)
        process = try ChildProgram(ControlPlane.binary, ["server"], environment: environment, logs: directory.url)
        client = CurlClient(
            baseURL: "https://\(host):\(port)", authority: authority ?? directory.path("data/tls/ca.crt"),
            logs: directory.url, key: nil)
    }

    func stop() async { await process.stop() }

    /// What `openssl x509` prints of the certificate that a new handshake is shown.
    func servedCertificate(_ options: String) async throws -> String {
        try await Self.servedCertificate(host, port, options, logs: directory.url)
    }

    static func servedCertificate(_ host: String, _ port: Int, _ options: String, logs: URL) async throws -> String {
        let script = "openssl s_client -connect \(host):\(port) </dev/null 2>/dev/null | openssl x509 -noout \(options)"
        return try await runProgram("/bin/sh", ["-c", script], logs: logs).output
    }
}

/// A line of a log in JSON.
struct LogLine: Sendable {
    private let fields: [String: String]

    /// The lines of a program that logs in JSON; `nil` when one is none.
    static func all(in output: String) -> [LogLine]? {
        let lines = output.split(separator: "\n").map { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]).map { fields in
                LogLine(fields: fields.mapValues { "\($0)" })
            }
        }
        return lines.contains { $0 == nil } ? nil : lines.compactMap { $0 }
    }

    /// The lines that are complete so far.
    static func complete(in output: String) -> [LogLine] {
        output.lastIndex(of: "\n").flatMap { all(in: String(output[...$0])) } ?? []
    }

    subscript(_ name: String) -> String? { fields[name] }
}

/// A connection over TLS that says what it is given and then listens until the other side hangs up.
struct RawConnection: Sendable {
    private let process: ChildProgram
    private let start = ContinuousClock.now

    init(port: Int, _ text: String, logs: URL) throws {
        let input = logs.appending(path: "said-\(UUID().uuidString)")
        try text.write(to: input, atomically: true, encoding: .utf8)
        process = try ChildProgram(
            "/bin/sh",
            [
                "-c",
                "exec openssl s_client -quiet -ign_eof -alpn http/1.1 -connect 127.0.0.1:\(port) < '\(input.path)'",
            ], logs: logs)
    }

    var heard: String { process.output }

    func hears(_ text: String) async -> Bool { await eventually { heard.contains(text) } }

    /// How long the other side kept the connection; `nil` when it still does after `limit`.
    func end(within limit: Duration = .seconds(15)) async -> Duration? {
        guard await process.waitForExit(timeout: limit) != nil else { return nil }
        return ContinuousClock.now - start
    }

    func close() async { await process.killAtOnce() }
}

extension Duration {
    /// In seconds.
    var seconds: Double { self / .seconds(1) }
}
