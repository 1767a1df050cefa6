/// Judges `ALTER TABLE`, each action on its own.
struct AlterTableJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        guard let alter = AlterTable(fragment), !alter.actions.isEmpty else {
            return .problem(.unknown, "the lint cannot read this ALTER TABLE", at: fragment.position, [.here("")])
        }
        if let problem = usesDropped(alter) { return problem }
        if context.dialect == .sqlite { return SQLiteAlterJudge(context, fragment, alter).judge() }
        // DROP and ADD of one constraint belong together when they stand in one statement.
        var dropped: Set<String> = []
        var verdict = Verdict()
        for action in alter.actions {
            let one = judge(action, of: alter, droppedBefore: dropped)
            if case .dropConstraint(let name, true) = action.kind { dropped.insert(name) }
            verdict.append(one)
        }
        return verdict
    }

    private func judge(_ action: AlterTable.Action, of alter: AlterTable, droppedBefore: Set<String>) -> Verdict {
        let position = action.fragment.position
        let alone = "\(alter.head) \(action.fragment.text);"
        switch action.kind {
        case .addColumn(let column, let isGuarded):
            return ColumnAdditionJudge(context, alter, column, guards, position).judge(isGuarded: isGuarded)
        case .addConstraint(let constraint):
            return ConstraintJudge(context, alter, constraint, guards, position).judge(droppedBefore: droppedBefore)
        case .dropColumn(let name, let isGuarded):
            return drop("COLUMN", name, isGuarded || isProtected(column: name, of: alter.table), alter, action)
        case .dropConstraint(let name, let isGuarded):
            let protection = CatalogueGuard.constraint.protection(
                of: name, on: alter.table, by: guards.tests, expectsAbsence: nil)
            return drop("CONSTRAINT", name, isGuarded || protection == .complete, alter, action)
        case .dropIdentity(let name, let isGuarded):
            guard !isGuarded, !isProtected(column: name, of: alter.table) else { return .clean(alone) }
            let text = action.fragment.text + " IF EXISTS"
            return .problem(
                .dropUnguarded, "a second run fails: nothing is left to drop", at: position,
                [.here("\(alter.head) \(text);")])
        case .validate(let name): return validate(name, alter, alone, position)
        case .renameColumn, .renameTable, .renameConstraint: return rename(action, alter)
        case .columnType, .setNotNull, .dropNotNull, .addIdentity:
            return ColumnChangeJudge(context, alter, action, guards).judge()
        case .setDefault, .repeatable: return .clean(alone)
        case .rewrite:
            guard context.isLarge(alter.table) else { return .clean(alone) }
            return .problem(
                .lockRewrite, "this writes the large table \(alter.table.name) anew, and nobody can use it meanwhile",
                at: position, [.here("")], advice: "Make a new table beside it and move the rows in a background task.")
        case .once: return once(action, alter)
        }
    }

    private func isProtected(column: String, of table: ObjectName) -> Bool {
        CatalogueGuard.column.protection(of: column, on: table, by: guards.tests, expectsAbsence: nil) == .complete
    }

    private func drop(
        _ kind: String, _ name: String, _ isGuarded: Bool, _ alter: AlterTable, _ action: AlterTable.Action
    ) -> Verdict {
        guard !isGuarded else { return .clean("\(alter.head) \(action.fragment.text);") }
        var reader = TokenReader(action.fragment)
        _ = reader.accept("drop")
        _ = reader.accept("constraint") || reader.accept("column")
        let text = "\(alter.head) DROP \(kind) IF EXISTS \(reader.rest.text);"
        return .problem(
            .dropUnguarded, "a second run fails: the \(kind.lowercased()) is gone", at: action.fragment.position,
            [.here(text)])
    }

    private func validate(_ name: String, _ alter: AlterTable, _ alone: String, _ position: Position) -> Verdict {
        guard context.isLarge(alter.table), context.isTransactional, context.locked.contains(alter.table.key) else {
            return .clean(alone)
        }
        return .problem(
            .lockValidate,
            "this file has locked \(alter.table.name) above and keeps the lock while VALIDATE reads every row",
            at: position,
            [.later(alone)], advice: "Validate \(name) in the next file.")
    }

    private func once(_ action: AlterTable.Action, _ alter: AlterTable) -> Verdict {
        let alone = "\(alter.head) \(action.fragment.text)"
        if !guards.tests.isEmpty, !guards.hasOpaque { return .clean(alone + ";") }
        let words = action.fragment.tokens.prefix(2).map { $0.value.uppercased() }.joined(separator: " ")
        return .problem(
            .alterUnguarded, "a second run fails: \(words) has no form that may be repeated",
            at: action.fragment.position,
            [.here(SQLText.guarded("to_regclass(\(SQLText.literal(alter.table.text))) IS NOT NULL", alone))],
            advice: "Replace the test by one that is false after the first run.")
    }

    // MARK: - Renaming

    private func rename(_ action: AlterTable.Action, _ alter: AlterTable) -> Verdict {
        let alone = "\(alter.head) \(action.fragment.text)"
        let what: String
        let condition: String
        let protection: Protection
        switch action.kind {
        case .renameColumn(let old, let new):
            what = "column"
            condition =
                SQLText.column(old, of: alter.table) + " AND "
                + SQLText.column(new.name, of: alter.table, exists: false)
            protection = best(
                CatalogueGuard.column.protection(of: new.name, on: alter.table, by: guards.tests),
                CatalogueGuard.column.protection(of: old, on: alter.table, by: guards.tests, expectsAbsence: false))
        case .renameTable(let new):
            what = "table"
            condition =
                "to_regclass(\(SQLText.literal(alter.table.text))) IS NOT NULL AND to_regclass(\(SQLText.literal(new.text))) IS NULL"
            protection = best(
                CatalogueGuard.relation.protection(of: new.key, on: nil, by: guards.tests),
                CatalogueGuard.relation.protection(
                    of: alter.table.key, on: nil, by: guards.tests, expectsAbsence: false))
        case .renameConstraint(let old, let new):
            what = "constraint"
            let presence = SQLText.constraintIsAbsent(old, on: alter.table).dropFirst("NOT ".count)
            condition = presence + " AND " + SQLText.constraintIsAbsent(new, on: alter.table)
            protection = best(
                CatalogueGuard.constraint.protection(of: new, on: alter.table, by: guards.tests),
                CatalogueGuard.constraint.protection(of: old, on: alter.table, by: guards.tests, expectsAbsence: false))
        default: return .clean(alone + ";")
        }
        let corrected = [Correction.Piece.here(SQLText.guarded(condition, alone))]
        switch protection {
        case .complete: return .clean(alone + ";")
        case .byName(let why): return .problem(.guardByName, why, at: action.fragment.position, corrected)
        case .mismatch(let why): return .problem(.guardMismatch, why, at: action.fragment.position, corrected)
        case .none:
            return .problem(
                .rename, "a second run fails: the \(what) has its new name", at: action.fragment.position, corrected)
        }
    }

    private func best(_ first: Protection, _ second: Protection) -> Protection {
        first == .complete || second == .none ? first : second
    }

    // MARK: - Tables that go

    private func usesDropped(_ alter: AlterTable) -> Verdict? {
        guard !alter.hasIfExists, context.droppedLater.contains(alter.table.key),
            !context.created.contains(alter.table.key), !context.scratch.values.contains(alter.table.key)
        else { return nil }
        let text =
            context.dialect == .postgres ? fragment.text(inserting: "IF EXISTS ", at: alter.nameOffset) + ";" : ""
        return .problem(
            .usesDropped, "this file drops \(alter.table.name) below: in a second run there is no such table",
            at: fragment.position, [.here(text)])
    }
}

/// Judges `ALTER TABLE` of SQLite, which has one action and no `IF EXISTS`.
struct SQLiteAlterJudge {
    let context: FileContext
    let fragment: Fragment
    let alter: AlterTable

    init(_ context: FileContext, _ fragment: Fragment, _ alter: AlterTable) {
        self.context = context
        self.fragment = fragment
        self.alter = alter
    }

    private static let recipe = "Rebuild the table as docs/development/migrations.md shows, or leave it as it is."

    func judge() -> Verdict {
        guard let action = alter.actions.first else { return .clean(fragment) }
        switch action.kind {
        case .addColumn(let column, _): return addition(column)
        case .renameColumn(_, let new):
            let name = new.text.filter { !"\"`[]".contains($0) }
            return directive(for: name, else: .rename, "a second run fails: the column has its new name")
        case .renameTable:
            return .problem(
                .rename, "a second run fails: the table has its new name", at: fragment.position, [.here("")],
                advice: Self.recipe)
        case .dropColumn:
            return .problem(
                .dropUnguarded, "a second run fails, and SQLite has no DROP COLUMN IF EXISTS", at: fragment.position,
                [.here("")],
                advice: "Leave it unused, and leave it out when the table is next rebuilt for a new column: a rebuild "
                    + "needs one to know whether it has happened (docs/development/migrations.md).")
        case .addConstraint:
            return .problem(
                .addConstraint, "SQLite cannot add a constraint to a table", at: fragment.position, [.here("")],
                advice: Self.recipe)
        default:
            return .problem(
                .alterUnguarded, "SQLite has no such ALTER TABLE", at: fragment.position, [.here("")],
                advice: Self.recipe)
        }
    }

    private func addition(_ column: Column) -> Verdict {
        var verdict = directive(for: column.writtenName, else: .addColumn, "a second run fails: the column exists")
        if column.isNotNull, column.fallback == .none, !column.isComputed, !context.created.contains(alter.table.key) {
            verdict.add(
                .requiredColumn, "SQLite refuses a NOT NULL column without a default", at: column.fragment.position)
            verdict.pieces = [.here(marked(column.writtenName, "\(alter.head) ADD COLUMN \(column.withoutNotNull);"))]
        }
        return verdict
    }

    private func directive(for column: String, else rule: Rule, _ message: String) -> Verdict {
        let corrected = [Correction.Piece.here(marked(column, fragment.text + ";"))]
        guard let given = context.unlessColumn else {
            return .problem(rule, message + "; the runner needs to be told", at: fragment.position, corrected)
        }
        guard given.table == alter.table.name, given.column == column else {
            return .problem(
                .unlessColumn,
                "the directive is about \(given.table).\(given.column), and the statement makes "
                    + "\(alter.table.name).\(column)", at: fragment.position, corrected)
        }
        return Verdict(pieces: corrected)
    }

    private func marked(_ column: String, _ statement: String) -> String {
        "-- certctl:unless-column \(alter.table.name).\(column)\n\(statement)"
    }
}

extension Column {
    /// The column as it may be added to a table with rows.
    var withoutNotNull: String {
        guard let at = fragment.topLevelIndex(of: "not", "null") else { return fragment.text }
        let start = fragment.tokens[at - 1].end
        return fragment.text(replacing: start..<fragment.tokens[at + 1].end, with: "")
    }
}
