import Domain
import Encoding
import Foundation
import Telemetry
import TestSupport
import Testing

@testable import HTTPServing

@Suite("Long bodies: they cost a piece for each that reads them, and have deadlines for their pieces", .serialized)
struct LongBodyTests {
    private static let path = "/.well-known/pki/list"

    /// One that reads so slowly that it is never done.
    private static func sloth(_ stage: Stage, _ logs: TemporaryDirectory, _ version: String) throws -> ChildProgram {
        try ChildProgram(
            "/usr/bin/curl",
            [
                "-sk", version, "--limit-rate", "1k", "-D", "/dev/stderr", "-o", "/dev/null",
                "https://localhost:\(stage.port)\(path)",
            ], logs: logs.url)
    }

    private static func connections(_ count: Int, _ stage: Stage) async -> Bool {
        await eventually(within: .seconds(30)) {
            await stage.registry.exposition().contains("certctl_http_connections_open \(count)\n")
        }
    }

    @Test(
        "one arrives whole at a client that takes longer than an answer may take", arguments: ["--http1.1", "--http2"])
    func slowReader(version: String) async throws {
        try await Stage.run(configure: {
            $0.rules.limits.responseTimeout = .milliseconds(300)
            $0.rules.limits.idleTimeout = .milliseconds(300)
        }) { stage in
            let work = try TemporaryDirectory("slow-reader")
            let reply = try await Command.run(
                "/usr/bin/curl",
                [
                    "-sSk", version, "--limit-rate", "16M", "-o", work.path("list"), "-w",
                    "%{http_code} %{size_download} %header{content-length}",
                    "https://localhost:\(stage.port)\(Self.path)",
                ], within: 60)
            #expect(reply.output == "200 32000000 32000000", "\(reply.errors)")
            let received = try Data(contentsOf: URL(filePath: work.path("list")))
            #expect(received == Data(StageRoutes.blocks.joined()))
        }
    }

    @Test("but its peer has to take piece after piece")
    func peerThatDoesNotRead() async throws {
        try await Stage.run(configure: { $0.rules.limits.pieceTimeout = .milliseconds(200) }) { stage in
            let logs = try TemporaryDirectory("sloth")
            let peer = try Self.sloth(stage, logs, "--http1.1")
            #expect(await eventually(within: .seconds(20)) { peer.errors.contains(" 200") })
            #expect(await Self.connections(0, stage))
            #expect(await eventually(within: .seconds(5)) { stage.environment.largeBodies.count == 0 })
            await peer.killAtOnce()
        }
    }

    @Test("many that do not read take a piece each, not a list each", arguments: ["--http1.1", "--http2"])
    func memory(version: String) async throws {
        try await Stage.run { stage in
            let logs = try TemporaryDirectory("sloths")
            _ = StageRoutes.blocks.count
            let before = try Self.resident()
            let peers = try (0..<24).map { _ in try Self.sloth(stage, logs, version) }
            #expect(await eventually(within: .seconds(40)) { peers.allSatisfy { $0.errors.contains(" 200") } })
            // What is written behind the heads.
            try await Task.sleep(for: .seconds(1))
            let growth = try Self.resident() - before
            #expect(
                growth < 250_000_000, "24 lists of 32 MB are on their way, and the process grew by \(growth) octets")
            #expect(stage.environment.largeBodies.count == 24)
            for peer in peers { await peer.killAtOnce() }
            #expect(await eventually(within: .seconds(20)) { stage.environment.largeBodies.count == 0 })
        }
    }

    /// Octets of this process that are in memory.
    private static func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .ascii)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * Int(getpagesize())
    }

    @Test("an address gets so many at a time, and is told when it may come again")
    func perAddress() async throws {
        try await Stage.run(configure: { $0.largeBodies = LargeBodies(perAddress: 2, total: 100) }) { stage in
            let logs = try TemporaryDirectory("sloths")
            let peers = try (0..<2).map { _ in try Self.sloth(stage, logs, "--http1.1") }
            #expect(await eventually(within: .seconds(20)) { peers.allSatisfy { $0.errors.contains(" 200") } })
            let refused = try await stage.curl(Self.path, "--http1.1")
            #expect(refused.status == 429 && refused.fields["retry-after"] == "30", "\(refused)")
            #expect(refused.json["code"] == "rate_limited")
            #expect(try await stage.curl(Self.path, "--http1.1", "-I").status == 200, "a head is no body")
            #expect(try await stage.curl("/api/v1/echo/x", "--http1.1").status == 200)
            for peer in peers { await peer.killAtOnce() }
            #expect(await eventually(within: .seconds(20)) { stage.environment.largeBodies.count == 0 })
            let reply = try await Command.run(
                "/usr/bin/curl",
                [
                    "-sSk", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                    "https://localhost:\(stage.port)\(Self.path)",
                ], within: 60)
            #expect(reply.output == "200 32000000", "\(reply.errors)")
        }
    }

    @Test("places are counted by address and in all, and come back when nobody holds them")
    func places() {
        let bodies = LargeBodies(perAddress: 2, total: 3)
        var leases = [bodies.lease(for: "192.0.2.1"), bodies.lease(for: "192.0.2.1")]
        #expect(!leases.contains { $0 == nil })
        #expect(bodies.lease(for: "192.0.2.1") == nil)
        // The addresses of one customer count as one.
        leases.append(bodies.lease(for: "2001:db8::1"))
        #expect(leases.last.flatMap { $0 } != nil)
        #expect(bodies.lease(for: "2001:db8::2") == nil, "three in all")
        leases.removeFirst()
        #expect(bodies.count == 2)
        leases.append(bodies.lease(for: "2001:db8:0:0:5::2"))
        #expect(leases.last.flatMap { $0 } != nil)
        leases.removeFirst()
        #expect(bodies.lease(for: "2001:db8::3") == nil, "two of this network")
        leases = []
        #expect(bodies.count == 0)
    }
}
