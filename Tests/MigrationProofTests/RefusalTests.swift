import DatabaseTestSupport
import Domain
import Foundation
import PostgresDriver
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.5, operations §7.4: what keeps a migration from running is named with its remedy")
struct RefusalTests {
    @Test("a runtime role without DDL rights", arguments: Engine.underTest)
    func runtimeRole(engine: Engine) async throws {
        let name = "runtime role without DDL rights: serves, refuses to migrate, waits for the hook"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "a file has no roles")
        }
        try await Proof.scenario(name, engine) {
            let installation = try await Installation.make(engine)
            let cluster = try PostgresCluster.shared()
            try await installation.migrate(prefix: 6)
            // The manual's own statements, so that the manual is proven too.
            try await installation.run(try Self.manualGrants())
            let port = "@127.0.0.1:\(cluster.port)"
            let app = installation.databaseURL.replacingOccurrences(of: "certctl\(port)", with: "certctl_app\(port)")
            try #require(app != installation.databaseURL)

            let refused = try await installation.certctl("server", environment: ["CERTCTL_DATABASE_URL": app])
            try #require(refused.status == 77, "\(refused.errors)")
            for word in ["000007_scoped_role_grants.up.sql", "statement 1", "42501", "actor_roles", "db migrate --url"]
            {
                try #require(refused.errors.contains(word), "no \(word) in \(refused.errors)")
            }
            try #require(try await installation.appliedVersions().count == 6)

            let server = try installation.server(
                environment: ["CERTCTL_DATABASE_URL": app, "CERTCTL_MIGRATIONS_VIA_HOOK": "true"])
            let waits = try await eventually(within: .seconds(30)) {
                try await server.get("/ready").text("status") == "migrations_pending"
            }
            try #require(waits, "\(server.process.transcript)")
            try await installation.migrate()
            try await server.waitUntilReady()
            try #require(try await server.stop() == 0)
            let audited = try await installation.with { database in
                try await database.read { tx in
                    try tx.rows(
                        "SELECT has_table_privilege('certctl_app', 'audit_events', 'DELETE') AS may"
                    ).first?.bool("may")
                }
            }
            try #require(audited == false)
        }
    }

    /// The SQL block of the operator's manual on two roles, statement by statement.
    private static func manualGrants() throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let manual = try String(contentsOf: root.appending(path: "docs/operators/migrations.md"), encoding: .utf8)
        let section = try #require(manual.components(separatedBy: "## Two roles").last)
        let block = try #require(section.components(separatedBy: "```sql\n").dropFirst().first)
        let text = try #require(block.components(separatedBy: "```").first)
        return try StatementSplitter.split(text, for: .postgres).map(\.text)
    }

    @Test("a database that cannot be written", arguments: Engine.underTest)
    func readOnly(engine: Engine) async throws {
        try await Proof.scenario("read-only database: exit 77, nothing changed, status still readable", engine) {
            let installation = try await Installation.make(engine)
            try await installation.migrate(prefix: 6)
            switch engine {
            case .postgres: try await Self.refuseReadOnlyServer(installation)
            case .sqlite: try await Self.refuseReadOnlyFile(installation)
            }
            try #require(try await installation.appliedVersions().count == 6)
        }
    }

    private static func refuseReadOnlyServer(_ installation: Installation) async throws {
        let name = try #require(installation.databaseURL.split(separator: "/").last)
        let cluster = try PostgresCluster.shared()
        try await cluster.administer("ALTER DATABASE \(name) SET default_transaction_read_only = on")
        let outcome = try await installation.certctl("server")
        try #require(outcome.status == 77, "\(outcome.errors)")
        try #require(outcome.errors.contains("25006") && outcome.errors.contains("default_transaction_read_only off"))
        let status = try await installation.certctl("db", "status")
        try #require(status.status == 0 && status.output.contains("pending     000007_scoped_role_grants"))
        let plan = try await installation.certctl("db", "migrate", "--dry-run")
        try #require(plan.output.contains("ACCESS EXCLUSIVE on actor_roles"), "\(plan.output)")
        try await cluster.administer("ALTER DATABASE \(name) RESET default_transaction_read_only")
    }

    /// As another account where this process is root, to whom no file is read-only.
    private static func refuseReadOnlyFile(_ installation: Installation) async throws {
        let files = FileManager.default
        let folder = installation.directory.path("readonly")
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try files.copyItem(atPath: installation.file, toPath: folder + "/proof.db")
        try files.setAttributes([.posixPermissions: 0o444], ofItemAtPath: folder + "/proof.db")
        try files.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder)
        let command = [Installation.certctl, "db", "migrate"]
        let asOther =
            geteuid() == 0
            ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command : command
        let outcome = try await runProgram(
            asOther[0], Array(asOther.dropFirst()),
            environment: installation.environment(["CERTCTL_DATABASE_URL": "sqlite:\(folder)/proof.db"]),
            logs: installation.directory.url
        )
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        try #require(outcome.status == 77, "\(outcome.status) \(outcome.errors)")
        try #require(outcome.errors.contains(folder), "\(outcome.errors)")
        try #require(outcome.errors.contains("writable"), "\(outcome.errors)")
    }

    @Test("a connection that is lost in the middle, a server that is killed there", arguments: Engine.underTest)
    func lostConnection(engine: Engine) async throws {
        let name = "connection lost during a migration; /ready says where it is"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "a file has no connection")
        }
        try await Proof.scenario(name, engine) {
            let installation = try await Installation.make(engine)
            try await installation.migrate(prefix: 6)
            let before = try await installation.with { try await Dump.quickSchema($0) }
            let blocker = try installation.open()
            let gate = Latch()
            let isLocked = Latch()
            async let held: Void = blocker.migrate { connection in
                try connection.begin()
                try connection.run("LOCK TABLE actor_roles IN ACCESS SHARE MODE")
                isLocked.open()
                gate.wait()
                connection.rollback()
            }
            try #require(await eventually { isLocked.isOpen })
            defer { gate.open() }

            try await Self.loseConnection(of: installation)
            try await Self.killWhileBlocked(installation)
            gate.open()
            try await held
            await blocker.close()
            let schema = try await installation.with { try await Dump.quickSchema($0) }
            try #require(schema == before)
            let last = try installation.server()
            try await last.waitUntilReady()
            try #require(try await last.stop() == 0)
        }
    }

    private static let blocked = "000007_scoped_role_grants"

    /// A migration gives up after ten seconds of waiting for a lock (55P03), and the machine may be busy for longer than
    /// this takes: then there is another attempt.
    private static func loseConnection(of installation: Installation) async throws {
        let pending = try Ladder.count(installation.engine) - 6
        for attempt in 1...3 {
            let server = try installation.server()
            var terminated = 0
            var step = ""
            let isOver = try await eventually(within: .seconds(30)) {
                guard server.process.isRunning else { return true }
                if step.isEmpty {
                    let ready = try await server.get("/ready")
                    guard let shown = ready.text("step"), shown.contains(blocked) else { return false }
                    step = "\(ready.text("status") ?? "") \(shown)"
                    try #require(try await server.get("/health").status == 200)
                }
                terminated = try await terminateBlocked(installation)
                return terminated > 0
            }
            try #require(isOver, "\(server.process.transcript)")
            let status = try await server.waitForExit()
            if terminated == 0, attempt < 3, server.process.errors.contains("55P03") { continue }
            try #require(terminated == 1, "\(server.process.transcript)")
            try #require(step == "starting migrating the database: \(blocked) (1 of \(pending))", "\(step)")
            try #require(status == 69, "\(server.process.transcript)")
            for word in ["\(blocked).up.sql", "statement 1", "rolled back", "reachable"] {
                try #require(server.process.errors.contains(word), "no \(word) in \(server.process.errors)")
            }
            return
        }
    }

    private static func killWhileBlocked(_ installation: Installation) async throws {
        for attempt in 1...3 {
            let server = try installation.server()
            let isThere = try await eventually(within: .seconds(30)) {
                guard server.process.isRunning else { return true }
                return try await server.get("/ready").text("step")?.contains(blocked) == true
            }
            if !server.process.isRunning, attempt < 3, server.process.errors.contains("55P03") { continue }
            try #require(isThere && server.process.isRunning, "\(server.process.transcript)")
            return await server.process.killAtOnce()
        }
    }

    /// Ends the migrations of this database that wait for a lock; how many there were.
    private static func terminateBlocked(_ installation: Installation) async throws -> Int {
        try await installation.with { database in
            try await database.read {
                try $0.rows(
                    """
                    SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
                    WHERE application_name LIKE '%/migrate' AND application_name LIKE 'certctl/server/%'
                    AND wait_event_type = 'Lock' AND datname = current_database()
                    """
                ).count
            }
        }
    }

    /// Once, the process died of the connections that it dropped when the start failed.
    @Test("a start that fails while it is probed", arguments: Engine.underTest)
    func probedRefusal(engine: Engine) async throws {
        let name = "a start that fails under probes keeps its exit status"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "a file is there or not, nothing is waited for")
        }
        try await Proof.scenario(name, engine) {
            let installation = try await Installation.make(engine)
            let nowhere = "postgres://certctl@127.0.0.1:\(LoopbackPort.unused())/certctl"
            for _ in 0..<3 {
                let server = try installation.server(
                    environment: ["CERTCTL_DATABASE_URL": nowhere, "CERTCTL_DATABASE_STARTUP_WAIT": "2s"])
                let answers = try await eventually(within: .seconds(30)) {
                    try await server.get("/ready").status == 503
                }
                try #require(answers, "\(server.process.transcript)")
                let probes = try (0..<4).map { _ in try server.probe() }
                try #require(try await server.waitForExit() == 69, "\(server.process.transcript)")
                for probe in probes { await probe.killAtOnce() }
            }
        }
    }

    @Test("a password that the first initialisation of the volume did not know", arguments: Engine.underTest)
    func wrongPassword(engine: Engine) async throws {
        let name = "wrong password: likely cause and remedy; the remedy works"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "a file has no password")
        }
        try await Proof.scenario(name, engine) {
            let cluster = try PostgresCluster.shared()
            let rules = cluster.directory + "/data/pg_hba.conf"
            let text = try String(contentsOfFile: rules, encoding: .utf8)
            // Written in place: the file keeps its owner.
            let file = try #require(FileHandle(forWritingAtPath: rules))
            try file.write(contentsOf: Data(("host all proof_owner 127.0.0.1/32 scram-sha-256\n" + text).utf8))
            try file.close()
            try await cluster.administer("CREATE ROLE proof_owner LOGIN PASSWORD 'the-first-password'")
            try await cluster.administer("CREATE DATABASE proof_password OWNER proof_owner")
            try await cluster.administer("SELECT pg_reload_conf()")

            let installation = try await Installation.make(engine)
            let url = "postgres://proof_owner:the-second-password@127.0.0.1:\(cluster.port)/proof_password"
            let variables = ["CERTCTL_DATABASE_URL": url]
            try await Self.awaitRule(of: url)
            let refused = try await installation.certctl("server", environment: variables)
            try #require(refused.status == 77, "\(refused.status) \(refused.errors)")
            for word in ["password", "volume", "ALTER ROLE", "28P01"] {
                try #require(refused.errors.contains(word), "no \(word) in \(refused.errors)")
            }
            try #require(!refused.errors.contains("the-second-password"))
            try await cluster.administer("ALTER ROLE proof_owner PASSWORD 'the-second-password'")
            try await installation.migrate(environment: variables)
        }
    }
}

extension RefusalTests {
    /// PostgreSQL reads its rules anew a moment after it was asked to; until then it believes every password.
    private static func awaitRule(of url: String) async throws {
        let asked = await eventually {
            do {
                let database = try PostgresDatabase(PostgresConfiguration(url: Secret(url)))
                defer { Task { await database.close() } }
                try await database.ping()
                return false
            } catch let error as DatabaseError {
                return error.kind == .authenticationFailed
            } catch {
                return false
            }
        }
        try #require(asked, "PostgreSQL does not ask for the password")
    }
}

/// A latch that a blocked thread waits for.
private final class Latch: Sendable {
    private let condition = NSCondition()
    private let state = Flag()

    private final class Flag: @unchecked Sendable {
        // Proof: read and written with `condition` locked only.
        var isOpen = false
    }

    var isOpen: Bool { condition.withLock { state.isOpen } }

    func open() {
        condition.withLock {
            state.isOpen = true
            condition.broadcast()
        }
    }

    func wait() {
        condition.lock()
        defer { condition.unlock() }
        while !state.isOpen { condition.wait() }
    }
}
