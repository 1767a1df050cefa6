import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("security §12: limits hold over replicas and restarts", .tags(.security))
struct SharedLimitTests {
    private static func guess(_ server: ControlPlane, _ count: Int) async throws -> [Int] {
        var statuses: [Int] = []
        for number in 0..<count {
            let client = server.anonymous.with(key: "no-such-key-\(number)-0123456789abcdef")
            statuses.append(try await client.get("/api/v1/teams").status)
        }
        return statuses
    }

    @Test(
        "T49: two replicas on PostgreSQL share one budget of guesses, and divide what addresses and actors may ask",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func replicas() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        var environment = EngineUnderTest.postgres.environment
        environment["CERTCTL_AUTH_FAILURE_LIMIT_PER_MIN"] = "6"
        environment["CERTCTL_RATE_LIMIT_ENABLED"] = "true"
        environment["CERTCTL_RATE_LIMIT_RPS"] = "0.01"
        environment["CERTCTL_RATE_LIMIT_BURST"] = "100"
        let first = try await ControlPlane.start(databaseURL: url, environment: environment)
        let second = try await ControlPlane.start(databaseURL: url, environment: environment)
        let one = try await Self.guess(first, 4)
        let two = try await Self.guess(second, 4)
        // A token of six is earned back in ten seconds.
        let admitted = (one + two).count { $0 == 401 }
        #expect((6...7).contains(admitted), "\(one) \(two)")
        #expect(two.last == 429)

        // Each learns of the other, and lets through half.
        for server in [first, second] {
            let halved = try await eventually(within: .seconds(30), every: .seconds(1)) {
                let reply = try await server.anonymous.get("/api/v1/openapi.json")
                return reply.headers.lowercased().contains("ratelimit-policy: \"address\";q=50;w=10000")
            }
            #expect(halved)
        }
        await first.stop()
        await second.stop()
    }

    @Test("a restart forgets no guess; in memory it does", arguments: ["database", "postgres", "memory"])
    func backend(name: String) async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_RATE_LIMIT_BACKEND": name, "CERTCTL_AUTH_FAILURE_LIMIT_PER_MIN": "2",
        ])
        #expect(try await Self.guess(server, 3) == [401, 401, 429])
        await server.stop()
        try await server.startAgain()
        #expect(try await Self.guess(server, 1) == [name == "memory" ? 401 : 429])
        await server.stop()
    }

    @Test("exports are counted for each actor, enrolments for each address; the janitor sweeps at its interval")
    func exportsAndEnrolments() async throws {
        let clock = try await SteppedClock()
        let settings = [
            "CERTCTL_CERT_EXPORT_RATE_LIMIT_PER_ACTOR_HR": "2", "CERTCTL_RATE_LIMIT_JANITOR_INTERVAL": "1m",
        ]
        let server = try await ControlPlane.start(environment: settings.merging(clock.environment) { $1 })
        try await server.becomeAdministrator()
        let path = "/api/v1/audit/export?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"
        var statuses: [Int] = []
        for _ in 0..<3 { statuses.append(try await server.client.get(path).status) }
        #expect(statuses.last == 429 && !statuses.prefix(2).contains(429), "\(statuses)")
        let limited = try await server.client.get(path)
        #expect(
            limited.text("error") == "rate_limit_exceeded" && limited.headers.lowercased().contains("\"export\";q=2"))

        var enrolments: [Int] = []
        for number in 0..<12 {
            let reply = try await server.anonymous.send(
                "POST", "/api/v1/agents", body: #"{"name":"a","hostname":"a"}"#,
                headers: ["X-Certctl-Bootstrap-Token: wrong-\(number)"])
            enrolments.append(reply.status)
        }
        #expect(enrolments.prefix(10).allSatisfy { $0 == 401 } && enrolments.last == 429, "\(enrolments)")

        let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains(#"certctl_rate_limited_total{limiter="export"} 2"#), "\(metrics)")
        #expect(metrics.contains(#"certctl_rate_limited_total{limiter="enrolment"}"#))

        // The default interval would not be over by then.
        func lastSweep() async throws -> Double {
            let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
            let line = metrics.split(separator: "\n").last {
                $0.hasPrefix(#"certctl_scheduler_last_success_timestamp_seconds{loop="rate_limit_janitor"}"#)
            }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
        }
        #expect(try await eventually(within: .seconds(40), every: .milliseconds(500)) { try await lastSweep() > 0 })
        let first = try await lastSweep()
        try clock.set(ahead: 80)
        #expect(
            try await eventually(within: .seconds(40), every: .milliseconds(500)) { try await lastSweep() > first + 60 }
        )
        await server.stop()
    }
}
