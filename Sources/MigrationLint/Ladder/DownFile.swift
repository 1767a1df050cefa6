/// The down file that an up file asks for, from what the up file makes.
enum DownFile {
    static func text(for up: LintFile) -> String {
        var lexer = Lexer(Source(up.text), dialect: up.dialect)
        lexer.scan()
        var tables: Set<String> = []
        var lines: [String] = []
        for statement in StatementCutter.cut(lexer).statements {
            for fragment in DoBlock(statement.fragment)?.sql ?? [statement.fragment] {
                lines += undoing(fragment, up.dialect, &tables)
            }
        }
        let head = "-- Data loss: state here what an operator loses.\n"
        return head + (lines.isEmpty ? "" : "\n" + lines.reversed().joined(separator: "\n") + "\n")
    }

    private static func undoing(_ fragment: Fragment, _ dialect: SQLDialect, _ tables: inout Set<String>) -> [String] {
        if let creation = Creation(fragment), let name = creation.name {
            switch creation.kind {
            case "table": tables.insert(name.key)
            case "index", "trigger", "policy": if let on = creation.relation, tables.contains(on.key) { return [] }
            default: break
            }
            let concurrently = creation.isConcurrent ? " CONCURRENTLY" : ""
            let onTable = ["trigger", "policy"].contains(creation.kind) && dialect == .postgres
            let on = onTable ? creation.relation.map { " ON \($0.text)" } ?? "" : ""
            return [
                "DROP \(creation.kind.uppercased())\(concurrently) IF EXISTS \(name.text)\(arguments(creation))\(on);"
            ]
        }
        guard let alter = AlterTable(fragment), dialect == .postgres, !tables.contains(alter.table.key) else {
            return []
        }
        return alter.actions.compactMap { action in
            switch action.kind {
            case .addColumn(let column, _):
                "ALTER TABLE IF EXISTS \(alter.table.text) DROP COLUMN IF EXISTS \(SQLText.identifier(column.name));"
            case .addConstraint(let constraint):
                "ALTER TABLE IF EXISTS \(alter.table.text) DROP CONSTRAINT IF EXISTS "
                    + "\(constraint.name?.text ?? constraint.defaultName(table: alter.table));"
            default: nil
            }
        }
    }

    private static func arguments(_ creation: Creation) -> String {
        guard ["function", "procedure"].contains(creation.kind) else { return "" }
        var reader = TokenReader(creation.rest)
        return reader.group().map { "(\($0.text))" } ?? ""
    }
}
