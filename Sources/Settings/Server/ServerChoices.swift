/// Where the certificate of the HTTPS listener comes from.
package enum ServerTLSMode: String, Sendable, CaseIterable {
    case auto, files
}

/// How far SQLite goes to make a commit survive power loss.
package enum SQLiteSynchronous: String, Sendable, CaseIterable {
    case full, normal
}

/// Where the encryption key comes from (specification, security §10.3).
package enum KEKProvider: String, Sendable, CaseIterable {
    case env, file
    /// `$CREDENTIALS_DIRECTORY`, which systemd fills for one unit.
    case systemdCredentials = "systemd-creds"
}

/// What a starting server does about pending migrations.
package enum MigrationMode: String, Sendable, CaseIterable {
    case auto, check, off
}

/// Where attempts that are limited for the sake of security are counted.
package enum RateLimitBackend: String, Sendable, CaseIterable {
    case database, memory
}

extension ValueGrammar where Value == RateLimitBackend {
    /// `postgres` is the earlier name of `database`.
    static let rateLimitBackend = Self(
        kind: "enum",
        expectation: "one of database, memory, postgres",
        text: { $0 == "postgres" ? .database : RateLimitBackend(rawValue: $0) },
        render: { $0.rawValue }
    )
}
