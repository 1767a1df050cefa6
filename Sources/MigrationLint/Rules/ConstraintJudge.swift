/// Judges `ADD CONSTRAINT` on PostgreSQL.
struct ConstraintJudge {
    let context: FileContext
    let alter: AlterTable
    let constraint: Constraint
    let guards: Guards
    let position: Position

    init(
        _ context: FileContext, _ alter: AlterTable, _ constraint: Constraint, _ guards: Guards, _ position: Position
    ) {
        self.context = context
        self.alter = alter
        self.constraint = constraint
        self.guards = guards
        self.position = position
    }

    private var table: ObjectName { alter.table }
    private var isKey: Bool { constraint.kind == .primaryKey || constraint.kind == .unique }
    private var name: String { constraint.name?.name ?? constraint.defaultName(table: table) }
    private var writtenName: String { constraint.name?.text ?? SQLText.identifier(SQLText.shortened(name)) }

    func judge(droppedBefore: Set<String>) -> Verdict {
        var verdict = Verdict(pieces: [.here(guarded(writtenName, constraint.body.text))])
        if constraint.name == nil {
            verdict.add(
                .unnamedConstraint,
                "a constraint without a name can be neither looked up nor dropped, and each run adds another",
                at: position)
        } else if name.utf8.count > 63 {
            verdict.add(
                .nameTooLong, "PostgreSQL cuts names at 63 octets: the guard then looks for a name that does not exist",
                at: position)
            verdict.pieces = [.here(guarded(SQLText.identifier(SQLText.shortened(name)), constraint.body.text))]
        } else {
            repetition(droppedBefore, &verdict)
        }
        if constraint.index != nil { adoption(&verdict) }
        lock(&verdict)
        return verdict
    }

    /// The file that builds the index drops a leftover first, and a constraint does not let its index go.
    private func adoption(_ verdict: inout Verdict) {
        verdict.add(
            .keyChange,
            "USING INDEX gives the index to the constraint: the file that builds it cannot run again, because it drops it first",
            at: position)
        verdict.pieces = [.here("")]
        verdict.advice = ["Leave the unique index as it is: it holds the same rule."]
    }

    // MARK: - A second run

    private func repetition(_ droppedBefore: Set<String>, _ verdict: inout Verdict) {
        let wasDropped =
            droppedBefore.contains(name) || context.dropped.contains("constraint \(name) on \(table.key)")
        if wasDropped, isKey, !context.isDown { return changeOfKey(&verdict) }
        let protection = CatalogueGuard.constraint.protection(of: name, on: table, by: guards.tests)
        switch protection {
        case .complete: if !wasDropped { shadow(&verdict) }
        case .byName(let why): verdict.add(.guardByName, why, at: position)
        case .mismatch(let why): verdict.add(.guardMismatch, why, at: position)
        case .none where wasDropped:
            let drop = "ALTER TABLE \(table.text) DROP CONSTRAINT IF EXISTS \(writtenName);"
            let add = "ALTER TABLE \(table.text) ADD CONSTRAINT \(writtenName) \(constraint.body.text);"
            verdict.pieces = [.here(drop + "\n" + add)]
        case .none:
            if let handler = guards.handler { return exception(handler, &verdict) }
            let why = guards.hasOpaque ? "; the condition around it does not ask the catalogue for it" : ""
            verdict.add(
                .addConstraint,
                "a second run fails with \"constraint '\(name)' for relation '\(table.name)' already exists\"\(why)",
                at: position)
        }
    }

    private func exception(_ handler: Guards.Handler, _ verdict: inout Verdict) {
        switch constraint.kind {
        case .check, .foreignKey, .notNull:
            guard !handler.protects(against: "duplicate_object") else { return }
            verdict.add(.exceptionSwallows, handler.fault(expected: "duplicate_object"), at: position)
        case .unique, .exclude:
            verdict.add(
                .exceptionSwallows,
                "\(constraint.kind.rawValue) makes an index, so it raises duplicate_table, also for an index of that name on "
                    + "another table: then the key is missing and nobody is told", at: position)
        case .primaryKey:
            verdict.add(
                .exceptionSwallows,
                "a second PRIMARY KEY raises invalid_table_definition, as other mistakes do: the handler cannot tell them apart",
                at: position)
        }
    }

    /// Dropping and adding a key under one name works until something refers to it; then every run fails.
    private func changeOfKey(_ verdict: inout Verdict) {
        let new = SQLText.identifier(
            SQLText.shortened(
                ([table.name] + constraint.columns + [constraint.kind == .primaryKey ? "pkey" : "key"]).joined(
                    separator: "_")))
        let renamed = new == writtenName ? SQLText.identifier(SQLText.shortened(name + "_2")) : new
        verdict.add(
            .keyChange,
            "every run drops \(name) and builds it again, and fails as soon as a foreign key refers to it; a guard by this "
                + "name would find the old key", at: position)
        verdict.pieces = [
            .here(
                SQLText.guarded(
                    SQLText.constraintIsAbsent(renamed, on: table),
                    """
                    ALTER TABLE \(table.text) DROP CONSTRAINT IF EXISTS \(writtenName);
                            ALTER TABLE \(table.text) ADD CONSTRAINT \(renamed) \(constraint.body.text)
                    """))
        ]
        verdict.advice = ["It also stands for the DROP CONSTRAINT above: remove that one."]
    }

    private func shadow(_ verdict: inout Verdict) {
        guard !context.isRerun, !context.isDown, let old = context.catalogue.tables[table.key]?.constraints[name],
            old.text != Catalogue.text(constraint.body)
        else { return }
        let changed = SQLText.identifier(SQLText.shortened(name + "_2"))
        verdict.add(
            .createShadowed, "\(name) exists already with another definition: the guard finds it, and nothing changes",
            at: position)
        let drop = "ALTER TABLE \(table.text) DROP CONSTRAINT IF EXISTS \(writtenName)"
        verdict.pieces = [
            .here(
                SQLText.guarded(
                    SQLText.constraintIsAbsent(changed, on: table),
                    "\(drop);\n        ALTER TABLE \(table.text) ADD CONSTRAINT \(changed) \(constraint.body.text)"))
        ]
    }

    private func guarded(_ written: String, _ body: String) -> String {
        let stored = written.hasPrefix("\"") ? written.filter { $0 != "\"" } : written.lowercased()
        return SQLText.guarded(
            SQLText.constraintIsAbsent(stored, on: table), "ALTER TABLE \(table.text) ADD CONSTRAINT \(written) \(body)"
        )
    }

    // MARK: - Locks

    private func lock(_ verdict: inout Verdict) {
        guard context.isLarge(table), !constraint.isNotValid, constraint.index == nil else { return }
        switch constraint.kind {
        case .check, .foreignKey, .notNull:
            verdict.add(
                .lockConstraint, "the test of every row of \(table.name) keeps writers out for as long as it takes",
                at: position)
            verdict.pieces = [
                .here(guarded(writtenName, constraint.body.text + " NOT VALID")),
                .later("ALTER TABLE \(table.text) VALIDATE CONSTRAINT \(writtenName);"),
            ]
        case .unique, .primaryKey:
            let columns = constraint.columns.map(SQLText.identifier).joined(separator: ", ")
            let nulls = constraint.nullsNotDistinct ? " NULLS NOT DISTINCT" : ""
            verdict.add(
                .lockConstraint, "the index of the key is built while nobody can write to \(table.name)", at: position)
            verdict.pieces = [
                .nontransactional(
                    "DROP INDEX CONCURRENTLY IF EXISTS \(writtenName);\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "
                        + "\(writtenName) ON \(table.text) (\(columns))\(nulls);")
            ]
            verdict.advice = ["A unique index holds the same rule, and foreign keys and ON CONFLICT take it for a key."]
        case .exclude:
            verdict.add(
                .lockConstraint, "EXCLUDE builds its index while nobody can use \(table.name), and has no other way",
                at: position)
            verdict.advice = ["Check the rule in the application, or on a new table."]
            verdict.pieces = [.here("")]
        }
    }
}
