import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("server settings: how long, how large, how many, and from where", .tags(.slow))
struct ServerLimitTests {
    @Test("each time-out has the length of its setting; who waits for work is bound by none of them")
    func timeouts() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_SERVER_READ_HEADER_TIMEOUT": "500ms", "CERTCTL_SERVER_WRITE_TIMEOUT": "1s",
            "CERTCTL_SERVER_READ_TIMEOUT": "1400ms", "CERTCTL_SERVER_IDLE_TIMEOUT": "1800ms",
        ])
        try await server.becomeAdministrator()
        let agent = try Inventory.expect(
            201,
            try await server.client.post("/api/v1/agents", ["id": "poller", "name": "poller", "hostname": "poller"]))
        let poller = server.anonymous.with(key: agent.text("api_key"))

        let (start, logs) = (ContinuousClock.now, server.directory.url)
        async let poll = poller.get("/api/v1/agents/poller/work?wait=2")
        let header = try RawConnection(port: server.port, "GET /health HTTP/1.1\r\nHost: a\r\n", logs: logs)
        let body = try RawConnection(
            port: server.port,
            "POST /api/v1/auth/bootstrap HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
            logs: logs)
        let idle = try RawConnection(port: server.port, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", logs: logs)
        try await expectSlowAnswerCut(server)

        // The defaults are 5, 30 and 60 seconds.
        let headerEnd = try #require(await header.end()).seconds
        #expect(headerEnd >= 0.5 && headerEnd < 4.5 && header.heard.contains("HTTP/1.1 408 "), "\(headerEnd)")
        let bodyEnd = try #require(await body.end()).seconds
        #expect(bodyEnd >= 1.4 && bodyEnd < 15 && body.heard.contains("HTTP/1.1 408 "), "\(bodyEnd)")
        let idleEnd = try #require(await idle.end()).seconds
        #expect(idleEnd >= 1.8 && idleEnd < 15 && idle.heard.contains("HTTP/1.1 200 "), "\(idleEnd)")
        #expect(try await poll.status == 200 && ContinuousClock.now - start >= .seconds(2))
        await server.stop()
    }

    /// The database is locked by somebody else for longer than an answer may take.
    private func expectSlowAnswerCut(_ server: ControlPlane) async throws {
        let lock = try await WriteLock(path: server.directory.path("data/certctl.db-shm"))
        let start = ContinuousClock.now
        let reply = try await server.client.post("/api/v1/teams", ["id": "t-slow", "name": "slow"])
        let duration = (ContinuousClock.now - start).seconds
        // The lock would be waited for during five seconds.
        #expect(reply.status == 0 && duration >= 1 && duration < 4.5, "\(reply.status) after \(duration)")
        lock.release()
    }

    @Test("bodies, connections and origins are those that the settings allow; with limits off nobody is counted")
    func limits() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_MAX_BODY_SIZE": "1024", "CERTCTL_SERVER_MAX_CONNECTIONS": "3",
            "CERTCTL_CORS_ORIGINS": "https://ops.certctl.test", "CERTCTL_RATE_LIMIT_ENABLED": "false",
            "CERTCTL_RATE_LIMIT_RPS": "0.01", "CERTCTL_RATE_LIMIT_BURST": "1",
        ])
        try await server.becomeAdministrator()
        try await expectBodies(server)
        try await expectOrigins(server)
        try await expectConnections(server)
        // Nobody is trusted to speak for another address.
        let claim = try await server.client.get("/api/v1/teams/t-fits", headers: ["X-Forwarded-For: 203.0.113.9"])
        #expect(claim.status == 200 && !claim.headers.lowercased().contains("ratelimit"), "\(claim.headers)")
        #expect(server.process.output.contains(#""client_ip":"127.0.0.1""#))
        #expect(!server.process.output.contains("203.0.113.9"))
        await server.stop()
    }

    private func expectBodies(_ server: ControlPlane) async throws {
        func create(_ id: String, octets: Int) async throws -> CurlClient.Reply {
            let body = #"{"id":"\#(id)","name":"\#(id)"}"#
            let padding = String(repeating: " ", count: octets - body.utf8.count)
            return try await server.client.send("POST", "/api/v1/teams", body: body + padding)
        }
        try Inventory.expect(201, try await create("t-fits", octets: 1024))
        let refused = try await create("t-bursts", octets: 1025)
        #expect(refused.status == 413 && refused.text("code") == "body_too_large", "\(refused.body)")
        #expect(try await server.client.get("/api/v1/teams/t-bursts").status == 404)
    }

    private func expectOrigins(_ server: ControlPlane) async throws {
        for (origin, isAllowed) in [("https://ops.certctl.test", true), ("https://ops.certctl.test.evil.test", false)] {
            let reply = try await server.client.get("/api/v1/teams", headers: ["Origin: \(origin)"])
            let preflight = try await server.client.send(
                "OPTIONS", "/api/v1/teams", body: nil,
                headers: ["Origin: \(origin)", "Access-Control-Request-Method: POST"])
            for headers in [reply.headers.lowercased(), preflight.headers.lowercased()] {
                #expect(headers.contains("access-control-allow-origin: \(origin)\r\n") == isAllowed, "\(headers)")
            }
            #expect(preflight.headers.lowercased().contains("access-control-allow-methods:") == isAllowed)
        }
    }

    /// With three connections open a fourth client waits, until one of them closes.
    private func expectConnections(_ server: ControlPlane) async throws {
        var held: [RawConnection] = []
        for _ in 0..<3 {
            let connection = try RawConnection(
                port: server.port, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", logs: server.directory.url)
            #expect(await connection.hears("HTTP/1.1 200 "))
            held.append(connection)
        }
        #expect(try await server.anonymous.send("GET", "/health", body: nil, timeout: 1).status == 0)
        await held[0].close()
        #expect(try await server.anonymous.get("/health").status == 200)
        for connection in held { await connection.close() }
    }

    @Test("addresses behind trusted proxies and actors have the rates, the bursts and the memory of the settings")
    func rates() async throws {
        let clock = try await SteppedClock()
        let settings = [
            "CERTCTL_RATE_LIMIT_ENABLED": "true", "CERTCTL_RATE_LIMIT_RPS": "0.01", "CERTCTL_RATE_LIMIT_BURST": "4",
            "CERTCTL_RATE_LIMIT_PER_USER_RPS": "0.02", "CERTCTL_RATE_LIMIT_PER_USER_BURST": "3",
            "CERTCTL_RATE_LIMIT_BUCKET_TTL": "2m", "CERTCTL_TRUSTED_PROXIES": "127.0.0.0/8",
        ]
        let server = try await ControlPlane.start(environment: settings.merging(clock.environment) { $1 })
        try await server.becomeAdministrator()
        func ask(_ client: CurlClient, from address: Int) async throws -> CurlClient.Reply {
            try await client.get("/api/v1/teams", headers: ["X-Forwarded-For: 203.0.113.\(address)"])
        }

        for _ in 0..<4 { #expect(try await ask(server.anonymous, from: 1).status == 401) }
        let limited = try await ask(server.anonymous, from: 1)
        #expect(limited.status == 429 && limited.field("ratelimit-policy") == #""address";q=4;w=400"#, "\(limited)")
        #expect((90...100).contains(Int(limited.field("retry-after")) ?? 0), "\(limited)")
        let other = try await ask(server.anonymous, from: 2)
        #expect(other.status == 401 && other.field("ratelimit").hasPrefix(#""address";r=3;"#), "\(other)")
        let seen = LogLine.complete(in: server.process.output).filter { $0["status"] == "429" }
        #expect(seen.map { $0["client_ip"] } == ["203.0.113.1"] && seen.map { $0["remote_addr"] } == ["127.0.0.1"])

        // From everywhere, but always the same actor.
        for address in 11...13 { #expect(try await ask(server.client, from: address).status == 200) }
        let actor = try await ask(server.client, from: 14)
        #expect(actor.status == 429 && actor.field("ratelimit-policy") == #""actor";q=3;w=150"#, "\(actor)")
        #expect((40...50).contains(Int(actor.field("retry-after")) ?? 0), "\(actor)")

        // An account that was idle for a minute is kept, and has not earned a request yet; one of two minutes is gone.
        try clock.set(ahead: 61)
        #expect(try await ask(server.anonymous, from: 1).status == 429)
        try clock.set(ahead: 61 + 121)
        let fresh = try await ask(server.anonymous, from: 1)
        #expect(fresh.status == 401 && fresh.field("ratelimit").hasPrefix(#""address";r=3;"#), "\(fresh)")
        await server.stop()
    }
}

extension CurlClient.Reply {
    /// A header field; empty when there is none.
    fileprivate func field(_ name: String) -> String {
        let line = headers.split(whereSeparator: \.isNewline).last { $0.lowercased().hasPrefix("\(name):") }
        return line.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) } ?? ""
    }
}

/// The lock under which SQLite writes to a database in WAL mode, held by this process
/// (https://www.sqlite.org/walformat.html §2.3: octet 120 of the shared-memory file).
private final class WriteLock: Sendable {
    private let descriptor: Int32

    struct Failure: Error { let code: Int32 }

    init(path: String) async throws {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        self.descriptor = descriptor
        let isHeld = await eventually { Self.set(Int32(F_WRLCK), descriptor) }
        guard isHeld else { throw Failure(code: errno) }
    }

    private static func set(_ kind: Int32, _ descriptor: Int32) -> Bool {
        var lock = Glibc.flock()
        lock.l_type = Int16(kind)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 120
        lock.l_len = 1
        return fcntl(descriptor, F_SETLK, &lock) == 0
    }

    func release() { close(descriptor) }
}
