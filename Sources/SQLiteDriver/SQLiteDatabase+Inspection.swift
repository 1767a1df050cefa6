import Query

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension SQLiteDatabase {
    /// What `PRAGMA quick_check` finds wrong with the file; empty when it is sound.
    package func quickCheck() async throws -> [String] { try await findings(of: "PRAGMA quick_check") }

    /// As ``quickCheck()``, with every index compared with its table.
    package func integrityCheck() async throws -> [String] { try await findings(of: "PRAGMA integrity_check") }

    /// Merges the write-ahead log into the file and empties it, as far as readers allow.
    package func checkpoint() async throws {
        try await exclusively { try $0.run("PRAGMA wal_checkpoint(TRUNCATE)", keepsPrepared: false) }
    }

    /// The size of the write-ahead log in octets; zero for a database in memory.
    package var logSize: Int {
        var status = stat()
        guard let path, stat(path + "-wal", &status) == 0 else { return 0 }
        return Int(status.st_size)
    }

    /// The value of a setting of the writing connection, for `doctor` and tests.
    package func setting(_ pragma: SQLitePragma) async throws -> String {
        try await exclusively { session in
            let row = try session.rows(pragma.statement).first
            switch row?.values.first {
            case .text(let text): return text
            case .integer(let number): return String(number)
            default: return ""
            }
        }
    }

    private func findings(of pragma: SQL) async throws -> [String] {
        let rows = try await read { try $0.rows(pragma) }
        let lines = rows.compactMap { row -> String? in
            if case .text(let line) = row.values.first { line } else { nil }
        }
        return lines == ["ok"] ? [] : lines
    }
}

/// Settings of a connection that can be asked for.
package enum SQLitePragma: CaseIterable, Sendable {
    case journalMode, synchronous, foreignKeys, trustedSchema, secureDelete, journalSizeLimit, autoVacuum, busyTimeout
    case walAutocheckpoint, cacheSize

    var statement: SQL {
        switch self {
        case .journalMode: "PRAGMA journal_mode"
        case .synchronous: "PRAGMA synchronous"
        case .foreignKeys: "PRAGMA foreign_keys"
        case .trustedSchema: "PRAGMA trusted_schema"
        case .secureDelete: "PRAGMA secure_delete"
        case .journalSizeLimit: "PRAGMA journal_size_limit"
        case .autoVacuum: "PRAGMA auto_vacuum"
        case .busyTimeout: "PRAGMA busy_timeout"
        case .walAutocheckpoint: "PRAGMA wal_autocheckpoint"
        case .cacheSize: "PRAGMA cache_size"
        }
    }
}
