import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Operations §7.4, §17.2: what an operator sees of the schema")
struct OperatorViewTests {
    @Test("before, in and after an upgrade", arguments: Engine.underTest)
    func upgrade(engine: Engine) async throws {
        try await Proof.scenario("status, check-upgrade, dry run, migrate, check: say what is", engine) {
            let installation = try await Installation.make(engine)
            try await installation.migrate(prefix: 7)
            try await installation.run(
                Rows(engine: engine).statements(prefix: 7) + Inventory(engine: engine, count: 3000).statements
                    + ["UPDATE agents SET version = '1.9.0'", "ANALYZE"])
            let before = try await installation.with { try await Dump.rows($0) }
            let pending = try Ladder.embedded(engine).migrations.dropFirst(7).map(\.version)

            let upgrade = try await Self.lines(
                installation, "server", "--check-upgrade", environment: ["CERTCTL_SERVER_PROT": "1"])
            try #require(upgrade.first == "release     \(Version.number)")
            try #require(upgrade.contains { $0.hasPrefix("setting     CERTCTL_SERVER_PROT") }, "\(upgrade)")
            for version in pending {
                try #require(upgrade.contains { $0.hasPrefix("migration   \(version)  less than 1 s") }, "\(upgrade)")
            }
            try #require(upgrade.contains { $0.contains("certificate_names") && $0.contains("3001 rows") })
            try #require(upgrade.contains("agent       agent a  runs 1.9.0; upgrade it"), "\(upgrade)")

            let status = try await Self.lines(installation, "db", "status")
            try #require(status.filter { $0.hasPrefix("applied     ") }.count == 7)
            try #require(status.filter { $0.hasPrefix("pending     ") }.map { String($0.dropFirst(12)) } == pending)
            let rows = engine == .postgres ? "about 3001 rows" : "3001 rows"
            try #require(
                status.contains { $0.hasPrefix("table       managed_certificates  \(rows)  ") && $0.hasSuffix("iB") },
                "\(status)")
            let plan = try await Self.lines(installation, "db", "migrate", "--dry-run")
            for version in pending { try #require(plan.contains { $0.hasPrefix("-- \(version)") }, "\(plan)") }
            try #require(try await installation.with { try await Dump.rows($0) } == before)

            let migrated = try await Self.lines(installation, "db", "migrate")
            try #require(
                migrated == pending.map { "applied \($0)" } + ["schema is up to date at \(pending.last ?? "")"])
            if engine == .sqlite { try await Self.requireCopy(of: installation, before: pending[0], rows: before) }
            try #require(try await Self.lines(installation, "db", "check") == ["OK   schema, file and rows"])
            try await installation.run(["UPDATE managed_certificates SET expires_at = NULL WHERE id = 'mc-a'"])
            let found = try await installation.certctl("db", "check")
            try #require(found.status == 1 && found.output.contains("certificate-expiry  managed_certificates  mc-a"))
            try #require(
                try await Self.lines(installation, "db", "check", "--fix")
                    == ["FIX  certificate-expiry  1 rows", "OK   schema, file and rows"])
            try #require(try await Self.lines(installation, "db", "migrate", "--dry-run") == ["-- nothing is pending"])
            let after = try await Self.lines(installation, "server", "--check-upgrade")
            try #require(after.contains("settings    valid") && after.contains("migrations  none is pending"))
            try await Self.requireRefusal(installation)
        }
    }

    /// The database as it was before the upgrade, for its owner alone; a second start makes no other.
    private static func requireCopy(
        of installation: Installation,
        before version: String,
        rows: [String: [Dump.Line]]
    ) async throws {
        let files = FileManager.default
        let directory = installation.directory.path("backups")
        try await installation.migrate()
        try #require(try files.contentsOfDirectory(atPath: directory) == ["pre-\(version).db"])
        let copy = "\(directory)/pre-\(version).db"
        let attributes = try files.attributesOfItem(atPath: copy)
        try #require(attributes[.posixPermissions] as? Int == 0o600)
        let restored = try await Installation.make(.sqlite)
        try files.copyItem(atPath: copy, toPath: restored.file)
        try #require(try await restored.with { try await Dump.rows($0) } == rows)
        try #require(try await restored.appliedVersions().count == 7)
    }

    /// What cannot be started is not called ready for an upgrade.
    private static func requireRefusal(_ installation: Installation) async throws {
        let wrong = try await installation.certctl(
            "server", "--check-upgrade", environment: ["CERTCTL_SERVER_PORT": "none"])
        try #require(wrong.status == 78 && wrong.output.isEmpty, "\(wrong.errors)")
        let unknown = try await installation.certctl("server", "--check-upgrades")
        try #require(unknown.status == 2 && unknown.errors.contains("--check-upgrades"))
        try await installation.run(["UPDATE schema_migrations SET checksum = 'x' WHERE version LIKE '000003%'"])
        let changed = try await installation.certctl("server", "--check-upgrade")
        try #require(changed.status == 1 && changed.errors.contains("SHA-256"), "\(changed.errors)")
    }

    /// The lines of a verb that must succeed; none of them is empty, and the last one ends.
    private static func lines(
        _ installation: Installation,
        _ arguments: String...,
        environment: [String: String] = [:]
    ) async throws -> [String] {
        let outcome = try await runProgram(
            Installation.certctl, arguments, environment: installation.environment(environment),
            logs: installation.directory.url
        )
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
        try #require(outcome.output.hasSuffix("\n") && !outcome.output.hasSuffix("\n\n"), "\(arguments)")
        return outcome.output.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}
