import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.4: backfills finish, whatever happens to whom")
struct BackfillTests {
    /// What is stored of a backfill, and what that should be by the rows themselves.
    private struct Stand: Equatable {
        var rows = 0
        var position = ""
        var isFinished = false
        /// Certificates up to the position, and those among them that have all of their names.
        var passed = 0
        var filled = 0
        /// Certificates after the position that have a name.
        var ahead = 0
        var names = 0
    }

    private static let migration = "000013_certificate_names"

    /// A database of the release before, with certificates, and the newest schema over it.
    private static func upgraded(_ engine: Engine, certificates count: Int) async throws -> Installation {
        let installation = try await Installation.make(engine)
        let versions = try Ladder.embedded(engine).migrations.map(\.version)
        let before = try #require(versions.firstIndex(of: migration))
        try await installation.migrate(prefix: before)
        try await installation.run(
            Rows(engine: engine).statements(prefix: before) + Inventory(engine: engine, count: count).statements)
        let outcome = try await installation.migrate()
        try #require(outcome.output.contains("applied \(migration)"))
        // A server can open what is sealed with its own key alone.
        try await installation.run(["UPDATE issuers SET encrypted_config = NULL"])
        return installation
    }

    private static func stand(_ installation: Installation) async throws -> Stand {
        try await installation.with { database in
            try await database.read { tx in
                var stand = Stand()
                if let row = try tx.row("SELECT * FROM data_migrations WHERE name = 'certificate_names'") {
                    stand.rows = try row.int("rows_done")
                    stand.position = try row.text("position")
                    stand.isFinished = try row.optionalTime("finished_at") != nil
                }
                let position = stand.position
                func count(_ sql: SQL) throws -> Int { try tx.row(sql)?.int("n") ?? 0 }
                stand.passed = try count(
                    "SELECT COUNT(*) AS n FROM managed_certificates WHERE id <= \(position)")
                stand.filled = try count(
                    """
                    SELECT COUNT(*) AS n FROM managed_certificates c WHERE c.id <= \(position)
                        AND (SELECT COUNT(*) FROM certificate_names n WHERE n.certificate_id = c.id) = 2
                    """
                )
                stand.ahead = try count(
                    "SELECT COUNT(DISTINCT certificate_id) AS n FROM certificate_names WHERE certificate_id > \(position)"
                )
                stand.names = try count("SELECT COUNT(*) AS n FROM certificate_names")
                return stand
            }
        }
    }

    private static func requireComplete(_ installation: Installation, certificates count: Int) async throws {
        let stand = try await stand(installation)
        try #require(stand.isFinished && stand.rows == count && stand.filled == count && stand.names == 2 * count)
        let check = try await installation.certctl("db", "check")
        try #require(check.status == 0, "\(check.output)")
    }

    @Test("killed at any point, it goes on behind the last batch", arguments: Engine.underTest)
    func killed(engine: Engine) async throws {
        _ = try await Proof.scenario(
            "kill -9 in the middle of a backfill, then go on", engine,
            note: { (positions: [Int]) in
                "killed \(positions.count) times, at \(positions.map(String.init).joined(separator: ", ")) rows"
            }
        ) {
            let count = 2400
            let installation = try await Self.upgraded(engine, certificates: count)
            let status = try await installation.certctl("db", "status")
            try #require(status.output.contains("backfill    certificate_names  waiting"), "\(status.output)")
            var positions: [Int] = []
            // Before a transaction, before its commit, after it; in the first batch of a process, and in later ones.
            for effect in [0, 1, 2, 4, 5, 7, 9, 10, 14] {
                let before = try await Self.stand(installation)
                let child = try ChildProgram(
                    Installation.programs.appending(path: "MigrationCrash").path,
                    [installation.databaseURL, "\(effect)", "backfill"], logs: installation.directory.url
                )
                let status = try #require(await child.waitForExit(timeout: .seconds(60)))
                try #require(status == SIGKILL, "effect \(effect): \(status) \(child.transcript)")
                let after = try await Self.settled(installation)
                let committed = effect / 3 + (effect % 3 == 2 ? 1 : 0)
                try #require(after.rows == before.rows + committed * 100, "effect \(effect): \(after)")
                try #require(after.rows == after.passed && after.filled == after.passed && after.ahead == 0, "\(after)")
                try #require(after.names == 2 * after.passed && !after.isFinished)
                positions.append(after.rows)
            }
            let status2 = try await installation.certctl("db", "status")
            try #require(
                status2.output.contains("backfill    certificate_names  \(positions.last ?? 0) rows done since"),
                "\(status2.output)")
            let outcome = try await installation.certctl("db", "backfill")
            try #require(outcome.status == 0 && outcome.output.contains("certificate_names  finished"))
            try await Self.requireComplete(installation, certificates: count + 1)
            return positions
        }
    }

    /// What a killed process leaves: PostgreSQL notices a moment later that its client is gone, and may still commit.
    private static func settled(_ installation: Installation) async throws -> Stand {
        var last = try await stand(installation)
        _ = try await eventually(within: .seconds(10), every: .milliseconds(100)) {
            let now = try await stand(installation)
            defer { last = now }
            return now == last
        }
        return last
    }

    @Test("a server fills while it serves; killed, the next command goes on", arguments: Engine.underTest)
    func served(engine: Engine) async throws {
        try await Proof.scenario("upgrade with rows: the server fills them while it serves", engine) {
            let count = 8000
            let installation = try await Self.upgraded(engine, certificates: count)
            let server = try installation.server()
            try await server.waitUntilReady()
            let key = try await server.administratorKey()
            let begun = try await eventually(within: .seconds(30), every: .milliseconds(5)) {
                try await Self.stand(installation).rows > 0
            }
            try #require(begun, "\(server.process.transcript)")
            // Found whether its turn came or not.
            for name in ["n7999.example.com", "WWW.n1.example.com"] {
                let found = try await server.get("/api/v1/certificates?san=\(name)", key: key)
                try #require(found.status == 200 && found.number("total") == 1, "\(found.body)")
            }
            await server.process.killAtOnce()
            let after = try await Self.settled(installation)
            try #require(after.rows == after.passed && after.filled == after.passed, "\(after)")

            // Its lease would run out in a while; other suites wait for that.
            try await installation.run(["UPDATE scheduler_leader SET holder = NULL, expires_at = NULL"])
            let again = try installation.server()
            try await again.waitUntilReady()
            let finished = try await eventually(within: .seconds(60)) { try await Self.stand(installation).isFinished }
            try #require(finished, "\(again.process.transcript)")
            let shown = try await eventually(within: .seconds(10)) {
                let metrics = try await again.get("/api/v1/metrics/prometheus", key: key).body
                return metrics.contains(#"certctl_backfill_unfinished{name="certificate_names"} 0"#)
                    && metrics.contains(#"certctl_backfill_rows{name="certificate_names"} \#(count + 1)"#)
            }
            try #require(shown)
            try #require(again.process.transcript.contains("backfill finished"))
            let found = try await again.get("/api/v1/certificates?san=www.n4000.example.com", key: key)
            try #require(found.number("total") == 1, "\(found.body)")
            try #require(try await again.stop() == 0)
            try await Self.requireComplete(installation, certificates: count + 1)
        }
    }

    @Test("paused, it waits for consent; before its migration it is refused", arguments: Engine.underTest)
    func paused(engine: Engine) async throws {
        try await Proof.scenario("db backfill: pause, resume, pending schema", engine) {
            let installation = try await Self.upgraded(engine, certificates: 1200)
            let pause = try await installation.certctl("db", "backfill", "--pause")
            try #require(pause.status == 0 && pause.output.contains("paused"), "\(pause.output)\(pause.errors)")
            let server = try installation.server()
            try await server.waitUntilReady()
            let ran = try await eventually(within: .seconds(20)) {
                try await installation.with { database in
                    try await database.read { try LoopStateStore().state(of: "renewal_check", in: $0) != nil }
                }
            }
            try #require(ran, "the loops of the leader do not run")
            try #require(try await server.stop() == 0)
            let refused = try await installation.certctl("db", "backfill")
            try #require(refused.status == 1 && refused.output.contains("--resume"), "\(refused.output)")
            try #require(try await Self.stand(installation).names == 0)
            let resumed = try await installation.certctl("db", "backfill", "--resume")
            try #require(resumed.status == 0, "\(resumed.errors)")
            try await Self.requireComplete(installation, certificates: 1201)

            let old = try await Installation.make(engine)
            try await old.migrate(prefix: 3)
            let pending = try await old.certctl("db", "backfill")
            try #require(pending.status == 69 && pending.errors.contains("db migrate"), "\(pending.errors)")
        }
    }

    /// Statements of a release that does not know the new table, from four writers, while it is being filled.
    @Test("release N writes while N+1 fills", arguments: Engine.underTest)
    func beside(engine: Engine) async throws {
        let name = "release N inserts, changes and deletes while N+1 fills: nothing lost, nothing stale"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "one process at a time; see the store's contract tests")
        }
        try await Proof.scenario(name, engine) {
            let count = 6000
            let installation = try await Self.upgraded(engine, certificates: count)
            let fill = try ChildProgram(
                Installation.certctl, ["db", "backfill"], environment: installation.environment(),
                logs: installation.directory.url
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask { try await Self.write(installation, writer: writer, certificates: count) }
                }
                try await group.waitForAll()
            }
            let status = try #require(await fill.waitForExit(timeout: .seconds(60)))
            try #require(status == 0, "\(fill.transcript)")
            let check = try await installation.certctl("db", "check")
            try #require(check.status == 0, "\(check.output)")
            let stand = try await Self.stand(installation)
            try #require(stand.isFinished)
            let certificates = try await installation.with { database in
                try await database.read {
                    try $0.row("SELECT COUNT(*) AS n FROM managed_certificates")?.int("n") ?? 0
                }
            }
            try #require(certificates == count + 1)
            try #require(stand.names == 2 * certificates)
        }
    }

    /// Each round changes the names of one certificate, replaces another, and writes one that it takes back.
    private static func write(_ installation: Installation, writer: Int, certificates: Int) async throws {
        try await installation.with { database in
            for round in 0..<150 {
                let number = (round * 4 + writer) * 9 + 1
                try await database.write { tx in
                    let changed = "mc-\(number)"
                    let names = Value.json(#"["new\#(number).example.com","also\#(number).example.com"]"#)
                    try tx.execute("UPDATE managed_certificates SET sans = \(names) WHERE id = \(changed)")
                    let (old, new) = ("mc-\(number + 1)", "mc-\(number + 1)-again")
                    try tx.execute(
                        """
                        INSERT INTO managed_certificates (id, name, common_name, sans, owner_id, team_id, issuer_id,
                            renewal_policy_id)
                        SELECT \(new), \(new), common_name, sans, owner_id, team_id, issuer_id, renewal_policy_id
                        FROM managed_certificates WHERE id = \(old)
                        """
                    )
                    try tx.execute("DELETE FROM managed_certificates WHERE id = \(old)")
                }
            }
        }
    }
}
