package import Query

/// Which `sslmode` a connection uses (operations §4.3): a distant server is authenticated unless the operator
/// says in so many words that it need not be.
package enum TransportRule {
    /// The mode to add; `nil` when what the URL or libpq says is right.
    ///
    /// - Parameters:
    ///   - hosts: comma-separated hosts as libpq takes them; empty for the local socket.
    ///   - named: the mode that the URL or the environment names.
    ///   - acceptsInsecure: the operator acknowledged modes that do not authenticate the server.
    /// - Returns: `verify-full`, or `nil`.
    /// - Throws: ``Query/DatabaseError`` for a named mode that is not safe and not acknowledged.
    package static func sslMode(
        hosts: String,
        named: String?,
        acceptsInsecure: Bool
    ) throws(DatabaseError) -> String? {
        let distant = hosts.split(separator: ",").map(String.init).filter { !isNear($0) }
        guard let host = distant.first else { return nil }
        guard let named else { return "verify-full" }
        guard ["disable", "allow", "prefer"].contains(named), !acceptsInsecure else { return nil }
        throw DatabaseError(
            kind: .statement,
            sqlState: "08001",
            message: "sslmode=\(named) does not authenticate the database server \(host): whoever is between reads and "
                + "changes every certificate record. Use sslmode=verify-full (with sslrootcert=… for a private CA), or "
                + "set CERTCTL_DATABASE_INSECURE_ACK=true to accept it"
        )
    }

    /// Sockets, loopback, and names that resolve only inside one container network or cluster.
    private static func isNear(_ host: String) -> Bool {
        let host = host.lowercased()
        if host.hasPrefix("/") || host.hasPrefix("@") { return true }
        if ["localhost", "::1", "postgres", "certctl-postgres"].contains(host) { return true }
        return isLoopbackIPv4(host) || host.hasSuffix(".svc.cluster.local")
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
