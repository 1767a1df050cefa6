import Foundation
import TestSupport
import Testing

@Suite("server settings and signals: how it stops", .tags(.slow))
struct ServerShutdownTests {
    /// How a server that is told to stop ends.
    private static func stop(
        _ server: ServerUnderTest,
        by signal: Int32 = SIGTERM
    ) async throws -> (status: Int32, seconds: Double) {
        let start = ContinuousClock.now
        server.process.send(signal)
        let status = try #require(await server.process.waitForExit(timeout: .seconds(15)), "it does not end")
        return (status, (ContinuousClock.now - start).seconds)
    }

    @Test("it goes on serving for the drain delay, and what is still under way is cut at the end of the budget")
    func delays() async throws {
        async let idle = expectDelay()
        async let soon = expectBudget("6", range: 1..<2)
        async let later = expectBudget("7", range: 2..<6)
        _ = try await (idle, soon, later)
    }

    private func expectDelay() async throws {
        let server = try await ServerUnderTest.start(["CERTCTL_SHUTDOWN_DRAIN_DELAY": "900ms"])
        async let end = Self.stop(server, by: SIGINT)
        let isRed = try await eventually { try await server.client.get("/ready").status == 503 }
        let answer = try await server.client.get("/api/v1/teams")
        #expect(isRed && answer.status == 401)
        let (status, seconds) = try await end
        #expect(status == 0 && seconds >= 0.9 && seconds < 6, "\(status) after \(seconds)")
        #expect(LogLine.complete(in: server.process.output).last?["msg"] == "certctl stopped")
    }

    /// A request that never becomes whole keeps its connection until the budget, less five seconds, is over.
    private func expectBudget(_ seconds: String, range: Range<Double>) async throws {
        let server = try await ServerUnderTest.start(["CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS": seconds])
        let request = try RawConnection(
            port: server.port,
            "POST /api/v1/auth/bootstrap HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Expect: 100-continue\r\nContent-Length: 99\r\n\r\n{", logs: server.directory.url)
        // The server reads the body.
        #expect(await request.hears("HTTP/1.1 100 "))
        let end = try await Self.stop(server)
        #expect(end.status == 0 && range.contains(end.seconds), "\(end), expected \(range)")
        let cut = LogLine.complete(in: server.process.output).first { $0["msg"]?.contains("shutdown budget") == true }
        #expect(cut?["level"] == "WARN" && cut?["connections"] == "1", "\(server.process.output)")
        await request.close()
    }

    @Test("a second signal does not wait for what the first began, and loses nothing that was acknowledged")
    func secondSignal() async throws {
        let server = try await ControlPlane.start(environment: ["CERTCTL_SHUTDOWN_DRAIN_DELAY": "20s"])
        try await server.becomeAdministrator()
        server.process.send(SIGTERM)
        let isRed = try await eventually { try await server.anonymous.get("/ready").status == 503 }
        #expect(isRed && server.process.isRunning)
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["id": "t-late", "name": "late"]))
        let start = ContinuousClock.now
        server.process.send(SIGTERM)
        let status = await server.process.waitForExit(timeout: .seconds(10))
        let seconds = (ContinuousClock.now - start).seconds
        #expect(status == 1 && seconds < 3, "\(String(describing: status)) after \(seconds)")
        #expect(LogLine.complete(in: server.process.output).last?["msg"]?.hasPrefix("second signal") == true)

        try await server.startAgain(extra: ["CERTCTL_SHUTDOWN_DRAIN_DELAY": "0s"])
        #expect(try await server.client.get("/api/v1/teams/t-late").status == 200)
        #expect(await server.process.stop() == 0)
    }

    @Test("a server that waits for its database stops when it is told to")
    func whileWaiting() async throws {
        let place = try TemporaryDirectory("waiting")
        let settings = EngineUnderTest.postgres.environment.merging([
            "CERTCTL_DATABASE_URL": "postgres://certctl@127.0.0.1:\(LoopbackPort.unused())/none",
            "CERTCTL_DATABASE_STARTUP_WAIT": "60s",
        ]) { $1 }
        let server = try ChildProgram(
            ControlPlane.binary, ["server"], environment: ControlPlane.environment(in: place, settings),
            logs: place.url)
        #expect(await eventually { server.output.contains("waiting for the database") })
        #expect(await server.stop(timeout: .seconds(5)) == 0, "\(server.transcript)")
    }
}
