/// Judges `CREATE …`.
struct CreationJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        guard let creation = Creation(fragment) else {
            return .problem(.unknown, "the lint cannot read this CREATE", at: fragment.position, [.here("")])
        }
        if ["database", "tablespace", "subscription"].contains(creation.kind) {
            return .problem(
                .refused, "CREATE \(creation.kind.uppercased()) is work for the operator, not for a schema ladder",
                at: fragment.position, [.here("")], advice: "Remove the statement.")
        }
        if let problem = tooLong(creation) { return problem }
        if creation.kind == "index", let problem = lock(creation) { return problem }
        if fragment.contains(word: "atomic"), creation.kind == "function" || creation.kind == "procedure" {
            if let problem = atomicBody(creation) { return problem }
        }
        if let problem = RoutineJudge(context: context, fragment: fragment).judge(creation) { return problem }
        if let problem = shadowed(creation) ?? missingColumn(creation) { return problem }
        return repetition(creation)
    }

    // MARK: - A second run

    private func repetition(_ creation: Creation) -> Verdict {
        if creation.hasIfNotExists || creation.hasOrReplace || wasDropped(creation) { return .clean(fragment) }
        let name = creation.name?.key ?? ""
        switch CatalogueGuard.creation(of: creation.kind).protection(
            of: name, on: creation.relation, by: guards.tests)
        {
        case .complete: return .clean(fragment)
        case .byName(let why): return problem(.guardByName, why, creation)
        case .mismatch(let why): return problem(.guardMismatch, why, creation)
        case .none: break
        }
        if let handler = guards.handler {
            let expected = DuplicateErrors.condition(for: creation.kind)
            if handler.protects(against: expected) { return .clean(fragment) }
            return problem(.exceptionSwallows, handler.fault(expected: expected), creation)
        }
        let shape = creation.kind.uppercased()
        switch creation.kind {
        case "trigger":
            return problem(.createTrigger, "a second run fails: the trigger exists; drop it first", creation)
        case "type", "domain":
            return problem(
                .createType,
                "a second run fails: CREATE \(shape) has no IF NOT EXISTS, and a type in use cannot be dropped",
                creation)
        default: return problem(.createUnguarded, "a second run fails: the \(creation.kind) exists", creation)
        }
    }

    private func wasDropped(_ creation: Creation) -> Bool {
        guard let name = creation.name else { return false }
        // What holds rows is not to be dropped and made anew, unless it is made in this file.
        if LostRows.kinds.contains(creation.kind), !context.isDown, !creation.isTemporary,
            context.scratch[name.key] == nil
        {
            return false
        }
        let relation = context.dialect == .postgres ? creation.relation : nil
        return context.dropped.contains(DroppedKey.make(creation.kind, name, on: relation))
    }

    private func problem(_ rule: Rule, _ message: String, _ creation: Creation) -> Verdict {
        .problem(rule, message, at: fragment.position, [.here(corrected(creation))])
    }

    private func corrected(_ creation: Creation) -> String {
        let sqlite: Set<String> = ["table", "index", "view", "trigger"]
        let postgres: Set<String> = [
            "table", "index", "schema", "extension", "sequence", "materialized view", "foreign table", "server",
            "collation", "statistics", "user mapping",
        ]
        let replaceable: Set<String> = ["view", "function", "procedure", "aggregate", "rule", "language", "transform"]
        if context.dialect == .sqlite
            ? sqlite.contains(creation.kind) && creation.kind != "trigger" : postgres.contains(creation.kind)
        {
            let name = creation.name == nil ? (creation.madeUpName.map { $0 + " " } ?? "") : ""
            return fragment.text(inserting: "IF NOT EXISTS \(name)", at: creation.nameOffset) + ";"
        }
        if context.dialect == .postgres, replaceable.contains(creation.kind), let create = fragment.first {
            return fragment.text(inserting: " OR REPLACE", at: create.end) + ";"
        }
        let name = creation.name?.text ?? ""
        if ["trigger", "policy", "publication", "event trigger"].contains(creation.kind) {
            let on = context.dialect == .postgres ? creation.relation.map { " ON \($0.text)" } ?? "" : ""
            return "DROP \(creation.kind.uppercased()) IF EXISTS \(name)\(on);\n\(fragment.text);"
        }
        return SQLText.guarded(absence(of: creation), fragment.text)
    }

    private func absence(of creation: Creation) -> String {
        let name = SQLText.literal(creation.name?.name ?? "")
        return switch creation.kind {
        case "type", "domain":
            "NOT EXISTS (\n        SELECT 1 FROM pg_type\n        WHERE typname = \(name) AND typnamespace = "
                + "current_schema()::regnamespace\n    )"
        case "role", "user", "group": "NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = \(name))"
        default: "to_regclass(\(SQLText.literal(creation.name?.text ?? ""))) IS NULL"
        }
    }

    // MARK: - What an earlier or a later file has

    private func shadowed(_ creation: Creation) -> Verdict? {
        guard let name = creation.name, !context.isRerun || creation.kind == "view", !context.isDown,
            !wasDropped(creation)
        else { return nil }
        switch creation.kind {
        case "table" where creation.hasIfNotExists:
            guard let table = context.catalogue.tables[name.key], table.text != Catalogue.text(fragment) else {
                return nil
            }
            return .problem(
                .createShadowed, "\(name.text) exists already with another definition, so this statement does nothing",
                at: fragment.position, [.here(additions(creation, to: table, name))])
        case "index" where creation.hasIfNotExists:
            guard let index = context.catalogue.indexes[name.key], index.text != Catalogue.text(fragment) else {
                return nil
            }
            return .problem(
                .createShadowed, "\(name.text) exists already with another definition, so this statement does nothing",
                at: fragment.position, [.here("DROP INDEX IF EXISTS \(name.text);\n\(fragment.text);")])
        case "view":
            guard let view = context.catalogue.views[name.key], view != Catalogue.text(fragment) else { return nil }
            if creation.hasIfNotExists {
                guard !context.isRerun else { return nil }
                return .problem(
                    .createShadowed,
                    "\(name.text) exists already with another definition, so this statement does nothing",
                    at: fragment.position, [.here("DROP VIEW IF EXISTS \(name.text);\n\(fragment.text);")])
            }
            guard creation.hasOrReplace else { return nil }
            return .problem(
                .viewChanged,
                "another file defines \(name.text) too: CREATE OR REPLACE VIEW cannot take columns away, so it fails when "
                    + "the ladder runs again", at: fragment.position,
                [.here("DROP VIEW IF EXISTS \(name.text);\n\(fragment.text);")])
        default: return nil
        }
    }

    private func additions(_ creation: Creation, to table: Catalogue.Table, _ name: ObjectName) -> String {
        let elements = creation.elements
        let columns = elements.columns.filter { table.columns[$0.name] == nil }.map { column in
            context.dialect == .postgres
                ? "ALTER TABLE \(name.text) ADD COLUMN IF NOT EXISTS \(column.fragment.text);"
                : "-- certctl:unless-column \(name.name).\(column.writtenName)\n"
                    + "ALTER TABLE \(name.text) ADD COLUMN \(column.fragment.text);"
        }
        guard context.dialect == .postgres else { return columns.joined(separator: "\n") }
        let constraints = elements.constraints.compactMap { constraint -> String? in
            let title = constraint.name?.name ?? constraint.defaultName(table: name)
            guard table.constraints[title] == nil else { return nil }
            return SQLText.addConstraint(constraint.name?.text ?? title, constraint.body.text, to: name)
        }
        return (columns + constraints).joined(separator: "\n")
    }

    private func missingColumn(_ creation: Creation) -> Verdict? {
        guard context.isRerun, creation.kind == "index", let relation = creation.relation,
            let table = context.catalogue.tables[relation.key],
            let name = creation.name, context.catalogue.indexes[name.key] == nil
        else { return nil }
        for case .some(let column) in creation.indexColumns where table.columns[column] == nil {
            guard let removal = context.catalogue.removals[relation.key + "." + column],
                !guards.proves(column, of: relation)
            else { continue }
            var verdict = Verdict.problem(
                .laterChange,
                "\(removal.file) takes \(relation.name).\(column) away: when the ladder runs again, this statement fails",
                at: fragment.position,
                context.dialect == .postgres
                    ? [.here(SQLText.guarded(SQLText.column(column, of: relation), fragment.text))] : [],
                advice: context.dialect == .postgres ? "" : "Let \(removal.file) keep the column.")
            verdict.removal = removal
            return verdict
        }
        return nil
    }

    // MARK: - Names, bodies, locks

    private func tooLong(_ creation: Creation) -> Verdict? {
        guard context.dialect == .postgres, let name = creation.name, name.name.utf8.count > 63 else { return nil }
        let start = creation.nameOffset
        let short = SQLText.identifier(SQLText.shortened(name.name))
        let text = fragment.text(replacing: start..<start + name.text.utf8.count, with: short)
        var verdict = Verdict.problem(
            .nameTooLong, "PostgreSQL cuts names at 63 octets: guards then look for a name that does not exist",
            at: fragment.position, [])
        var lexer = Lexer(Source(text), dialect: .postgres)
        lexer.scan()
        let again = Fragment(source: lexer.source, dialect: .postgres, tokens: lexer.tokens[...])
        verdict.pieces = CreationJudge(context, again, guards).judge().pieces
        return verdict
    }

    private func atomicBody(_ creation: Creation) -> Verdict? {
        guard let begin = fragment.topLevelIndex(of: "begin", "atomic"), fragment.tokens.last?.isWord("end") == true,
            begin + 2 < fragment.tokens.endIndex
        else { return nil }
        let head = fragment.source.text(fragment.range.lowerBound..<fragment.tokens[begin].position.offset)
        let body = fragment.slice(fragment.tokens[(begin + 2)..<fragment.tokens.endIndex].dropLast()).text
        let replaced = creation.hasOrReplace ? head : "CREATE OR REPLACE" + head.dropFirst("CREATE".count)
        return .problem(
            .syntax, "the runner cuts a BEGIN ATOMIC body at its first semicolon", at: fragment.position,
            [.here("\(replaced)AS $$ \(body) $$;")])
    }

    private func lock(_ creation: Creation) -> Verdict? {
        guard context.dialect == .postgres, let relation = creation.relation else { return nil }
        let name = creation.name?.text ?? creation.madeUpName ?? ""
        let tail =
            creation.name == nil
            ? fragment.source.text(creation.nameOffset..<fragment.range.upperBound)
            : creation.rest.text
        let kind = creation.isUnique ? "UNIQUE INDEX" : "INDEX"
        let online = """
            DROP INDEX CONCURRENTLY IF EXISTS \(name);
            CREATE \(kind) CONCURRENTLY IF NOT EXISTS \(name) \(tail);
            """
        let place: Correction.Place = context.isTransactional ? .nontransactional : .here
        let pieces = [Correction.Piece(place: place, sql: online)]
        if creation.isConcurrent {
            var verdict = Verdict(pieces: pieces)
            if context.isTransactional {
                verdict.add(
                    .notxNeeded, "CONCURRENTLY cannot run in a transaction, and \(context.name) runs in one",
                    at: fragment.position)
            }
            if !wasDropped(creation) {
                verdict.add(
                    .indexLeftover,
                    "a run that was cut short leaves an invalid index, which IF NOT EXISTS takes for the index",
                    at: fragment.position)
            }
            return verdict.isClean ? nil : verdict
        }
        guard context.isLarge(relation) else { return nil }
        return .problem(
            .lockCreateIndex, "writers of the large table \(relation.name) wait until the index is built",
            at: fragment.position, pieces)
    }
}

/// How a `DROP … IF EXISTS` is remembered.
enum DroppedKey {
    static func make(_ kind: String, _ name: ObjectName, on relation: ObjectName?) -> String {
        // SQLite's triggers are named in the schema; PostgreSQL's and policies on their table.
        let place = relation.map { " on " + $0.key } ?? ""
        return kind + " " + name.key + (["trigger", "policy", "rule", "constraint"].contains(kind) ? place : "")
    }
}

/// What loses rows when it is dropped and made anew.
enum LostRows {
    static let kinds: Set<String> = ["table", "sequence", "schema", "foreign table"]
}

extension Guards {
    /// The statement runs only while the column is there.
    func proves(_ column: String, of table: ObjectName) -> Bool {
        CatalogueGuard.column.protection(of: column, on: table, by: tests, expectsAbsence: false) == .complete
    }
}

extension Guards.Handler {
    /// The block catches exactly what the statement raises in a second run, and undoes nothing else.
    func protects(against condition: String) -> Bool {
        statements == 1 && !raises && conditions == [condition]
    }

    func fault(expected: String) -> String {
        if raises { return "the handler raises the error again" }
        if conditions.contains("others") {
            return "WHEN OTHERS hides every error, and a migration that failed passes for done"
        }
        if statements > 1 {
            return "the first statement that exists already undoes and skips the other \(statements - 1) of this block"
        }
        return "the statement raises \(expected), and the handler is for \(conditions.joined(separator: ", "))"
    }
}
