import Domain

/// The storage engine and how it is used.
package struct DatabaseConfiguration: Sendable {
    package let location: DatabaseLocation
    /// Connections of the PostgreSQL pool, or reading connections of SQLite.
    package let maxConnections: Int
    package let connectTimeout: Duration
    package let startupWait: Duration
    package let statementTimeout: Duration
    package let connectionLifetime: Duration
    package let sqliteSynchronous: SQLiteSynchronous
    package let migrations: MigrationMode
    /// Migration files to read instead of the embedded ones.
    package let migrationsPath: String?
    /// A server on another host is reached without proof that it is the right one, as the operator acknowledged.
    package let isUnverified: Bool

    /// Whether several servers can use the database at once.
    package var isShared: Bool {
        if case .postgres = location { true } else { false }
    }

    init(reading reader: inout SettingReader, dataDirectory: String) {
        connectTimeout = reader.read(ServerSettings.databaseConnectTimeout)
        startupWait = reader.read(ServerSettings.databaseStartupWait)
        statementTimeout = reader.read(ServerSettings.databaseStatementTimeout)
        connectionLifetime = reader.read(ServerSettings.databaseConnectionLifetime)
        sqliteSynchronous = reader.read(ServerSettings.sqliteSynchronous)
        migrationsPath = reader.read(ServerSettings.migrationsPath)
        let mode = reader.read(ServerSettings.migrations)
        let viaHook = reader.read(ServerSettings.migrationsViaHook)
        if viaHook, reader.isGiven(ServerSettings.migrations), mode != .check {
            reader.reject(
                ServerSettings.migrationsViaHook,
                because: "true contradicts CERTCTL_MIGRATIONS=\(mode.rawValue); set one of the two"
            )
        }
        migrations = viaHook ? .check : mode
        reader.derive(ServerSettings.migrations, migrations.rawValue)
        let location = Self.location(&reader, dataDirectory: dataDirectory)
        self.location = location
        isUnverified = Self.isUnverified(location, reader.host.environment)
        let connections = reader.read(ServerSettings.databaseMaxConnections)
        if case .postgres = location { maxConnections = connections } else { maxConnections = min(connections, 16) }
        reader.derive(ServerSettings.databaseMaxConnections, String(maxConnections))
    }

    private static func location(_ reader: inout SettingReader, dataDirectory: String) -> DatabaseLocation {
        let acknowledged = reader.read(ServerSettings.databaseInsecureAck)
        let embedded = DatabaseLocation.sqlite(path: "\(dataDirectory)/certctl.db")
        guard let url = reader.read(ServerSettings.databaseURL) else {
            reader.derive(ServerSettings.databaseURL, "sqlite:\(dataDirectory)/certctl.db")
            return embedded
        }
        let environment = reader.host.environment
        guard let text = url.withText({ PostgresURL.substitutingPassword(in: $0, environment) }) else {
            reader.reject(
                ServerSettings.databaseURL,
                because: "names $(POSTGRES_PASSWORD), but POSTGRES_PASSWORD is not set"
            )
            return embedded
        }
        guard let location = DatabaseLocation(text) else {
            reader.reject(
                ServerSettings.databaseURL,
                because: "is not of the form sqlite:PATH, postgres://… or postgresql://…"
            )
            return embedded
        }
        guard case .postgres = location else {
            reader.derive(ServerSettings.databaseURL, text)
            return location
        }
        return protected(text, acknowledged: acknowledged, &reader) ?? embedded
    }

    private static func isUnverified(_ location: DatabaseLocation, _ environment: [String: String]) -> Bool {
        guard case .postgres(let url) = location else { return false }
        return url.withText { text in
            let url = PostgresURL(text)
            return !url.remoteHosts.isEmpty && ["disable", "allow", "prefer"].contains(url.sslMode(environment) ?? "")
        }
    }

    /// Applies the transport rule: a server on another host is verified unless the operator says otherwise.
    private static func protected(
        _ text: String,
        acknowledged: Bool,
        _ reader: inout SettingReader
    ) -> DatabaseLocation? {
        let url = PostgresURL(text)
        let remote = url.remoteHosts
        guard !remote.isEmpty else { return .postgres(Secret(text)) }
        switch url.sslMode(reader.host.environment) {
        case nil: return .postgres(Secret(url.verifyingFully))
        case .some("disable"), .some("allow"), .some("prefer"):
            guard acknowledged else {
                reader.reject(
                    ServerSettings.databaseURL,
                    because: "would send passwords and data to \(remote.joined(separator: ", ")) without a verified "
                        + "connection; use sslmode=verify-full, or set CERTCTL_DATABASE_INSECURE_ACK=true"
                )
                return nil
            }
            return .postgres(Secret(text))
        case .some: return .postgres(Secret(text))
        }
    }
}

/// How much is logged, and in which form.
package struct LoggingConfiguration: Sendable {
    package let thresholds: LogThresholds
    package let format: LogFormat
}

/// Token buckets of the API.
package struct RateLimitConfiguration: Sendable {
    package let isEnabled: Bool
    /// Requests per second of a client address.
    package let rate: Double
    package let burst: Int
    /// Requests per second of an authenticated actor.
    package let userRate: Double
    package let userBurst: Int
    package let bucketTTL: Duration
    package let backend: RateLimitBackend
    package let janitorInterval: Duration
    /// Unknown bearer tokens of an address in a minute.
    package let failuresPerMinute: Int
    /// Exports of an actor in an hour.
    package let exportsPerHour: Int

    init(reading reader: inout SettingReader) {
        isEnabled = reader.read(ServerSettings.rateLimitEnabled)
        rate = reader.read(ServerSettings.rateLimitRate)
        burst = reader.read(ServerSettings.rateLimitBurst)
        let givenRate = reader.read(ServerSettings.rateLimitUserRate)
        let givenBurst = reader.read(ServerSettings.rateLimitUserBurst)
        userRate = givenRate > 0 ? givenRate : rate
        userBurst = givenBurst > 0 ? givenBurst : max(burst, Int(userRate.rounded(.up)))
        bucketTTL = max(reader.read(ServerSettings.rateLimitBucketTTL), .minutes(1))
        backend = reader.read(ServerSettings.rateLimitBackend)
        janitorInterval = reader.read(ServerSettings.rateLimitJanitorInterval)
        failuresPerMinute = reader.read(ServerSettings.authFailureLimit)
        exportsPerHour = reader.read(ServerSettings.exportLimit)
        if Double(burst) < rate {
            reader.reject(ServerSettings.rateLimitBurst, because: "\(burst) is less than CERTCTL_RATE_LIMIT_RPS")
        }
        if Double(userBurst) < userRate {
            reader.reject(
                ServerSettings.rateLimitUserBurst,
                because: "\(userBurst) is less than CERTCTL_RATE_LIMIT_PER_USER_RPS"
            )
        }
        reader.derive(ServerSettings.rateLimitBucketTTL, DurationText.text(bucketTTL))
    }
}

/// Cadence of the background loops and deadlines of jobs.
package struct ScheduleConfiguration: Sendable {
    package let renewalCheck: Duration
    package let jobProcessor: Duration
    package let agentHealthCheck: Duration
    package let retry: Duration
    package let jobTimeout: Duration
    package let shortLivedExpiryCheck: Duration
    package let awaitingCSRTimeout: Duration
    package let awaitingApprovalTimeout: Duration
    package let runningLease: Duration
    package let agentOfflineJobTTL: Duration
    package let agentOfflineAfter: Duration

    init(reading reader: inout SettingReader) {
        renewalCheck = reader.read(ServerSettings.renewalCheckInterval)
        jobProcessor = reader.read(ServerSettings.jobProcessorInterval)
        agentHealthCheck = reader.read(ServerSettings.agentHealthCheckInterval)
        retry = reader.read(ServerSettings.retryInterval)
        jobTimeout = reader.read(ServerSettings.jobTimeoutInterval)
        shortLivedExpiryCheck = reader.read(ServerSettings.shortLivedExpiryCheckInterval)
        awaitingCSRTimeout = reader.read(ServerSettings.awaitingCSRTimeout)
        awaitingApprovalTimeout = reader.read(ServerSettings.awaitingApprovalTimeout)
        runningLease = reader.read(ServerSettings.runningLease)
        agentOfflineJobTTL = reader.read(ServerSettings.agentOfflineJobTTL)
        agentOfflineAfter = reader.read(ServerSettings.agentOfflineAfter)
    }
}

/// What agents do at a deployment unless told otherwise.
package struct DeploymentDefaults: Sendable {
    /// Earlier files kept per target; `nil` keeps none.
    package let backupRetention: Int?
    package let verifies: Bool
    package let verifyTimeout: Duration
    package let verifyDelay: Duration

    init(reading reader: inout SettingReader) {
        let retention = reader.read(ServerSettings.backupRetention)
        backupRetention = BackupRetention.count(retention)
        verifies = reader.read(ServerSettings.verifyDeployment)
        verifyTimeout = reader.read(ServerSettings.verifyTimeout)
        verifyDelay = reader.read(ServerSettings.verifyDelay)
    }
}

/// The wire form of a backup count: -1 is none, 0 is the default of 3.
enum BackupRetention {
    static func count(_ value: Int) -> Int? {
        if value < 0 { return nil }
        return value == 0 ? 3 : value
    }
}
