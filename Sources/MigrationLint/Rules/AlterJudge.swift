/// Judges `ALTER` of what is no table: types, indexes, views, sequences, roles.
struct AlterJudge {
    let context: FileContext
    let fragment: Fragment
    let guards: Guards

    init(_ context: FileContext, _ fragment: Fragment, _ guards: Guards) {
        self.context = context
        self.fragment = fragment
        self.guards = guards
    }

    func judge() -> Verdict {
        var reader = TokenReader(fragment)
        _ = reader.accept("alter")
        guard let kind = ObjectKind.read(&reader) else { return unknown }
        if kind == "system" || kind == "database" || kind == "default" && reader.peek?.isWord("privileges") != true {
            return .problem(
                .refused, "ALTER \(kind.uppercased()) is work for the operator, not for a schema ladder",
                at: fragment.position, [.here("")], advice: "Remove the statement.")
        }
        if kind == "default" { return .clean(fragment) }
        _ = reader.accept("if", "exists")
        guard let name = reader.name() else { return unknown }
        if ["function", "procedure", "aggregate", "routine"].contains(kind) { _ = reader.group() }
        return action(kind, name, &reader)
    }

    private var unknown: Verdict {
        .problem(.unknown, "the lint cannot read this ALTER", at: fragment.position, [.here("")])
    }

    private func action(_ kind: String, _ name: ObjectName, _ reader: inout TokenReader) -> Verdict {
        if kind == "type", reader.accept("add", "value") { return enumValue(&reader) }
        if kind == "type", reader.accept("rename", "value"), let old = reader.next()?.value {
            return guarded(
                .rename, "a second run fails: the value has its new name",
                CatalogueGuard.label.protection(of: old, on: name, by: guards.tests, expectsAbsence: false),
                "EXISTS (SELECT 1 FROM pg_enum WHERE enumlabel = \(SQLText.literal(old)) AND enumtypid = "
                    + "\(SQLText.literal(name.text))::regtype)")
        }
        if kind == "domain", reader.peek?.isWord("add") == true {
            _ = reader.next()
            return domainConstraint(name, reader.rest)
        }
        if reader.accept("rename", "to"), let new = reader.name() {
            let test = kind == "type" || kind == "domain" ? "to_regtype" : "to_regclass"
            let catalogue = CatalogueGuard.creation(of: kind)
            return guarded(
                .rename, "a second run fails: the \(kind) has its new name",
                catalogue.protection(of: new.key, on: nil, by: guards.tests),
                "\(test)(\(SQLText.literal(name.text))) IS NOT NULL AND \(test)(\(SQLText.literal(new.text))) IS NULL")
        }
        if kind == "sequence", reader.rest.contains(word: "restart") {
            return .problem(
                .alterUnguarded, "a second run sets the sequence back, and gives out numbers that are in use",
                at: fragment.position, [.here("")],
                advice: "Remove the statement, or set the start when creating the sequence.")
        }
        let once =
            ["set", "add", "attach"].contains(reader.peek?.value)
            && (reader.peek?.value != "set" || reader.peek(1)?.isWord("schema") == true)
        guard once, guards.tests.isEmpty || guards.hasOpaque else { return .clean(fragment) }
        return guarded(
            .alterUnguarded, "a second run fails: this has no form that may be repeated", .none,
            "to_regclass(\(SQLText.literal(name.text))) IS NOT NULL")
    }

    private func enumValue(_ reader: inout TokenReader) -> Verdict {
        let isGuarded = reader.accept("if", "not", "exists")
        let offset = reader.peek?.position.offset ?? fragment.range.upperBound
        let text = isGuarded ? fragment.text : fragment.text(inserting: "IF NOT EXISTS ", at: offset)
        let place: Correction.Place = context.isTransactional ? .nontransactional : .here
        var verdict = Verdict(pieces: [.init(place: place, sql: text + ";")])
        if !isGuarded { verdict.add(.enumValue, "a second run fails: the value exists", at: fragment.position) }
        if context.isTransactional, !context.isDown {
            verdict.add(
                .notxNeeded, "a new enum value cannot be used in the transaction that adds it, nor taken back with it",
                at: fragment.position)
        }
        if verdict.isClean { verdict.pieces = [.here(text + ";")] }
        return verdict
    }

    private func domainConstraint(_ name: ObjectName, _ rest: Fragment) -> Verdict {
        guard let constraint = Constraint(rest) else { return unknown }
        guard let title = constraint.name else {
            return .problem(
                .unnamedConstraint, "a constraint without a name can be neither looked up nor dropped",
                at: fragment.position,
                [.here(domainAddition(name, name.name + "_check", constraint.body.text))])
        }
        let protection = CatalogueGuard.constraint.protection(of: title.name, on: name, by: guards.tests)
        guard protection != .complete else { return .clean(fragment) }
        return .problem(
            .addConstraint, "a second run fails: the constraint exists", at: fragment.position,
            [.here(domainAddition(name, title.text, constraint.body.text))])
    }

    private func domainAddition(_ name: ObjectName, _ constraint: String, _ body: String) -> String {
        SQLText.guarded(
            "NOT EXISTS (\n        SELECT 1 FROM pg_constraint\n        WHERE conname = \(SQLText.literal(constraint)) AND "
                + "contypid = \(SQLText.literal(name.text))::regtype\n    )",
            "ALTER DOMAIN \(name.text) ADD CONSTRAINT \(constraint) \(body)")
    }

    private func guarded(_ rule: Rule, _ message: String, _ protection: Protection, _ condition: String) -> Verdict {
        let corrected = [Correction.Piece.here(SQLText.guarded(condition, fragment.text))]
        switch protection {
        case .complete: return .clean(fragment)
        case .byName(let why): return .problem(.guardByName, why, at: fragment.position, corrected)
        case .mismatch(let why): return .problem(.guardMismatch, why, at: fragment.position, corrected)
        case .none: return .problem(rule, message, at: fragment.position, corrected)
        }
    }
}
