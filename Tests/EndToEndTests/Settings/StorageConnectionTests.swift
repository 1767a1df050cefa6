import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite(
    "server settings: how PostgreSQL is reached and used", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct StorageConnectionTests {
    @Test("the pool has the size, the patience and the age that the settings give it")
    func pool() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let settings = [
            "CERTCTL_DATABASE_MAX_CONNS": "2", "CERTCTL_DATABASE_STATEMENT_TIMEOUT": "600ms",
            "CERTCTL_DATABASE_CONN_MAX_LIFETIME": "1s",
        ]
        let server = try await ControlPlane.start(
            databaseURL: url, environment: EngineUnderTest.postgres.environment.merging(settings) { $1 })
        try await server.becomeAdministrator()
        let inside = PostgresInspection(url: url, logs: server.directory.url)
        try await expectSizeAndPatience(server, inside)
        try await expectReplacement(server, inside)
        await server.stop()
    }

    /// Looks for a while how many requests wait for a lock at once.
    private static let mostWaiting = """
        DO $$ DECLARE most int := 0; waiting int;
        BEGIN
            FOR look IN 1..8 LOOP
                PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
                SELECT count(*) INTO waiting FROM \(PostgresInspection.pool) AND wait_event_type = 'Lock';
                most := greatest(most, waiting);
            END LOOP;
            RAISE NOTICE '%', most;
        END $$
        """

    /// Somebody locks a table for longer than a statement may take; of five requests two wait for the lock at a time.
    private func expectSizeAndPatience(_ server: ControlPlane, _ inside: PostgresInspection) async throws {
        let blocker = try inside.begin("BEGIN; LOCK TABLE teams IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(20)")
        let isLocked = try await eventually {
            try await inside.number(
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'teams'::regclass")
                == 1
        }
        try #require(isLocked, "\(blocker.transcript)")
        let client = server.client
        let start = ContinuousClock.now
        let refusals = try await withThrowingTaskGroup(of: (Int, Duration).self) { group in
            for _ in 0..<5 {
                group.addTask { (try await client.get("/api/v1/teams").status, ContinuousClock.now - start) }
            }
            #expect(try await inside.notice(Self.mostWaiting) == "2")
            return try await group.reduce(into: [(Int, Duration)]()) { $0.append($1) }
        }
        #expect(blocker.isRunning)
        await blocker.killAtOnce()
        try await inside.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%'"
                + " AND pid <> pg_backend_pid()")
        // 503: the statement was ended by its time limit, long before the one that a lock has.
        #expect(refusals.allSatisfy { $0.0 == 503 }, "\(refusals)")
        let first = try #require(refusals.map(\.1).min())
        #expect(first > .milliseconds(550) && first < .milliseconds(1900), "\(refusals)")
        let isBack = try await eventually { try await client.get("/api/v1/teams").status == 200 }
        #expect(isBack)
    }

    private func expectReplacement(_ server: ControlPlane, _ inside: PostgresInspection) async throws {
        let pids = "SELECT pid FROM \(PostgresInspection.pool)"
        let before = Set(try await inside.rows(pids))
        #expect((1...2).contains(before.count))
        let client = server.client
        let areReplaced = try await eventually(within: .seconds(8), every: .milliseconds(100)) {
            async let one = client.get("/api/v1/teams")
            async let two = client.get("/api/v1/issuers")
            #expect(try await [one, two].map(\.status) == [200, 200])
            return before.isDisjoint(with: try await inside.rows(pids))
        }
        #expect(areReplaced, "connections older than a second are still in use")
    }

    @Test("a database that does not answer is given the time of the settings, and no more")
    func patienceAtStart() async throws {
        let directory = try TemporaryDirectory("patience")
        let silence = try SilentListener()
        let nobody = LoopbackPort.unused()
        func attempt(_ port: Int, _ settings: [String: String]) async throws -> (
            outcome: ProgramOutcome, duration: Duration
        ) {
            let place = try TemporaryDirectory("patience")
            let environment = EngineUnderTest.postgres.environment.merging(settings) { $1 }
                .merging(["CERTCTL_DATABASE_URL": "postgres://certctl@127.0.0.1:\(port)/certctl"]) { $1 }
            return try await ControlPlane.refusal(ControlPlane.environment(in: place, environment), logs: directory.url)
        }
        // One after the other: programs that start at the same time wait for each other's processors.
        let ends = [
            try await attempt(
                silence.port, ["CERTCTL_DATABASE_CONNECT_TIMEOUT": "1s", "CERTCTL_DATABASE_STARTUP_WAIT": "0s"]),
            try await attempt(nobody, ["CERTCTL_DATABASE_STARTUP_WAIT": "0s"]),
            try await attempt(nobody, ["CERTCTL_DATABASE_STARTUP_WAIT": "1s"]),
        ]
        for (end, wait) in zip(ends, [Duration.seconds(1), .zero, .seconds(1)]) {
            #expect(end.outcome.status == 69, "\(end.outcome)")
            // At least that, and not much more beyond the one that waits for nothing, whose start may be slow itself.
            #expect(end.duration >= wait, "\(ends.map(\.duration))")
            #expect(end.duration - ends[1].duration < wait + .milliseconds(1900), "\(ends.map(\.duration))")
        }
        #expect(ends[0].outcome.errors.contains("did not answer within"), "\(ends[0].outcome.errors)")
    }

    @Test("a starting server waits for a database that refuses connections, and serves when it lets them in")
    func waitsForDatabase() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let name = try #require(URL(string: url)?.lastPathComponent)
        let cluster = try PostgresCluster.shared()
        try await cluster.administer("CREATE ROLE waiting_\(name) LOGIN")
        try await cluster.administer("ALTER DATABASE \(name) OWNER TO waiting_\(name)")
        try await cluster.administer("ALTER DATABASE \(name) CONNECTION LIMIT 0")
        let directory = try TemporaryDirectory("waiting")
        let settings = EngineUnderTest.postgres.environment.merging([
            "CERTCTL_DATABASE_URL": "postgres://waiting_\(name)@127.0.0.1:\(cluster.port)/\(name)",
            "CERTCTL_DATABASE_STARTUP_WAIT": "30s",
        ]) { $1 }
        let environment = ControlPlane.environment(in: directory, settings)
        let server = try ChildProgram(ControlPlane.binary, ["server"], environment: environment, logs: directory.url)
        let isWaiting = await eventually { server.output.contains("waiting for the database") }
        #expect(isWaiting && server.isRunning, "\(server.transcript)")
        #expect(!server.output.contains("\"ready\""))
        try await cluster.administer("ALTER DATABASE \(name) CONNECTION LIMIT -1")
        let isReady = await eventually { server.output.contains("\"ready\"") }
        #expect(isReady, "\(server.transcript)")
        await server.stop()
    }
}
