/// Judges `UPDATE`, `DELETE` and `TRUNCATE`.
struct RowChangeJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        if fragment.starts(with: "truncate") { return truncation() }
        if let deletion = Deletion(fragment) { return judge(deletion) }
        guard let update = Update(fragment), !update.assignments.isEmpty else {
            return .problem(.unknown, "the lint cannot read this statement", at: fragment.position, [.here("")])
        }
        return judge(update)
    }

    // MARK: - UPDATE

    private func judge(_ update: Update) -> Verdict {
        if let refusal = largeTable(update.table) { return refusal }
        // A column that is set to a constant and tested marks the rows that are done.
        let marks = update.assignments.filter { assignment in
            !Expressions.mentions(assignment.column, in: assignment.value)
                && !Expressions.changesBetweenRuns(assignment.value)
                && (update.condition.map { Expressions.mentions(assignment.column, in: $0) } ?? false)
        }
        guard marks.isEmpty else { return .clean(fragment) }
        if let repeated = update.assignments.first(where: { !Expressions.isIdempotent($0.value, of: $0.column) }) {
            return repetition(repeated, update)
        }
        guard !context.isDown else { return .clean(fragment) }
        guard !update.assignments.contains(where: { isTested($0, in: update.condition) }) else {
            return .clean(fragment)
        }
        return .problem(
            .updateUnconditional,
            "every run writes the rows again, also those that an operator has changed since: say which are not filled yet",
            at: fragment.position, [.here(tested(update))])
    }

    /// `WHERE column IS NULL`, or any test of a column that is not set to the time of the run.
    private func isTested(_ assignment: Update.Assignment, in condition: Fragment?) -> Bool {
        guard let condition, Expressions.mentions(assignment.column, in: condition) else { return false }
        guard Expressions.changesBetweenRuns(assignment.value) else { return true }
        return condition.split { $0.isWord("and") }.contains { test in
            let words = test.unwrapped.tokens
            return words.count >= 3 && words[words.endIndex - 3].value == assignment.column
                && words[words.endIndex - 2].isWord("is") && words[words.endIndex - 1].isWord("null")
        }
    }

    private func tested(_ update: Update) -> String {
        let tests = update.assignments.map { assignment in
            let column = SQLText.identifier(assignment.column)
            if Expressions.changesBetweenRuns(assignment.value) { return "\(column) IS NULL" }
            let differs = context.dialect == .postgres ? "IS DISTINCT FROM" : "IS NOT"
            return "\(column) \(differs) (\(assignment.value.text))"
        }
        let test = tests.count == 1 ? tests[0] : "(" + tests.joined(separator: " OR ") + ")"
        let returning = update.returning.map { " " + $0.text } ?? ""
        let end = update.returning?.range.lowerBound ?? fragment.range.upperBound
        let text = fragment.source.text(fragment.range.lowerBound..<end).trimmed
        guard let condition = update.condition else { return "\(text)\nWHERE \(test)\(returning);" }
        let head = fragment.source.text(fragment.range.lowerBound..<condition.range.lowerBound)
        return "\(head)(\(condition.text)) AND \(test)\(returning);"
    }

    private func repetition(_ assignment: Update.Assignment, _ update: Update) -> Verdict {
        let next = SQLText.identifier(SQLText.shortened(assignment.column + "_next"))
        let type = context.catalogue.tables[update.table.key]?.columns[assignment.column]?.type.text ?? ""
        let column = "\(next) \(type.isEmpty ? "INTEGER" : type)"
        let addition =
            context.dialect == .postgres
            ? "ALTER TABLE \(update.table.text) ADD COLUMN IF NOT EXISTS \(column);"
            : "-- certctl:unless-column \(update.table.name).\(next)\nALTER TABLE \(update.table.text) ADD COLUMN \(column);"
        let condition = update.condition.map { "(\($0.text)) AND " } ?? ""
        return .problem(
            .updateRepeats, "\(assignment.column) is computed from itself: every run changes it further",
            at: fragment.position,
            [
                .here(addition),
                .here(
                    "\(update.head)SET \(next) = \(assignment.value.text)\nWHERE \(condition)\(next) IS NULL;"),
            ],
            advice: "Write to a new column, whose NULLs are what is left to do; or mark the rows that are done.")
    }

    // MARK: - DELETE

    private func judge(_ deletion: Deletion) -> Verdict {
        if context.droppedLater.contains(deletion.table.key), !context.created.contains(deletion.table.key),
            !context.scratch.values.contains(deletion.table.key)
        {
            return .problem(
                .usesDropped, "this file drops \(deletion.table.name) below: in a second run there is no such table",
                at: fragment.position, [.here("")], advice: "Remove the statement.")
        }
        if let refusal = largeTable(deletion.table) { return refusal }
        guard deletion.condition == nil, !context.isDown else { return .clean(fragment) }
        return unconditional(deletion.table)
    }

    private func truncation() -> Verdict {
        var reader = TokenReader(fragment)
        _ = reader.accept("truncate")
        _ = reader.accept("table")
        _ = reader.accept("only")
        guard !context.isDown, let table = reader.name() else { return .clean(fragment) }
        return unconditional(table)
    }

    private func unconditional(_ table: ObjectName) -> Verdict {
        let key = context.catalogue.keys(of: table.key).first { !$0.isPartial }?.columns.first ?? "id"
        return .problem(
            .deleteUnconditional, "every run empties \(table.name), also of rows that came after the first run",
            at: fragment.position,
            [.here("DELETE FROM \(table.text) WHERE \(SQLText.identifier(key ?? "id")) IN (NULL);")],
            advice: "Name the rows that must go in place of NULL.")
    }

    private func largeTable(_ table: ObjectName) -> Verdict? {
        guard context.isLarge(table) else { return nil }
        return .problem(
            .lockBackfill, "\(table.name) may hold millions of rows, and start-up would wait for all of them",
            at: fragment.position, [.here("")],
            advice: "Change the rows in a resumable background task (data_migrations), not in the migration.")
    }
}
