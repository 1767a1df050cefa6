import Domain
import HTTPServing
import Outbound
import TestSupport
import Testing

@Suite("the end of an HTTP/2 response (RFC 9113 §5.1, §5.2, §8.1)")
struct StreamEndTests {
    @Test("a response larger than the peer's window arrives whole: the stream waits for the window")
    func beyondTheWindow() async throws {
        try await Stage.run { stage in
            // This client opens the window by 64 KiB at a time, as the agent and the command line do.
            let client = try OutboundHTTP(purpose: .controlPlane, trust: .unverified, userAgent: "test")
            let url = try HTTPSURL("https://localhost:\(stage.port)")
            try await using(client, end: { try await $0.shutdown() }) { client async throws in
                for _ in 1...3 {
                    let reply = try await client.send("GET", url, path: "/api/v1/large", timeout: .seconds(30))
                    #expect(reply.status == 200 && reply.body.count > 300_000)
                }
            }
        }
    }

    @Test(
        "a fast honest client keeps its connection: it has nothing to reset, because the last frame says that it is one",
        arguments: [["/api/v1/echo/[1-240]"], ["-I", "/health?[1-240]"], ["-X", "OPTIONS", "/health?[1-240]"]])
    func manyRequests(request: [String]) async throws {
        try await Stage.run { stage in
            let path = try #require(request.last)
            let result = try await Command.run(
                "/usr/bin/curl",
                ["-sSk", "--http2", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n"]
                    + request.dropLast() + ["https://localhost:\(stage.port)\(path)"], within: 90)
            let lines = result.output.split(separator: "\n")
            #expect(result.exitCode == 0 && lines.count == 240, "\(result.errors)")
            #expect(lines.filter { $0.hasSuffix(" 1") }.count == 1, "one connection for all")
            #expect(lines.allSatisfy { $0.hasPrefix("20") })
        }
    }
}
