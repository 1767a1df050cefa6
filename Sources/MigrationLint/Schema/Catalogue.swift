/// The tables that the ladder has made so far, as far as its own statements tell.
struct Catalogue: Sendable {
    /// What decides whether a row is already there.
    struct Key: Sendable {
        let name: String?
        /// In order; nil stands for an expression.
        let columns: [String?]
        let isPartial: Bool
        let nullsNotDistinct: Bool
    }

    struct TableConstraint: Sendable {
        let kind: Constraint.Kind
        let text: String
        let key: Key?
        /// Of `CHECK (column IS NOT NULL)`.
        let notNullColumn: String?
        var isValid: Bool
        /// The file that last changed it.
        var file: Int
    }

    struct Table: Sendable {
        var columns: [String: Column]
        /// Of `CREATE TABLE`, unlike those that `ADD COLUMN` brings back in a second run.
        var original: Set<String>
        var constraints: [String: TableConstraint]
        let text: String
    }

    struct Index: Sendable {
        let table: String
        let columns: [String?]
        /// Of a unique index.
        let key: Key?
        let text: String
    }

    /// An index or trigger that goes with its table.
    struct Dependent: Sendable {
        let table: String
        /// The columns that it needs.
        let columns: Set<String>
        /// The statements that make it.
        let text: String
    }

    /// The statement that took something away.
    struct Removal: Sendable {
        let file: String
        let position: Position
        let range: Range<Int>
    }

    var tables: [String: Table] = [:]
    var indexes: [String: Index] = [:]
    var views: [String: String] = [:]
    /// Functions and procedures by name.
    var routines: [String: [RoutineSignature]] = [:]
    /// Indexes and triggers by name.
    var dependents: [String: Dependent] = [:]
    /// Tables as they were when they were dropped.
    private var dropped: [String: Table] = [:]
    /// By `table`, `table.column` or `table.constraint`.
    var removals: [String: Removal] = [:]

    /// Every key of a table, from constraints, columns and unique indexes.
    func keys(of table: String) -> [Key] {
        guard let entry = tables[table] else { return [] }
        let inline = entry.columns.values.filter { $0.isPrimaryKey || $0.isUnique }.map {
            Key(name: nil, columns: [$0.name], isPartial: false, nullsNotDistinct: false)
        }
        let indexed = indexes.values.filter { $0.table == table }.compactMap(\.key)
        return inline + entry.constraints.values.compactMap(\.key) + indexed
    }

    /// The words of a statement, without what only guards it.
    static func text(_ fragment: Fragment) -> String {
        var words = fragment.tokens.map { $0.kind == .string ? "'\($0.value)'" : $0.value }
        for phrase in [["if", "not", "exists"], ["or", "replace"], ["concurrently"]] {
            guard let at = words.indices.first(where: { words[$0...].starts(with: phrase) }), at < 5 else { continue }
            words.removeSubrange(at..<at + phrase.count)
        }
        return words.joined(separator: " ")
    }
}

extension Catalogue {
    /// Takes in what a statement of the ladder does.
    mutating func apply(_ fragment: Fragment, file: (index: Int, name: String), depth: Int = 0) {
        let removal = Removal(file: file.name, position: fragment.position, range: fragment.range)
        switch fragment.first?.value {
        case "create": if let creation = Creation(fragment) { create(creation) }
        case "drop": if let drop = Drop(fragment) { self.drop(drop, removal) }
        case "alter": if let alter = AlterTable(fragment) { self.alter(alter, file: file.index, removal) }
        case "do" where depth < DoBlock.deepest:
            for statement in DoBlock(fragment)?.sql ?? [] { apply(statement, file: file, depth: depth + 1) }
        default: break
        }
    }

    private mutating func create(_ creation: Creation) {
        guard let name = creation.name?.key ?? creation.madeUpName else { return }
        switch creation.kind {
        case "table":
            guard tables[name] == nil else { return }
            let elements = creation.elements
            var table = Table(columns: [:], original: [], constraints: [:], text: Self.text(creation.fragment))
            for column in elements.columns { table.columns[column.name] = column }
            table.original = Set(table.columns.keys)
            for constraint in elements.constraints {
                let title = constraint.name?.name ?? constraint.defaultName(table: creation.name ?? .init(name))
                table.constraints[title] = Self.entry(constraint, file: -1)
            }
            tables[name] = table
        case "trigger":
            guard let relation = creation.relation else { return }
            let text = creation.hasIfNotExists ? "" : "DROP TRIGGER IF EXISTS \(creation.name?.text ?? name);\n"
            dependents[name] = Dependent(table: relation.key, columns: [], text: text + creation.fragment.text + ";")
        case "index":
            guard indexes[name] == nil, let relation = creation.relation else { return }
            dependents[name] = Dependent(
                table: relation.key, columns: Set(creation.indexColumns.compactMap { $0 }),
                text: creation.fragment.text + ";")
            let key = Key(
                name: name, columns: creation.indexColumns, isPartial: creation.isPartial,
                nullsNotDistinct: creation.fragment.topLevelIndex(of: "nulls", "not", "distinct") != nil)
            indexes[name] = Index(
                table: relation.key, columns: key.columns, key: creation.isUnique ? key : nil,
                text: Self.text(creation.fragment))
        case "view": views[name] = Self.text(creation.fragment)
        case "function", "procedure":
            guard let signature = creation.signature else { return }
            let others = (routines[name] ?? []).filter { $0.types != signature.types }
            routines[name] = others + [signature]
        default: break
        }
    }

    private static func entry(_ constraint: Constraint, file: Int) -> TableConstraint {
        let isKey = constraint.kind == .unique || constraint.kind == .primaryKey
        return TableConstraint(
            kind: constraint.kind, text: text(constraint.body),
            key: isKey
                ? Key(
                    name: constraint.name?.name, columns: constraint.columns, isPartial: false,
                    nullsNotDistinct: constraint.nullsNotDistinct) : nil,
            notNullColumn: constraint.notNullColumn, isValid: !constraint.isNotValid, file: file)
    }

    private mutating func drop(_ drop: Drop, _ removal: Removal) {
        for (name, signature) in zip(drop.names.map(\.key), drop.signatures) {
            removals[name] = removal
            switch drop.kind {
            case "table":
                dropped[name] = tables.removeValue(forKey: name)
                dependents = dependents.filter { $0.value.table != name }
                indexes = indexes.filter { $0.value.table != name }
            case "index":
                dependents[name] = nil
                if let index = indexes.removeValue(forKey: name) { removals[index.table + "." + name] = removal }
            case "view": views[name] = nil
            case "function", "procedure", "routine":
                routines[name]?.removeAll { signature == nil || signature?.types == $0.types }
            case "trigger": dependents[name] = nil
            default: break
            }
        }
    }

    private mutating func alter(_ alter: AlterTable, file: Int, _ removal: Removal) {
        for action in alter.actions {
            if case .renameTable(let new) = action.kind {
                let kept = tables[alter.table.key]?.columns ?? [:]
                for column in dropped[new.key]?.columns.keys ?? [:].keys where kept[column] == nil {
                    removals[new.key + "." + column] = removal
                }
                tables[new.key] = tables.removeValue(forKey: alter.table.key)
                for (name, index) in indexes where index.table == alter.table.key {
                    indexes[name] = Index(table: new.key, columns: index.columns, key: index.key, text: index.text)
                }
                continue
            }
            guard var table = tables[alter.table.key] else { return }
            apply(action, to: &table, alter.table, file: file, removal)
            tables[alter.table.key] = table
        }
    }

    private mutating func apply(
        _ action: AlterTable.Action, to table: inout Table, _ name: ObjectName, file: Int, _ removal: Removal
    ) {
        switch action.kind {
        case .addColumn(let column, _): if table.columns[column.name] == nil { table.columns[column.name] = column }
        case .dropColumn(let column, _):
            table.columns[column] = nil
            table.original.remove(column)
            removals[name.key + "." + column] = removal
            for (title, constraint) in table.constraints where constraint.key?.columns.contains(column) == true {
                table.constraints[title] = nil
                removals[name.key + "." + title] = removal
            }
            for (title, index) in indexes where index.table == name.key && index.columns.contains(column) {
                indexes[title] = nil
                removals[name.key + "." + title] = removal
            }
        case .renameColumn(let old, let new):
            table.columns[new.name] = table.columns.removeValue(forKey: old)
            removals[name.key + "." + old] = removal
        case .addConstraint(let constraint):
            let title = constraint.name?.name ?? constraint.defaultName(table: name)
            guard table.constraints[title] == nil else { return }
            var entry = Self.entry(constraint, file: file)
            if let index = constraint.index, let key = indexes[index.key]?.key {
                entry = TableConstraint(
                    kind: entry.kind, text: entry.text, key: key, notNullColumn: nil, isValid: true, file: file)
            }
            table.constraints[title] = entry
        case .dropConstraint(let title, _):
            table.constraints[title] = nil
            removals[name.key + "." + title] = removal
        case .renameConstraint(let old, let new):
            table.constraints[new] = table.constraints.removeValue(forKey: old)
            removals[name.key + "." + old] = removal
        case .validate(let title):
            table.constraints[title]?.isValid = true
            table.constraints[title]?.file = file
        default: break
        }
    }
}

extension ObjectName {
    init(_ name: String) { self.init(schema: nil, name: name, text: name) }
}

extension Creation {
    /// The name that PostgreSQL makes up for an index without one.
    var madeUpName: String? {
        guard kind == "index", let relation else { return nil }
        return ([relation.name] + indexColumns.map { $0 ?? "expr" } + ["idx"]).joined(separator: "_")
    }
}
