import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

/// A PostgreSQL database as `psql` sees it, past the control plane.
struct PostgresInspection: Sendable {
    let url: String
    let logs: URL

    private static var program: String { (PostgresCluster.programs ?? "/usr/bin") + "/psql" }

    private static func arguments(_ url: String, _ statement: String) -> [String] {
        ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-d", url, "-c", statement]
    }

    /// What a statement yields, a row on each line.
    @discardableResult
    func rows(_ statement: String) async throws -> [String] {
        let outcome = try await runProgram(Self.program, Self.arguments(url, statement), logs: logs)
        try #require(outcome.status == 0, "\(statement): \(outcome.errors)")
        return outcome.output.split(whereSeparator: \.isNewline).map(String.init)
    }

    /// What the notice of a statement says.
    func notice(_ statement: String) async throws -> String {
        let outcome = try await runProgram(Self.program, Self.arguments(url, statement), logs: logs)
        try #require(outcome.status == 0, "\(statement): \(outcome.errors)")
        return outcome.errors.replacing("NOTICE:", with: "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func number(_ statement: String) async throws -> Int { try await rows(statement).first.flatMap { Int($0) } ?? -1 }

    /// Starts a statement that lasts.
    func begin(_ statement: String) throws -> ChildProgram {
        try ChildProgram(Self.program, Self.arguments(url, statement), logs: logs)
    }

    /// The pooled connections of control planes in this database, without those that listen for signals.
    static let pool = """
        pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'certctl/server/%'
            AND application_name NOT LIKE '%/signals'
        """
}

extension ControlPlane {
    /// Runs `certctl server` in an environment where it has to refuse.
    static func refusal(_ environment: [String: String], logs: URL) async throws -> (
        outcome: ProgramOutcome, duration: Duration
    ) {
        let start = ContinuousClock.now
        let outcome = try await runProgram(binary, ["server"], environment: environment, logs: logs)
        return (outcome, ContinuousClock.now - start)
    }

    /// An installation of its own that nobody has started.
    static func environment(in directory: TemporaryDirectory, _ settings: [String: String]) -> [String: String] {
        [
            "HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"),
            "CERTCTL_SERVER_PORT": "\(LoopbackPort.unused())", "CERTCTL_LOG_FORMAT": "json",
        ].merging(settings) { $1 }
    }
}
