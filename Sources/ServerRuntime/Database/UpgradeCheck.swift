import Domain
import Store

/// What starting this release on an installation would do (operations §17.2); changes nothing.
package struct UpgradeCheck: Sendable {
    /// Rows that a statement gets through in a second: what a small machine does, and rather too few.
    private static let rowsPerSecond = 100_000.0
    /// What a statement costs when there are no rows.
    private static let secondsPerStatement = 0.005

    package let lines: [String]

    /// Compares the database with this release.
    ///
    /// - Throws: ``StartUpFailure`` when this release could not be started on it at all.
    package init(_ tool: SchemaTool, settings warnings: [String]) async throws {
        var lines = ["release     \(Version.number)"]
        lines += warnings.isEmpty ? ["settings    valid"] : warnings.map { "setting     \($0)" }
        let plan = try await tool.migrationPlan()
        let rows = try await tool.tableRows()
        lines += plan.steps.map { Self.line($0, rows: rows) }
        if plan.steps.isEmpty { lines.append("migrations  none is pending") }
        lines += try await tool.unfinishedBackfillLines(after: plan)
        lines += try await tool.agentLines()
        self.lines = lines
    }

    private static func line(_ step: MigrationPlan.Step, rows: [String: Int]) -> String {
        var seconds = 0.0
        for statement in step.statements {
            seconds += secondsPerStatement
            for table in StatementScans.of(statement.text) {
                seconds += Double(rows[table] ?? 0) / rowsPerSecond
            }
        }
        let estimate = seconds < 1 ? "less than 1 s" : "about \(Int(seconds.rounded(.up))) s"
        let waits = step.locks.filter { $0.mode >= .share }.map { "\($0.relation) (\($0.mode.effect))" }
        let locks = waits.isEmpty ? "" : "  locks \(waits.joined(separator: ", "))"
        return "migration   \(step.migration.version)  \(estimate)\(locks)"
    }
}
