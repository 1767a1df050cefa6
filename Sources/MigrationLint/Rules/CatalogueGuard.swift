/// How well a statement is protected by the tests of the catalogue around it.
enum Protection: Hashable, Sendable {
    case complete
    /// The name is looked up, but not where it is.
    case byName(String)
    /// Another name or another relation is looked up.
    case mismatch(String)
    case none
}

/// Where the catalogue of PostgreSQL tells whether an object exists.
struct CatalogueGuard: Sendable {
    enum Scope: Sendable {
        case everywhere
        case schema
        /// The object belongs to a relation, by one of these columns.
        case relation([String])
    }

    private struct Source: Sendable {
        let catalogue: String
        let names: [String]
        let scope: Scope
    }

    private let sources: [Source]
    let title: String

    private init(_ title: String, _ sources: [(String, [String], Scope)]) {
        self.title = title
        self.sources = sources.map { Source(catalogue: $0.0, names: $0.1, scope: $0.2) }
    }

    static let constraint = CatalogueGuard(
        "constraint",
        [
            ("pg_constraint", ["conname"], .relation(["conrelid", "contypid", "relname", "typname"])),
            ("table_constraints", ["constraint_name"], .relation(["table_name"])),
        ])
    static let column = CatalogueGuard(
        "column",
        [
            ("columns", ["column_name"], .relation(["table_name"])),
            ("pg_attribute", ["attname"], .relation(["attrelid", "relname"])),
        ])
    static let label = CatalogueGuard("enum value", [("pg_enum", ["enumlabel"], .relation(["enumtypid", "typname"]))])
    static let relation = CatalogueGuard(
        "relation",
        [
            ("to_regclass", ["name"], .everywhere), ("pg_class", ["relname"], .schema),
            ("tables", ["table_name"], .schema),
            ("pg_tables", ["tablename"], .schema), ("pg_indexes", ["indexname"], .schema),
            ("views", ["table_name"], .schema), ("pg_views", ["viewname"], .schema),
            ("pg_sequences", ["sequencename"], .schema), ("pg_matviews", ["matviewname"], .schema),
        ])

    /// The guard for `CREATE` of this kind.
    static func creation(of kind: String) -> CatalogueGuard {
        switch kind {
        case "type", "domain":
            CatalogueGuard(kind, [("to_regtype", ["name"], .everywhere), ("pg_type", ["typname"], .schema)])
        case "trigger": CatalogueGuard(kind, [("pg_trigger", ["tgname"], .relation(["tgrelid", "relname"]))])
        case "policy":
            CatalogueGuard(
                kind,
                [
                    ("pg_policy", ["polname"], .relation(["polrelid"])),
                    ("pg_policies", ["policyname"], .relation(["tablename"])),
                ])
        case "role", "user", "group":
            CatalogueGuard(
                kind,
                [
                    ("pg_roles", ["rolname"], .everywhere), ("pg_authid", ["rolname"], .everywhere),
                    ("to_regrole", ["name"], .everywhere),
                ])
        case "schema":
            CatalogueGuard(
                kind, [("pg_namespace", ["nspname"], .everywhere), ("to_regnamespace", ["name"], .everywhere)])
        case "extension": CatalogueGuard(kind, [("pg_extension", ["extname"], .everywhere)])
        case "publication": CatalogueGuard(kind, [("pg_publication", ["pubname"], .everywhere)])
        case "event trigger": CatalogueGuard(kind, [("pg_event_trigger", ["evtname"], .everywhere)])
        case "language": CatalogueGuard(kind, [("pg_language", ["lanname"], .everywhere)])
        case "server": CatalogueGuard(kind, [("pg_foreign_server", ["srvname"], .everywhere)])
        case "function", "procedure", "aggregate": CatalogueGuard(kind, [("pg_proc", ["proname"], .schema)])
        case "collation": CatalogueGuard(kind, [("pg_collation", ["collname"], .schema)])
        default: relation
        }
    }

    /// How the tests protect the object `name`, which belongs to `relation`.
    func protection(
        of name: String, on relation: ObjectName?, by tests: [CatalogueTest], expectsAbsence: Bool? = true
    ) -> Protection {
        var best = Protection.none
        for test in tests {
            guard let source = sources.first(where: { $0.catalogue == test.catalogue }),
                expectsAbsence == nil || test.expectsAbsence == expectsAbsence
            else { continue }
            let found = protection(of: name, on: relation, by: test, source)
            if found == .complete { return found }
            if case .byName = best { continue }
            best = found
        }
        return best
    }

    private func protection(
        of name: String, on relation: ObjectName?, by test: CatalogueTest, _ source: Source
    ) -> Protection {
        let looked = source.names.compactMap { test.text($0) ?? test.relation($0) }.first
        guard let looked else { return .mismatch("the guard does not look up the name of the \(title)") }
        guard looked == name else { return .mismatch("the guard looks up '\(looked)', and the \(title) is '\(name)'") }
        switch source.scope {
        case .everywhere: return .complete
        case .schema:
            return test.isInSchema
                ? .complete : .byName("the guard looks up the \(title) by name alone: one in another schema fools it")
        case .relation(let columns):
            guard let relation else { return .complete }
            for column in columns {
                guard let value = test.comparisons[column] else { continue }
                switch value {
                case .relation(let found), .text(let found):
                    guard found == relation.key || found == relation.name else {
                        return .mismatch("the guard looks at '\(found)', and the \(title) is on '\(relation.name)'")
                    }
                    if case .relation = value { return .complete }
                    if test.isInSchema { return .complete }
                    return .byName("the guard does not say in which schema: a table of that name elsewhere fools it")
                case .currentSchema, .other: continue
                }
            }
            return .byName("the guard looks up the \(title) by name alone: one on another table fools it")
        }
    }
}

/// The error that PostgreSQL raises for what already exists.
enum DuplicateErrors {
    static func condition(for kind: String) -> String {
        switch kind {
        case "table", "index", "view", "sequence", "materialized view", "foreign table": "duplicate_table"
        case "schema": "duplicate_schema"
        case "function", "procedure", "aggregate": "duplicate_function"
        case "column": "duplicate_column"
        default: "duplicate_object"
        }
    }
}
