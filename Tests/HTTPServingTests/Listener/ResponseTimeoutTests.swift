import HTTPServing
import Telemetry
import TestSupport
import Testing

@Suite("How long an answer may take (specification, security §11.2)")
struct ResponseTimeoutTests {
    private static let bearer = "Authorization: Bearer \(Stage.viewerKey)"

    @Test("an answer that takes too long is cut", arguments: ["--http1.1", "--http2"])
    func slowAnswer(version: String) async throws {
        try await Stage.run(configure: { $0.rules.limits.responseTimeout = .milliseconds(150) }) { stage in
            let reply = try await stage.curl("/api/v1/slow", version)
            #expect(reply.status == 0 && reply.exitCode != 0 && reply.exitCode != 28, "\(reply)")
        }
    }

    @Test("a long-lived one may be silent for longer, and last", arguments: ["--http1.1", "--http2"])
    func lastingAnswer(version: String) async throws {
        try await Stage.run(configure: { $0.rules.limits.responseTimeout = .milliseconds(500) }) { stage in
            let reply = try await Command.run(
                "/usr/bin/curl",
                [
                    "-sSk", "-m", "10", version, "-H", Self.bearer, "-o", "/dev/null", "-w",
                    "%{http_code} %{size_download}", "https://localhost:\(stage.port)/api/v1/lasting",
                ])
            #expect(reply.output == "200 \(StageRoutes.pieces * StageRoutes.pieceSize)", "\(reply.errors)")
        }
    }

    @Test("but its peer has to take what is written")
    func peerThatDoesNotRead() async throws {
        try await Stage.run(configure: { $0.rules.limits.responseTimeout = .milliseconds(150) }) { stage in
            let logs = try TemporaryDirectory("slow-peer")
            let peer = try ChildProgram(
                "/usr/bin/curl",
                [
                    "-sSk", "--http1.1", "-H", Self.bearer, "--limit-rate", "1k",
                    "https://localhost:\(stage.port)/api/v1/endless",
                ], logs: logs.url)
            func connections(_ count: Int) async -> Bool {
                await eventually(within: .seconds(20)) {
                    await stage.registry.exposition().contains("certctl_http_connections_open \(count)\n")
                }
            }
            #expect(await connections(1))
            #expect(await connections(0))
            // It is still there, and reads what it was given at its own pace.
            #expect(peer.isRunning)
            await peer.killAtOnce()
        }
    }
}
