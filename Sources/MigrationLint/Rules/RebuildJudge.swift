/// Judges the steps by which SQLite gets a table of another shape.
///
/// `CREATE TABLE new`, `INSERT INTO new SELECT … FROM old`, `DROP TABLE old`, `ALTER TABLE new RENAME TO old`, and then
/// the indexes and triggers that went with the old table. In an up file every step stands behind
/// `-- certctl:unless-column old.column`, so that a second run does not bring the old shape back.
struct RebuildJudge {
    private enum Step {
        case create
        case copy(Insertion)
        case drop
        case rename
    }

    private let context: FileContext
    private let fragment: Fragment
    private let step: Step
    /// The table under construction, and the one that it replaces.
    private let scratch: String
    private let table: String

    /// Nil when the statement is no such step.
    init?(_ context: FileContext, _ fragment: Fragment) {
        guard context.dialect == .sqlite, !context.scratch.isEmpty else { return nil }
        self.context = context
        self.fragment = fragment
        let subject: String
        if let creation = Creation(fragment), creation.kind == "table", let name = creation.name {
            (step, subject) = (.create, name.key)
        } else if let insertion = Insertion(fragment) {
            (step, subject) = (.copy(insertion), insertion.table.key)
        } else if let alter = AlterTable(fragment), case .renameTable = alter.actions.first?.kind {
            (step, subject) = (.rename, alter.table.key)
        } else if let drop = Drop(fragment), drop.kind == "table", drop.hasIfExists, drop.names.count == 1,
            let entry = context.scratch.first(where: { $0.value == drop.names[0].key })
        {
            (step, subject) = (.drop, entry.key)
        } else {
            return nil
        }
        guard let table = context.scratch[subject] else { return nil }
        scratch = subject
        self.table = table
    }

    func judge() -> Verdict {
        if case .create = step {
            let repeated = CreationJudge(context, fragment, .none).judge()
            guard repeated.isClean else { return repeated }
        }
        if let problem = misdirected ?? unguarded { return problem }
        switch step {
        case .copy(let insertion): return reading(insertion) ?? .clean(marked(fragment.text))
        case .rename: return incomplete ?? .clean(marked(fragment.text))
        case .create, .drop: return .clean(marked(fragment.text))
        }
    }

    private var shape: Set<String> {
        var shape = Set(context.catalogue.tables[scratch]?.columns.keys.map { $0 } ?? [])
        if case .create = step, let creation = Creation(fragment) { shape = Set(creation.elements.columns.map(\.name)) }
        return shape
    }

    private var before: Set<String> {
        Set((context.replaced[table] ?? context.catalogue.tables[table])?.columns.keys.map { $0 } ?? [])
    }

    // MARK: - The directive

    private var misdirected: Verdict? {
        guard let given = context.unlessColumn else { return nil }
        if given.table == table, shape.contains(given.column.lowercased()) {
            guard before.contains(given.column.lowercased()), !context.isRerun else { return nil }
            return problem(
                .unlessColumn, "\(table).\(given.column) exists before this file, so the table is never rebuilt",
                marked(fragment.text))
        }
        return problem(
            .unlessColumn, "the directive is about \(given.table).\(given.column), and this rebuilds \(table)",
            marked(fragment.text))
    }

    private var unguarded: Verdict? {
        guard context.unlessColumn == nil, !context.isDown else { return nil }
        return problem(
            .rebuildUnguarded,
            "a second run brings this shape of \(table) back, and the columns that later files add are lost",
            marked(fragment.text))
    }

    /// A column that the table gets by being rebuilt.
    private var marker: String? {
        let new = context.catalogue.tables[scratch]?.columns.values.filter { !before.contains($0.name) } ?? []
        if case .create = step, let creation = Creation(fragment) {
            return creation.elements.columns.first { !before.contains($0.name) }?.writtenName
        }
        return new.map(\.writtenName).min()
    }

    private func marked(_ statement: String) -> String {
        guard !context.isDown, let marker else { return statement + ";" }
        return "-- certctl:unless-column \(table).\(marker)\n\(statement);"
    }

    private func problem(_ rule: Rule, _ message: String, _ corrected: String) -> Verdict {
        guard marker != nil || context.isDown else {
            return .problem(
                rule, message, at: fragment.position, [],
                advice:
                    "Give the new table a column that the old one lacks, and name it in '-- certctl:unless-column \(table).column' "
                    + "before each step.")
        }
        return .problem(rule, message, at: fragment.position, [.here(corrected)])
    }

    // MARK: - What gets lost

    /// Without the directive, the second run reads a table that has the new shape already.
    private func reading(_ insertion: Insertion) -> Verdict? {
        guard context.unlessColumn == nil, let source = insertion.source else { return nil }
        // A name that the query itself gives out hides the column.
        let aliases = zip(source.tokens, source.tokens.dropFirst()).filter { $0.0.isWord("as") }.map(\.1.value)
        let gone = before.subtracting(shape).subtracting(aliases)
        guard let token = source.tokens.first(where: { $0.isName && gone.contains($0.value) }) else { return nil }
        var verdict = Verdict.problem(
            .rebuildReads, "a second run fails: the rebuilt \(table) has no \(token.value)", at: token.position, [],
            advice: "Read it through a subquery in which a constant of that name stands behind the column.")
        if let text = hidden(source, column: token.value, in: insertion) { verdict.pieces = [.here(text)] }
        return verdict
    }

    /// `WHERE condition` as a test that takes the column where it exists and its default where it does not: names in a
    /// subquery are looked up inside first, and outside then.
    private func hidden(_ source: Fragment, column: String, in insertion: Insertion) -> String? {
        guard let at = source.topLevelIndex(of: "where"), let from = source.topLevelIndex(of: "from"), from + 2 == at,
            !source.slice(source.tokens[..<from]).tokens.contains(where: { $0.value == column })
        else { return nil }
        let fallback = context.catalogue.tables[table]?.columns[column]?.defaultText ?? "NULL"
        let head = fragment.source.text(fragment.range.lowerBound..<source.tokens[from].position.offset)
        let condition = source.slice(source.tokens[(at + 1)...]).text
        let tail = insertion.conflictRange.map { "\n" + fragment.source.text($0) } ?? ""
        return """
            \(head)FROM (SELECT \(fallback) AS \(column)) JOIN \(table) AS kept
            WHERE EXISTS (SELECT 1 FROM \(table) AS old WHERE old.rowid = kept.rowid AND (\(condition)))\(tail);
            """
    }

    private var incomplete: Verdict? {
        guard !context.isDown else { return nil }
        let lost = (context.lost[table] ?? [:]).filter { name, object in
            !context.createdLaterByName.contains(name) && object.columns.isSubset(of: shape)
        }
        guard !lost.isEmpty else { return nil }
        let names = lost.keys.sorted()
        let again = names.compactMap { lost[$0]?.text }.joined(separator: "\n")
        return problem(
            .rebuildIncomplete,
            "the old \(table) takes \(names.joined(separator: ", ")) with it, and nothing makes them again",
            marked(fragment.text) + "\n" + again)
    }
}
