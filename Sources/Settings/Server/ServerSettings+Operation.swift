package import Domain

/// Logging, bootstrap secrets, rate limits (specification, operations §4.4–§4.6).
extension ServerSettings {
    package static let logLevel = Setting<LogThresholds>(
        "log.level",
        .logThresholds,
        fallback: LogThresholds(),
        reload: .hot,
        help: "Least severe level that is logged; also per component, as in info,scheduler=debug,http=warn."
    )
    package static let logFormat = Setting<LogFormat>(
        "log.format",
        .choice,
        fallback: .auto,
        reload: .hot,
        help: "auto: text on a terminal, JSON otherwise."
    )
    package static let bootstrapToken = Setting<Secret?>(
        "bootstrap_token",
        .secret.refined("a secret of at least 32 octets") { $0.count >= 32 },
        derived: "generated at first start",
        help: "One-time token that creates the first administrator."
    )
    package static let agentBootstrapToken = Setting<Secret?>(
        "agent.bootstrap_token",
        .secret,
        reload: .hot,
        help: "Static secret with which agents may enrol. Without it only one-time enrolment tokens are accepted."
    )
    package static let configEncryptionKey = Setting<Secret?>(
        "config.encryption_key",
        .secret.refined("a secret of at least 32 octets") { $0.count >= 32 },
        derived: "generated in the data directory (SQLite only)",
        help: "Key that seals CA keys and credentials in the database. Losing it loses them."
    )
    package static let previousEncryptionKeys = Setting<Secret?>(
        "config.encryption_key_previous",
        .secret,
        derived: "none",
        help: "Further keys that values may be sealed under, separated by commas or lines: those of before a rotation."
    )
    package static let kekProvider = Setting<KEKProvider?>(
        "kek.provider",
        .choice,
        derived: "whichever source has the key",
        help: "The only source that the encryption key may come from: env, file, or systemd-creds."
    )
    package static let rateLimitEnabled = Setting<Bool>(
        "rate_limit.enabled",
        .bool,
        fallback: true,
        reload: .hot,
        help: "Limit requests per authenticated actor, else per client address."
    )
    package static let rateLimitRate = Setting<Double>(
        "rate_limit.rps",
        .float.within(0.001...1_000_000),
        fallback: 50,
        reload: .hot,
        help: "Requests per second that a client address may make."
    )
    package static let rateLimitBurst = Setting<Int>(
        "rate_limit.burst",
        .int.within(1...1_000_000),
        fallback: 100,
        reload: .hot,
        help: "Requests that a client address may make at once."
    )
    package static let rateLimitUserRate = Setting<Double>(
        "rate_limit.per_user_rps",
        .float.within(0...1_000_000),
        fallback: 0,
        reload: .hot,
        help: "Requests per second of an authenticated actor; 0 means the same as for an address."
    )
    package static let rateLimitUserBurst = Setting<Int>(
        "rate_limit.per_user_burst",
        .int.within(0...1_000_000),
        fallback: 0,
        reload: .hot,
        help: "Requests of an authenticated actor at once; 0 means the same as for an address."
    )
    package static let rateLimitBucketTTL = Setting<Duration>(
        "rate_limit.bucket_ttl",
        .duration.within(.zero ... .days(7)),
        fallback: .hours(1),
        reload: .hot,
        help: "Time after which the account of an idle client is dropped; less than 1m means 1m."
    )
    package static let rateLimitBackend = Setting<RateLimitBackend>(
        "rate_limit.backend",
        .rateLimitBackend,
        fallback: .database,
        help:
            "Where attempts at credentials, set-up, enrolment and exports are counted. database (or postgres): shared by "
            + "replicas and kept over restarts. memory: by this process alone."
    )
    package static let rateLimitJanitorInterval = Setting<Duration>(
        "rate_limit.janitor_interval",
        .duration.within(.minutes(1) ... .hours(24)),
        fallback: .minutes(5),
        reload: .hot,
        help: "How often counts of attempts are removed that nobody repeated for a day."
    )
    package static let authFailureLimit = Setting<Int>(
        "auth.failure_limit_per_min",
        .int.within(1...100_000),
        fallback: 20,
        reload: .hot,
        help: "Unknown bearer tokens that an address may present in a minute. Further ones are answered 429."
    )
    package static let exportLimit = Setting<Int>(
        "cert.export_rate_limit_per_actor_hr",
        .int.within(1...1_000_000),
        fallback: 50,
        reload: .hot,
        help: "Exports that one actor may make in an hour."
    )
    package static let idempotencyTTL = Setting<Duration>(
        "idempotency_ttl",
        .duration.within(.minutes(1) ... .days(30)),
        fallback: .hours(24),
        reload: .hot,
        help: "How long the answer to a request with an Idempotency-Key is kept for a repetition."
    )
    package static let eventsRetention = Setting<Duration>(
        "events_retention",
        .duration.within(.minutes(1) ... .days(365)),
        fallback: .days(7),
        reload: .hot,
        help: "How long events can be read back."
    )

    static let operationSettings: [SettingDeclaration] = [
        logLevel.declaration, logFormat.declaration, bootstrapToken.declaration, agentBootstrapToken.declaration,
        configEncryptionKey.declaration, previousEncryptionKeys.declaration, kekProvider.declaration,
        rateLimitEnabled.declaration, rateLimitRate.declaration,
        rateLimitBurst.declaration, rateLimitUserRate.declaration, rateLimitUserBurst.declaration,
        rateLimitBucketTTL.declaration, rateLimitBackend.declaration, rateLimitJanitorInterval.declaration,
        authFailureLimit.declaration, exportLimit.declaration, idempotencyTTL.declaration, eventsRetention.declaration,
    ]
}
