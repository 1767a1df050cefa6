/// Judges `INSERT`: a second run adds no row and overwrites none.
struct InsertionJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        guard let insertion = Insertion(fragment) else {
            return .problem(.unknown, "the lint cannot read this INSERT", at: fragment.position, [.here("")])
        }
        let isScratch = context.scratch[insertion.table.key] != nil && context.created.contains(insertion.table.key)
        var verdict = isScratch ? .clean(fragment) : repetition(insertion)
        if let large = largeSource(insertion) {
            verdict.add(
                .lockBackfill, "the rows come from the large table \(large), which a migration may not read through",
                at: fragment.position)
            verdict.pieces = [.here("")]
            verdict.advice = ["Move the rows in a resumable background task (data_migrations), not in the migration."]
        }
        return verdict
    }

    private func repetition(_ insertion: Insertion) -> Verdict {
        if let missing = missingColumn(insertion) { return missing }
        switch (insertion.alternative, insertion.conflict) {
        case ("replace", _):
            return problem(
                .insertOverwrites, "every run throws away what an operator has changed in these rows", insertion)
        case (.some(let word), _):
            return problem(
                .insertUnguarded, "OR \(word.uppercased()) also hides rows that break a CHECK or NOT NULL", insertion)
        case (nil, .doUpdate):
            return problem(
                .insertOverwrites, "every run throws away what an operator has changed in these rows", insertion)
        case (nil, .none):
            if insertion.asksFirst || asksOutside(insertion) { return .clean(fragment) }
            return problem(.insertUnguarded, "a second run fails on the key, or adds the rows again", insertion)
        case (nil, .doNothing): return duplicates(insertion)
        case (nil, .doNothingOn), (nil, .doNothingOnConstraint): return target(insertion)
        }
    }

    /// `IF NOT EXISTS (SELECT … FROM table …) THEN INSERT`.
    private func asksOutside(_ insertion: Insertion) -> Bool {
        guards.tests.contains { $0.expectsAbsence && $0.catalogue == insertion.table.name }
    }

    // MARK: - Keys

    private func target(_ insertion: Insertion) -> Verdict {
        let table = insertion.table.key
        guard context.catalogue.tables[table] != nil else { return .clean(fragment) }
        let keys = context.catalogue.keys(of: table)
        let hit: Catalogue.Key?
        let title: String
        if case .doNothingOnConstraint(let name) = insertion.conflict {
            title = name.name
            hit = context.catalogue.tables[table]?.constraints[name.name]?.key
        } else {
            let columns = insertion.targetColumns ?? []
            title = "(" + columns.map { $0 ?? "…" }.joined(separator: ", ") + ")"
            hit = keys.first { key in
                Set(key.columns) == Set(columns) && key.columns.count == columns.count
                    && (!key.isPartial || insertion.hasPartialTarget)
            }
        }
        guard let hit else { return noTarget(title, insertion) }
        let others = keys.filter { key in
            key.columns != hit.columns && !key.columns.isEmpty
                && key.columns.allSatisfy { $0.map(insertion.columns.contains) ?? false }
        }
        guard let other = others.first else { return duplicates(insertion) }
        let columns = other.columns.map { $0 ?? "…" }.joined(separator: ", ")
        return problem(
            .conflictTargetNarrow,
            "the target is \(title), and \(insertion.table.name) is unique over (\(columns)) too: an operator's own row with "
                + "that value makes the run fail", insertion)
    }

    private func noTarget(_ title: String, _ insertion: Insertion) -> Verdict {
        guard context.isRerun else {
            return problem(.conflictTargetMissing, "no key of \(insertion.table.name) is exactly \(title)", insertion)
        }
        return changedLater("the conflict target \(title)", insertion)
    }

    private func changedLater(_ what: String, _ insertion: Insertion) -> Verdict {
        let prefix = insertion.table.key + "."
        let removal = context.catalogue.removals.filter { $0.key.hasPrefix(prefix) }.values
            .max { ($0.file, $0.position.offset) < ($1.file, $1.position.offset) }
        let by = removal.map { $0.file + " removes" } ?? "a later file removes"
        var verdict = problem(
            .conflictTargetChanged,
            "\(by) \(what) of \(insertion.table.name): when the ladder runs again, this seed fails or doubles",
            insertion)
        verdict.removal = removal
        return verdict
    }

    /// Without a key that these rows can hit, nothing ever conflicts.
    private func duplicates(_ insertion: Insertion) -> Verdict {
        guard context.catalogue.tables[insertion.table.key] != nil, !hasProtection(insertion) else {
            return .clean(fragment)
        }
        if context.isRerun { return changedLater("the key", insertion) }
        return problem(
            .insertDuplicates,
            "no key of \(insertion.table.name) covers what is inserted, so nothing ever conflicts: each run adds the rows again",
            insertion)
    }

    /// Some key has a value for each of its columns, the same in every run.
    private func hasProtection(_ insertion: Insertion) -> Bool {
        let table = context.catalogue.tables[insertion.table.key]
        let changing = insertion.changingColumns
        return context.catalogue.keys(of: insertion.table.key).contains { key in
            !key.isPartial && !key.columns.isEmpty
                && key.columns.allSatisfy { column in
                    guard let column, !insertion.columns.isEmpty else { return true }
                    guard !changing.contains(column) else { return false }
                    if insertion.columns.contains(column) { return true }
                    switch table?.columns[column]?.fallback {
                    case .constant: return true
                    case .generated, .volatile: return false
                    case .some(Column.Default.none), nil: return key.nullsNotDistinct
                    }
                }
        }
    }

    private func missingColumn(_ insertion: Insertion) -> Verdict? {
        guard context.isRerun, let table = context.catalogue.tables[insertion.table.key] else { return nil }
        for column in insertion.columns where table.columns[column] == nil {
            guard let removal = context.catalogue.removals[insertion.table.key + "." + column],
                !guards.proves(column, of: insertion.table)
            else { continue }
            let guarded = SQLText.guarded(SQLText.column(column, of: insertion.table), fragment.text)
            var verdict = Verdict.problem(
                .laterChange,
                "\(removal.file) takes \(insertion.table.name).\(column) away: when the ladder runs again, this seed fails",
                at: fragment.position, context.dialect == .postgres ? [.here(guarded)] : [],
                advice: context.dialect == .postgres
                    ? "" : "Let \(removal.file) keep the column, or leave it out of the seed.")
            verdict.removal = removal
            return verdict
        }
        return nil
    }

    private func largeSource(_ insertion: Insertion) -> String? {
        guard let source = insertion.source, context.dialect == .postgres, !context.isDown else { return nil }
        return source.tokens.indices.lazy.compactMap { index -> String? in
            guard source.tokens[index].isWord("from") || source.tokens[index].isWord("join") else { return nil }
            var reader = TokenReader(source.slice(source.tokens[(index + 1)...]))
            _ = reader.accept("only")
            guard let name = reader.name(), context.isLarge(name), name != insertion.table else { return nil }
            return name.name
        }.first
    }

    // MARK: - The corrected form

    private func problem(_ rule: Rule, _ message: String, _ insertion: Insertion) -> Verdict {
        let rewriter = InsertionRewriter(insertion)
        let canConflict = context.catalogue.tables[insertion.table.key] == nil || hasProtection(insertion)
        return .problem(
            rule, message, at: fragment.position,
            [.here(canConflict ? rewriter.ignoringConflicts : rewriter.askingFirst)])
    }
}

extension Insertion {
    /// Rows of VALUES, or the one select list.
    var rows: [[Fragment]] {
        var reader = TokenReader(fragment)
        while let token = reader.peek, !token.isWord("values"), !token.isWord("select") { _ = reader.next() }
        if reader.accept("values") {
            var rows: [[Fragment]] = []
            while let row = reader.group() {
                rows.append(row.split { $0.isSymbol(",") })
                guard reader.acceptSymbol(",") else { break }
            }
            return rows
        }
        guard reader.accept("select") else { return [] }
        let rest = reader.rest
        let end =
            rest.topLevelIndex(of: "from") ?? rest.topLevelIndex(of: "where")
            ?? rest.topLevelIndex(of: "on", "conflict")
        return [rest.slice(rest.tokens[..<(end ?? rest.tokens.endIndex)]).split { $0.isSymbol(",") }]
    }

    /// Columns whose value is another in each run.
    var changingColumns: Set<String> {
        var changing: Set<String> = []
        for row in rows {
            for (column, value) in zip(columns, row) where Expressions.changesBetweenRuns(value) {
                changing.insert(column)
            }
        }
        return changing
    }
}

/// The forms of an INSERT that survive a second run.
struct InsertionRewriter {
    let insertion: Insertion

    init(_ insertion: Insertion) { self.insertion = insertion }

    private var fragment: Fragment { insertion.fragment }

    /// `INSERT INTO … ON CONFLICT DO NOTHING`.
    var ignoringConflicts: String {
        var head = fragment.text
        if let range = insertion.conflictRange {
            head = fragment.text(replacing: range, with: "ON CONFLICT DO NOTHING")
        } else {
            let end =
                fragment.topLevelIndex(of: "returning").map { fragment.tokens[$0].position.offset }
                ?? fragment.range.upperBound
            // SQLite takes ON after a FROM for a join.
            let needsWhere =
                fragment.dialect == .sqlite && insertion.source != nil
                && insertion.source?.topLevelIndex(of: "where") == nil
            let text = fragment.source.text(fragment.range.lowerBound..<end).trimmed
            head = text + (needsWhere ? " WHERE TRUE" : "") + "\nON CONFLICT DO NOTHING"
        }
        if insertion.alternative != nil, let into = fragment.tokens.first(where: { $0.isWord("into") }) {
            let cut = into.position.offset - fragment.range.lowerBound
            head = "INSERT " + String(decoding: Array(head.utf8).dropFirst(cut), as: UTF8.self)
        }
        return head + ";"
    }

    /// `INSERT INTO … SELECT … WHERE NOT EXISTS (…)`, one for each row.
    var askingFirst: String {
        let table = insertion.table.text
        guard insertion.source == nil, !insertion.columns.isEmpty, !insertion.rows.isEmpty else {
            let base = insertion.conflictRange.map { fragment.text(replacing: $0, with: "") } ?? fragment.text
            let joint = insertion.source?.topLevelIndex(of: "where") == nil ? " WHERE" : " AND"
            return base.trimmed + joint + " NOT EXISTS (SELECT 1 FROM \(table));"
        }
        let columns = insertion.columns.map(SQLText.identifier)
        return insertion.rows.map { row in
            let values = row.map(\.text)
            let steady = zip(columns, row).filter { !Expressions.changesBetweenRuns($0.1) }
            let condition = steady.map { $1.starts(with: "null") ? "\($0) IS NULL" : "\($0) = \($1.text)" }.joined(
                separator: " AND ")
            return """
                INSERT INTO \(table) (\(columns.joined(separator: ", ")))
                SELECT \(values.joined(separator: ", "))
                WHERE NOT EXISTS (SELECT 1 FROM \(table) WHERE \(condition.isEmpty ? "TRUE" : condition));
                """
        }.joined(separator: "\n")
    }
}
