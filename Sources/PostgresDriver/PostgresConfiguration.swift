package import Domain

/// How a PostgreSQL database is reached.
package struct PostgresConfiguration: Sendable {
    /// A connection URL with any parameter that libpq knows; what it leaves out comes from libpq's own
    /// environment variables and files. `certctl_pgbouncer=1` says that a transaction-pooling proxy is between.
    package var url: Secret
    /// Shown by PostgreSQL for every connection: `certctl/<role>/<instance>`.
    package var applicationName = "certctl"
    /// Connections of the pool at most.
    package var maxConnections = 50
    package var connectTimeout: Duration = .seconds(5)
    /// After this the server cancels a statement of a request.
    package var statementTimeout: Duration = .seconds(30)
    /// Age at which a connection is replaced, give or take a tenth.
    package var maxLifetime: Duration = .minutes(30)
    /// How long a transaction waits for a connection before it is refused.
    package var checkoutWait: Duration = .seconds(2)
    /// Accepts `sslmode` values that do not authenticate a distant server.
    package var acceptsInsecureTransport = false
    /// Called with the time a transaction waited for a connection, when every one was busy.
    package var onPoolWait: (@Sendable (Duration) -> Void)?

    /// Called with the number of transactions of one commit of a group.
    package var onCommitBatch: (@Sendable (Int) -> Void)?

    package init(url: Secret) { self.url = url }
}
