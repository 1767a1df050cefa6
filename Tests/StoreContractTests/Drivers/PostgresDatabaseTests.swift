import DatabaseTestSupport
import Domain
import Foundation
import PostgresDriver
import Query
import Synchronization
import Testing

@Suite("PostgreSQL: pool, retries, cancellation, signals", .enabled(if: Engine.available.contains(.postgres)))
struct PostgresDatabaseTests {
    static func make(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> PostgresDatabase {
        var configuration = PostgresConfiguration(url: try await TestDatabase.makePostgresURL())
        configuration.maxConnections = 8
        change(&configuration)
        let database = try PostgresDatabase(configuration)
        try await database.migrate { connection in
            try connection.run("CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL)")
            try connection.run(
                "CREATE FUNCTION lose_race() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '40001'; END $$"
            )
        }
        return database
    }

    @Test("every connection has the settings of the specification")
    func sessionSettings() async throws {
        let database = try await Self.make { $0.applicationName = "certctl/server/test" }
        let settings = try await database.read { tx in
            try tx.rows(
                """
                SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'statement_timeout', 'lock_timeout',
                'idle_in_transaction_session_timeout', 'application_name', 'transaction_isolation',
                'transaction_read_only')
                """
            ).reduce(into: [:]) { $0[try $1.text("name")] = try $1.text("setting") }
        }
        #expect(
            settings == [
                "TimeZone": "UTC", "statement_timeout": "30000", "lock_timeout": "10000",
                "idle_in_transaction_session_timeout": "60000", "application_name": "certctl/server/test",
                "transaction_isolation": "repeatable read", "transaction_read_only": "on",
            ]
        )
        let isolation = try await database.write {
            try $0.row("SELECT current_setting('transaction_isolation') AS level")?.text("level")
        }
        #expect(isolation == "read committed")
        await database.close()
    }

    @Test("types of catalogue and aggregate queries are read")
    func types() async throws {
        let database = try await Self.make()
        let row = try await database.read { tx in
            try #require(
                try tx.row(
                    """
                    SELECT 1::smallint AS a, (-2)::int AS b, 3::oid AS c, 1.5::real AS d, 'n'::name AS e,
                    12345678901234::numeric AS f, -0.25::numeric AS g, 40000::numeric AS h, 'x'::varchar AS i,
                    '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS j, '{"a": [1]}'::json AS k, NULL::text AS l,
                    false AS m, 1e30::numeric AS n
                    """
                )
            )
        }
        #expect(
            row.values == [
                .integer(1), .integer(-2), .integer(3), .real(1.5), .text("n"), .integer(12_345_678_901_234),
                .real(-0.25), .integer(40000), .text("x"), .text("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
                .json(#"{"a": [1]}"#), .null, .bool(false), .real(1e30),
            ]
        )
        let error = await #expect(throws: DatabaseError.self) {
            try await database.read { try $0.rows("SELECT '1 day'::interval AS unread") }
        }
        #expect(error?.message.contains("1186") == true)
        await database.close()
    }

    @Test("a serialisation failure runs the body again")
    func serialisationRetry() async throws {
        let database = try await Self.make()
        let runs = Atomic(0)
        try await database.write { tx in
            if runs.add(1, ordering: .relaxed).newValue < 3 {
                try tx.execute("INSERT INTO t (id, v) VALUES (\(7), \("x"))")
                _ = try tx.rows(SQL.raise40001)
            }
        }
        #expect(runs.load(ordering: .relaxed) == 3)
        #expect(try await database.read { try $0.rows("SELECT 1 FROM t").count } == 0)
        await database.close()
    }

    @Test("retries end, and the last error arrives")
    func retriesEnd() async throws {
        let database = try await Self.make()
        let runs = Atomic(0)
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { tx in
                runs.add(1, ordering: .relaxed)
                _ = try tx.rows(SQL.raise40001)
            }
        }
        #expect(error?.sqlState == "40001")
        #expect(runs.load(ordering: .relaxed) == 4)
        await database.close()
    }

    @Test("of two transactions in deadlock both succeed in the end")
    func deadlock() async throws {
        let database = try await Self.make()
        try await database.write { tx in
            for id in 1...2 { try tx.execute("INSERT INTO t (id, v) VALUES (\(id), \(""))") }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for order in [[1, 2], [2, 1]] {
                group.addTask {
                    try await database.write { tx in
                        for id in order {
                            try tx.execute("UPDATE t SET v = v || \("x") WHERE id = \(id)")
                            usleep(100_000)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let values = try await database.read { try $0.rows("SELECT v FROM t").map { try $0.text("v") } }
        #expect(values == ["xx", "xx"])
        await database.close()
    }

    @Test("cancelling a task stops its statement on the server")
    func cancellation() async throws {
        let database = try await Self.make { $0.maxConnections = 1 }
        let start = ContinuousClock.now
        let task = Task { try await database.write { try $0.rows("SELECT pg_sleep(20)").count } }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await database.ping()
        #expect(ContinuousClock.now - start < .seconds(15))
        await database.close()
    }

    @Test("who waits too long for a connection is refused, and the pool goes on")
    func exhaustion() async throws {
        let waits = Mutex<[Duration]>([])
        let database = try await Self.make {
            $0.maxConnections = 1
            $0.checkoutWait = .seconds(2)
            $0.onPoolWait = { wait in waits.withLock { $0.append(wait) } }
        }
        let gate = Gate()
        let isHeld = Mutex(false)
        let holder = Task {
            try await database.write { _ in
                isHeld.withLock { $0 = true }
                gate.wait()
            }
        }
        for _ in 0..<1000 where !isHeld.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        let error = await #expect(throws: DatabaseError.self) { try await database.ping() }
        #expect(error?.kind == .unavailable)
        waits.withLock { $0 = [] }
        let patient = Task { try await database.ping() }
        try await Task.sleep(for: .milliseconds(50))
        gate.open()
        try await holder.value
        try await patient.value
        #expect(waits.withLock(\.count) == 1)
        await database.close()
    }

    @Test("signals reach the other replica and come once to one's own")
    func signalsBetweenReplicas() async throws {
        let url = try await TestDatabase.makePostgresURL()
        let here = try PostgresDatabase(PostgresConfiguration(url: url))
        let there = try PostgresDatabase(PostgresConfiguration(url: url))
        let own = here.signals(on: .jobs)
        let other = there.signals(on: .jobs)
        var iterator = other.makeAsyncIterator()
        // The listening connection needs a moment; a signal before it is lost, as the contract allows.
        let sender = Task {
            for index in 0..<200 {
                try await here.write { try $0.notify(.jobs, payload: "agent'\(index)") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let received = await iterator.next()
        #expect(received?.hasPrefix("agent'") == true)
        sender.cancel()
        _ = try? await sender.value
        try await Task.sleep(for: .milliseconds(100))
        await here.close()
        await there.close()
        var seen: [String] = []
        for await payload in own { seen.append(payload) }
        #expect(seen.count == Set(seen).count, "a signal of one's own came twice")
    }

    @Test("a wrong password is named as such, with both remedies and without the password")
    func wrongPassword() async throws {
        let cluster = try PostgresCluster.shared()
        try await cluster.administer("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        let hba = cluster.directory + "/data/pg_hba.conf"
        let before = try String(contentsOfFile: hba, encoding: .utf8)
        try ("host all guarded 127.0.0.1/32 scram-sha-256\n" + before).write(
            toFile: hba,
            atomically: false,
            encoding: .utf8
        )
        try await cluster.administer("SELECT pg_reload_conf()")
        try await Task.sleep(for: .milliseconds(200))
        let url = Secret("postgres://guarded:S3cretWrong@127.0.0.1:\(cluster.port)/postgres")
        let database = try PostgresDatabase(PostgresConfiguration(url: url))
        let error = try await #require(throws: DatabaseError.self) { try await database.ping() }
        #expect(error.kind == .authenticationFailed)
        #expect(error.sqlState == "28P01")
        #expect(error.message.contains("ALTER ROLE") && error.message.contains("CERTCTL_DATABASE_URL"))
        #expect(!error.description.contains("S3cretWrong"))
        await database.close()
    }

    @Test("a missing database and a server that is not there have their own messages")
    func refusals() async throws {
        let cluster = try PostgresCluster.shared()
        let missing = try PostgresDatabase(PostgresConfiguration(url: cluster.url(database: "nowhere")))
        let noDatabase = try await #require(throws: DatabaseError.self) { try await missing.ping() }
        #expect(noDatabase.sqlState == "3D000" && noDatabase.message.contains("createdb"))
        await missing.close()
        let absent = try PostgresDatabase(PostgresConfiguration(url: Secret("postgres://u:hush@127.0.0.1:1/d")))
        let noServer = try await #require(throws: DatabaseError.self) { try await absent.ping() }
        #expect(noServer.kind == .unavailable && noServer.message.contains("Check that PostgreSQL runs"))
        #expect(!noServer.message.contains("hush"))
        await absent.close()
    }

    @Test("start-up waits for a server that is not there yet, and for nothing else")
    func availability() async throws {
        let cluster = try PostgresCluster.shared()
        let clock = Mutex(Timestamp(secondsSinceEpoch: 0))
        let time = TimeSource(
            now: { clock.withLock { $0 } },
            sleep: { pause in clock.withLock { $0 = $0 + pause } }
        )
        let retries = Atomic(0)
        let absent = try PostgresDatabase(PostgresConfiguration(url: Secret("postgres://u@127.0.0.1:1/d")))
        await #expect(throws: DatabaseError.self) {
            try await absent.awaitAvailability(within: .seconds(10), time: time) { _ in
                retries.add(1, ordering: .relaxed)
            }
        }
        // 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2 and 2 s.
        #expect(retries.load(ordering: .relaxed) == 8)
        await absent.close()
        let missing = try PostgresDatabase(PostgresConfiguration(url: cluster.url(database: "nowhere")))
        await #expect(throws: DatabaseError.self) {
            try await missing.awaitAvailability(within: .seconds(10), time: time) { _ in
                Issue.record("a missing database does not appear by itself")
            }
        }
        await missing.close()
        let present = try await Self.make()
        try await present.awaitAvailability(within: .zero, time: time) { _ in }
        await present.close()
    }

    @Test("prepared statements that vanish or go stale are prepared again")
    func stalePreparedStatements() async throws {
        let database = try await Self.make { $0.maxConnections = 1 }
        @Sendable func read(_ tx: any Transaction) throws -> Int { try tx.rows("SELECT * FROM t").count }
        #expect(try await database.write(read) == 0)
        try await database.write { _ = try $0.execute("DEALLOCATE ALL") }
        #expect(try await database.write(read) == 0)
        try await database.migrate { try $0.run("ALTER TABLE t ADD COLUMN w text") }
        #expect(try await database.write(read) == 0)
        await database.close()
    }

    @Test("text that PostgreSQL cannot convert is not repeated in the error")
    func conversionErrors() async throws {
        let database = try await Self.make()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { try $0.execute("INSERT INTO t (id, v) VALUES (\("hush-hush"), \("x"))") }
        }
        #expect(error?.kind == .statement)
        #expect(error?.description.contains("hush-hush") == false)
        await database.close()
    }
}

extension SQL {
    /// Fails with SQLSTATE 40001, as a lost race under a stricter isolation level does.
    static let raise40001: SQL = "SELECT lose_race() AS nothing"
}
