import Foundation
import TestSupport
import Testing

/// A real `certctl server` process.
final class Server: Sendable {
    struct Reply {
        let status: Int
        let body: String

        func text(_ member: String) -> String? { object?[member] as? String }

        func number(_ member: String) -> Int? { object?[member] as? Int }

        private var object: [String: Any]? {
            try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        }
    }

    let process: ChildProgram
    private let port: Int
    private let directory: TemporaryDirectory
    private let dataDirectory: String

    init(directory: TemporaryDirectory, dataDirectory: String, environment: [String: String]) throws {
        self.directory = directory
        self.dataDirectory = dataDirectory
        port = LoopbackPort.unused()
        process = try ChildProgram(
            Installation.certctl, ["server"],
            environment: environment.merging(["CERTCTL_SERVER_PORT": "\(port)"]) { $1 }, logs: directory.url
        )
    }

    /// Waits for `/ready`.
    func waitUntilReady() async throws {
        let ready = try await eventually(within: .seconds(60)) {
            if !process.isRunning { return true }
            return try await get("/ready").status == 200
        }
        try #require(ready && process.isRunning, "the server did not become ready\n\(process.transcript)")
    }

    /// Waits for the end, which must come by itself.
    func waitForExit() async throws -> Int32 {
        try #require(await process.waitForExit(timeout: .seconds(60)), "the server runs on\n\(process.transcript)")
    }

    /// Asks the server to end; its exit status. A busy machine gets the time that a shutdown may take at most.
    func stop() async throws -> Int32 {
        process.send(SIGTERM)
        return try await waitForExit()
    }

    func get(_ path: String, key: String? = nil) async throws -> Reply {
        try await send(["--request", "GET"] + (key.map { ["--header", "Authorization: Bearer \($0)"] } ?? []), path)
    }

    func post(_ path: String, _ body: String, key: String? = nil) async throws -> Reply {
        try await write("POST", path, body, key: key)
    }

    func put(_ path: String, _ body: String, key: String) async throws -> Reply {
        try await write("PUT", path, body, key: key)
    }

    private func write(_ method: String, _ path: String, _ body: String, key: String?) async throws -> Reply {
        try await send(
            ["--request", method, "--header", "Content-Type: application/json", "--data", body]
                + (key.map { ["--header", "Authorization: Bearer \($0)"] } ?? []), path)
    }

    /// Makes the first administrator with the set-up token of this server; the API key.
    func administratorKey(_ name: String = "ops") async throws -> String {
        let body = #"{"token":"\#(try setupToken())","actor_name":"\#(name)"}"#
        let made = try await post("/api/v1/auth/bootstrap", body)
        try #require(made.status == 201, "\(made.status) \(made.body)")
        return try #require(made.text("key_value"))
    }

    /// Asks for `/ready` again and again over one connection, until it is stopped.
    func probe() throws -> ChildProgram {
        try ChildProgram(
            "/usr/bin/curl",
            ["--silent", "--insecure", "--output", "/dev/null", "https://127.0.0.1:\(port)/ready?[1-1000000]"],
            logs: directory.url
        )
    }

    func setupToken() throws -> String {
        try String(contentsOfFile: dataDirectory + "/setup-token", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Status 0 means that no answer came. The certificate is checked by other suites.
    private func send(_ arguments: [String], _ path: String) async throws -> Reply {
        let outcome = try await runProgram(
            "/usr/bin/curl",
            ["--silent", "--insecure", "--max-time", "10", "--write-out", "\n%{http_code}"] + arguments
                + ["https://127.0.0.1:\(port)\(path)"],
            logs: directory.url
        )
        var lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
        let status = lines.popLast().flatMap { Int($0) } ?? 0
        return Reply(status: status, body: lines.joined(separator: "\n"))
    }
}
