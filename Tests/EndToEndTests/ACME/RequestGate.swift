import Foundation
import TestSupport
import Testing

/// A gate between unmodified clients and a server (`Tests/Judges/acme_gate.py`): whenever the server has answered a
/// request of ACME, a test may do what it likes with the server before the client gets the answer.
struct RequestGate {
    let process: ChildProgram
    let port: Int
    /// What clients have to trust.
    let authority: String
    private let folder: String

    /// What a client asked, and the status of the answer, which it doesn't have yet.
    struct Request {
        let number: Int
        let method: String
        let path: String
        let status: Int
    }

    static func start(before server: ControlPlane, port: Int, in work: TemporaryDirectory) async throws -> RequestGate {
        let issuer = try await OpenSSLAuthority()
        let front = try await issuer.issue("IP:127.0.0.1")
        try (front.fullChain + front.key).write(toFile: work.path("gate.pem"), atomically: true, encoding: .utf8)
        try issuer.root.write(toFile: work.path("gate-root.pem"), atomically: true, encoding: .utf8)
        let folder = work.path("gate")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let process = try ChildProgram(
            "/usr/bin/python3",
            [
                Judges.file("Tests/Judges/acme_gate.py"), "\(port)", work.path("gate.pem"), "\(server.port)",
                server.authority, folder,
            ], environment: ["PYTHONDONTWRITEBYTECODE": "1"], logs: work.url)
        let gate = RequestGate(
            process: process, port: port, authority: work.path("gate-root.pem"), folder: folder)
        let curl = CurlClient(baseURL: gate.origin, authority: gate.authority, logs: work.url, key: nil)
        let isUp = try await eventually(within: .seconds(20)) { try await curl.get("/ready").status == 200 }
        try #require(isUp, "\(process.transcript)")
        return gate
    }

    var origin: String { "https://127.0.0.1:\(port)" }
    var directory: String { "\(origin)/acme/directory" }

    /// How a program ended, what it said, and the number of its last request.
    struct Outcome {
        let status: Int32?
        let transcript: String
        let last: Int
    }

    /// Runs a program until it ends, and calls `body` for each request, the first of which comes after the number `last`.
    func run(
        _ command: [String], environment: [String: String], logs: URL, after last: Int = 0,
        _ body: (Request) async throws -> Void
    ) async throws -> Outcome {
        let program = try ChildProgram(
            command[0], Array(command.dropFirst()), environment: environment, logs: logs)
        let (number, hasEnded) = try await attend(after: last, until: { !program.isRunning }, body)
        if !hasEnded { await program.killAtOnce() }
        return Outcome(
            status: await program.waitForExit(timeout: .seconds(1)), transcript: program.transcript, last: number)
    }

    /// Calls `body` for each request until something holds: the number of the last one, and whether it came to hold.
    func attend(
        after last: Int = 0, until isOver: () async throws -> Bool, _ body: (Request) async throws -> Void
    ) async throws -> (last: Int, isOver: Bool) {
        var number = last
        let isOver = try await eventually(within: .seconds(170), every: .milliseconds(10)) {
            while let request = waiting(number + 1) {
                number += 1
                try await body(request)
                try Data().write(to: URL(filePath: "\(folder)/\(number).go"))
            }
            return try await isOver()
        }
        return (number, isOver)
    }

    private func waiting(_ number: Int) -> Request? {
        guard let text = try? String(contentsOfFile: "\(folder)/\(number).asked", encoding: .utf8) else { return nil }
        let parts = text.split(separator: " ")
        guard parts.count == 3, let status = Int(parts[2]) else { return nil }
        return Request(number: number, method: String(parts[0]), path: String(parts[1]), status: status)
    }
}
