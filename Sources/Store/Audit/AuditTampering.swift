package import Query

/// In which ways the database role of this process could change the audit log past its triggers (security §9.3).
package enum AuditTampering {
    /// For people; empty when there is none. SQLite has no roles: its file is the server's, which the settings say.
    package static func ways(in tx: any Transaction) throws -> [String] {
        guard tx.engine == .postgres else { return [] }
        var ways: [String] = []
        if try holds(tx, "SELECT rolsuper AS found FROM pg_roles WHERE rolname = current_user") {
            // Whatever else: a superuser may do all of it.
            return ["its role is a superuser"]
        }
        if try holds(tx, "SELECT has_parameter_privilege('session_replication_role', 'SET') AS found") {
            ways.append("its role may set session_replication_role, which silences triggers")
        }
        let owns = try holds(
            tx,
            """
            SELECT EXISTS (
                SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
                    AND c.relname LIKE 'audit\\_%' AND pg_has_role(c.relowner, 'MEMBER')
            ) OR EXISTS (
                SELECT 1 FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
                    AND p.proname LIKE 'audit\\_%' AND pg_has_role(p.proowner, 'MEMBER')
            ) OR EXISTS (
                SELECT 1 FROM pg_namespace n WHERE n.oid = current_schema()::regnamespace
                    AND pg_has_role(n.nspowner, 'MEMBER')
            ) AS found
            """
        )
        if owns {
            ways.append("its role owns tables, functions or the schema of the audit log, or may become their owner")
        }
        let privileges = try tx.rows(
            """
            SELECT p.privilege || ' on ' || c.relname AS found
            FROM pg_class c CROSS JOIN (VALUES ('UPDATE'), ('TRUNCATE'), ('TRIGGER'), ('DELETE')) AS p (privilege)
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
                AND c.relname IN ('audit_events', 'audit_leaves', 'audit_intake', 'audit_lookup', 'audit_subtrees',
                    'audit_keys', 'audit_checkpoints', 'audit_archives', 'audit_holds', 'audit_breaks')
                AND has_table_privilege(c.oid, p.privilege)
                AND NOT (p.privilege = 'DELETE' AND c.relname IN ('audit_events', 'audit_intake', 'audit_lookup'))
                AND NOT (p.privilege = 'UPDATE' AND c.relname IN ('audit_holds', 'audit_breaks', 'audit_keys',
                    'audit_archives'))
            ORDER BY c.relname, p.privilege
            """
        ).map { try $0.text("found") }
        if !owns, !privileges.isEmpty { ways.append("its role has " + privileges.joined(separator: ", ")) }
        let silent = try tx.rows(
            """
            SELECT t.tgname || ' on ' || c.relname AS found FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relname LIKE 'audit\\_%'
                AND NOT t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')
            ORDER BY c.relname, t.tgname
            """
        ).map { try $0.text("found") }
        if !silent.isEmpty { ways.append("these triggers are off: " + silent.joined(separator: ", ")) }
        return ways
    }

    private static func holds(_ tx: any Transaction, _ question: SQL) throws -> Bool {
        try tx.row(question)?.bool("found") ?? false
    }
}
