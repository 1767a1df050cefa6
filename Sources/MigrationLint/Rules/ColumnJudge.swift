/// Judges `ADD COLUMN` on PostgreSQL.
struct ColumnAdditionJudge {
    let context: FileContext
    let alter: AlterTable
    let column: Column
    let guards: Guards
    let position: Position

    init(_ context: FileContext, _ alter: AlterTable, _ column: Column, _ guards: Guards, _ position: Position) {
        self.context = context
        self.alter = alter
        self.column = column
        self.guards = guards
        self.position = position
    }

    func judge(isGuarded: Bool) -> Verdict {
        var verdict = Verdict(pieces: [.here(addition(column.fragment.text))])
        if !isGuarded { repetition(&verdict) }
        let isRequired = column.isNotNull && column.fallback == .none && !column.isComputed
        if isRequired, !context.created.contains(alter.table.key), !context.isDown {
            verdict.add(.requiredColumn, "a table with rows refuses a NOT NULL column without a default", at: position)
            verdict.pieces = [.here(addition(column.withoutNotNull))]
            verdict.advice.append("Fill the column in a background task; a later file makes it NOT NULL.")
        }
        guard context.isLarge(alter.table) else { return verdict }
        if column.isComputed || column.fallback == .volatile || column.fallback == .generated {
            verdict.add(
                .lockRewrite,
                "a value of its own for each row writes the large table \(alter.table.name) anew under a lock",
                at: position)
            verdict.pieces = [.here(addition(plain))]
            if column.fallback == .volatile, let value = column.defaultText {
                verdict.pieces.append(
                    .here("ALTER TABLE \(alter.table.text) ALTER COLUMN \(columnName) SET DEFAULT \(value);"))
            }
            verdict.advice.append("New rows have the default; a background task fills the others.")
        } else if column.isTested || column.isUnique || column.isPrimaryKey {
            verdict.add(
                .lockConstraint, "the test of the column reads every row of \(alter.table.name) under a lock",
                at: position)
            verdict.pieces = [.here(addition(plain))] + constraints
        }
        return verdict
    }

    private func repetition(_ verdict: inout Verdict) {
        let protection = CatalogueGuard.column.protection(of: column.name, on: alter.table, by: guards.tests)
        switch protection {
        case .complete: return
        case .byName(let why): verdict.add(.guardByName, why, at: position)
        case .mismatch(let why): verdict.add(.guardMismatch, why, at: position)
        case .none:
            if let handler = guards.handler {
                guard !handler.protects(against: "duplicate_column") else { return }
                verdict.add(.exceptionSwallows, handler.fault(expected: "duplicate_column"), at: position)
            } else {
                verdict.add(.addColumn, "a second run fails: the column exists", at: position)
            }
        }
    }

    private func addition(_ definition: String) -> String {
        "ALTER TABLE \(alter.table.text) ADD COLUMN IF NOT EXISTS \(definition);"
    }

    private var columnName: String { SQLText.identifier(column.name) }

    /// Name and type alone, with a default that costs nothing.
    private var plain: String {
        let name = column.fragment.source.text(
            column.fragment.range.lowerBound..<max(column.fragment.range.lowerBound, column.type.range.upperBound))
        let serial = ["serial": "integer", "bigserial": "bigint", "smallserial": "smallint"]
        if let type = column.type.first?.value, let plain = serial[type] { return "\(columnName) \(plain)" }
        guard column.fallback == .constant, let value = column.defaultText else { return name }
        return "\(name) DEFAULT \(value)"
    }

    /// The tests of the column as constraints that are validated later.
    private var constraints: [Correction.Piece] {
        var pieces: [Correction.Piece] = []
        let table = alter.table
        func add(_ name: String, _ body: String) {
            pieces.append(.here(SQLText.addConstraint(name, body + " NOT VALID", to: table)))
            pieces.append(.later("ALTER TABLE \(table.text) VALIDATE CONSTRAINT \(name);"))
        }
        if let at = column.fragment.topLevelIndex(of: "check") {
            var reader = TokenReader(column.fragment.slice(column.fragment.tokens[(at + 1)...]))
            if let group = reader.group() { add("\(table.name)_\(column.name)_check", "CHECK (\(group.text))") }
        }
        if let at = column.fragment.topLevelIndex(of: "references") {
            let rest = column.fragment.slice(column.fragment.tokens[at...])
            add("\(table.name)_\(column.name)_fkey", "FOREIGN KEY (\(columnName)) \(rest.text)")
        }
        if column.isUnique || column.isPrimaryKey {
            let name = "\(table.name)_\(column.name)_key"
            pieces.append(
                .init(
                    place: .later,
                    sql: "DROP INDEX CONCURRENTLY IF EXISTS \(name);\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "
                        + "\(name) ON \(table.text) (\(columnName));"))
        }
        return pieces
    }
}

/// Judges `ALTER COLUMN … TYPE`, `SET NOT NULL`, `DROP NOT NULL`, `ADD GENERATED`.
struct ColumnChangeJudge {
    let context: FileContext
    let alter: AlterTable
    let action: AlterTable.Action
    let guards: Guards

    init(_ context: FileContext, _ alter: AlterTable, _ action: AlterTable.Action, _ guards: Guards) {
        self.context = context
        self.alter = alter
        self.action = action
        self.guards = guards
    }

    func judge() -> Verdict {
        var verdict = Verdict()
        switch action.kind {
        case .columnType(let column, let type):
            verdict = repetition(
                column, "AND data_type <> \(SQLText.literal(Self.canonical(type)))", "changes the type again")
            if context.isLarge(alter.table) { rewrite(column, type, &verdict) }
        case .setNotNull(let column):
            verdict = repetition(column, "AND is_nullable = 'YES'", "reads every row again")
            if context.isLarge(alter.table), !isProven(column) { scan(column, &verdict) }
        case .dropNotNull(let column):
            verdict = repetition(column, "AND is_nullable = 'NO'", "fails once a later file has renamed the column")
        case .addIdentity(let column):
            verdict = repetition(column, "AND is_identity = 'NO'", "fails: the column is an identity")
        default: break
        }
        return verdict
    }

    private var position: Position { action.fragment.position }
    private var alone: String { "\(alter.head) \(action.fragment.text)" }

    private func repetition(_ column: String, _ test: String, _ consequence: String) -> Verdict {
        let condition = SQLText.column(column, of: alter.table, String(test.dropFirst("AND ".count)))
        let corrected = [Correction.Piece.here(SQLText.guarded(condition, alone))]
        switch CatalogueGuard.column.protection(of: column, on: alter.table, by: guards.tests, expectsAbsence: nil) {
        case .complete: return .clean(alone + ";")
        case .byName(let why): return .problem(.guardByName, why, at: position, corrected)
        case .mismatch(let why): return .problem(.guardMismatch, why, at: position, corrected)
        case .none:
            return .problem(
                .columnChange, "a second run \(consequence): ask the catalogue in the current schema first",
                at: position,
                corrected)
        }
    }

    private func rewrite(_ column: String, _ type: Fragment, _ verdict: inout Verdict) {
        let next = SQLText.identifier(SQLText.shortened(column + "_next"))
        verdict.add(
            .lockRewrite,
            "another type writes the large table \(alter.table.name) anew, and nobody can use it meanwhile",
            at: position)
        verdict.pieces = [.here("ALTER TABLE \(alter.table.text) ADD COLUMN IF NOT EXISTS \(next) \(type.text);")]
        verdict.advice = ["Fill \(next) in a background task, write both columns, and read \(next) one release later."]
    }

    private func isProven(_ column: String) -> Bool {
        context.catalogue.tables[alter.table.key]?.constraints.values.contains {
            $0.notNullColumn == column && $0.isValid && $0.file < context.index
        } ?? false
    }

    private func scan(_ column: String, _ verdict: inout Verdict) {
        let name = SQLText.identifier(SQLText.shortened("\(alter.table.name)_\(column)_not_null"))
        let body = "CHECK (\(SQLText.identifier(column)) IS NOT NULL) NOT VALID"
        verdict.add(
            .lockSetNotNull,
            "SET NOT NULL reads every row of \(alter.table.name) under a lock, unless a valid CHECK from an earlier file "
                + "proves it", at: position)
        verdict.pieces = [
            .here(SQLText.addConstraint(name, body, to: alter.table)),
            .later("ALTER TABLE \(alter.table.text) VALIDATE CONSTRAINT \(name);"),
        ]
        verdict.advice = ["A third file sets NOT NULL, which then costs nothing."]
    }

    /// As the information schema spells it.
    private static func canonical(_ type: Fragment) -> String {
        let words = type.tokens.prefix { !$0.isSymbol("(") && !$0.isSymbol("[") }.map(\.value).joined(separator: " ")
        if type.tokens.contains(where: { $0.isSymbol("[") }) { return "ARRAY" }
        let names = [
            "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
            "varchar": "character varying", "char": "character", "timestamptz": "timestamp with time zone",
            "timestamp": "timestamp without time zone", "float8": "double precision", "float4": "real",
            "decimal": "numeric",
        ]
        return names[words] ?? words
    }
}
