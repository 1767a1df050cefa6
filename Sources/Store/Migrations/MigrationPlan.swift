package import Query

/// What applying the pending migrations would do, without doing it.
package struct MigrationPlan: Sendable {
    /// One pending file.
    package struct Step: Sendable {
        package let migration: Migration
        package let statements: [MigrationStatement]
        /// Per relation the strongest lock; held to the end of the file when it is transactional.
        package let locks: [StatementLock]
    }

    package let engine: Engine
    package let steps: [Step]

    package init(_ status: MigrationStatus, engine: Engine) throws(MigrationError) {
        self.engine = engine
        var steps: [Step] = []
        for migration in status.pending {
            let statements: [MigrationStatement]
            do {
                statements = try StatementSplitter.split(migration.up, for: engine)
            } catch {
                throw MigrationError(
                    .ladder, subject: migration.fileName, what: "line \(error.line): \(error.reason)",
                    remedy: "Correct the file."
                )
            }
            let locks = engine == .sqlite ? [] : Self.strongest(statements.flatMap { StatementLocks.of($0.text) })
            steps.append(Step(migration: migration, statements: statements, locks: locks))
        }
        self.steps = steps
    }

    /// For a terminal, or as a script for review.
    package var lines: [String] {
        guard !steps.isEmpty else { return ["-- nothing is pending"] }
        return Array(steps.map { lines(of: $0) }.joined(separator: [""]))
    }

    private func lines(of step: Step) -> [String] {
        var lines = ["-- \(step.migration.fileName): \(step.statements.count) statements, \(manner(of: step))"]
        if engine == .sqlite {
            lines.append("-- lock: the whole file for writing; reading goes on")
        } else {
            lines += step.locks.map { "-- lock: \($0.mode.name) on \($0.relation) (\($0.mode.effect))" }
            if step.locks.isEmpty { lines.append("-- lock: none on a table that exists") }
        }
        for statement in step.statements {
            if let column = statement.unlessColumn {
                lines.append("-- skipped when the column \(column.table).\(column.column) exists:")
            }
            lines.append("\(statement.text);")
        }
        return lines
    }

    private func manner(of step: Step) -> String {
        step.migration.isTransactional ? "in one transaction" : "each on its own, repeated when cut short"
    }

    private static func strongest(_ locks: [StatementLock]) -> [StatementLock] {
        Dictionary(locks.map { ($0.relation, $0) }) { $0.mode > $1.mode ? $0 : $1 }.values.sorted()
    }
}
