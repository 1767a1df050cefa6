package import Domain

/// What stands in the message part of syslog messages.
package enum AuditSyslogFormat: String, Sendable, CaseIterable {
    case rfc5424, cef
}

/// What the server does while the audit log diverges from what was sealed.
package enum AuditBreakResponse: String, Sendable, CaseIterable {
    case alert, readonly
}

/// The audit log (specification, operations §4.8, security §9).
extension ServerSettings {
    package static let auditVerifyInterval = Setting<Duration>(
        "audit.chain_verify_interval",
        .duration.within(.seconds(1) ... .days(365)),
        fallback: .hours(6),
        help: "How often the audit log is verified: what is new each time, everything once a week."
    )
    package static let auditCheckpointInterval = Setting<Duration>(
        "audit.checkpoint_interval",
        .duration.within(.seconds(1) ... .hours(1)),
        fallback: .seconds(60),
        help: "Longest time that sealed audit events wait for a signed checkpoint."
    )
    package static let auditRetention = Setting<Duration>(
        "audit.retention",
        .duration.within(.zero ... .days(36_500)),
        fallback: .zero,
        help: "Age at which audit events move from the database to an archive file; their hashes stay. 0 means never."
    )
    package static let auditArchiveDirectory = Setting<String?>(
        "audit.archive_dir",
        .path,
        derived: "audit-archive in the data directory",
        help: "Directory for archived audit events; created with mode 0700."
    )
    package static let auditOnBreak = Setting<AuditBreakResponse>(
        "audit.on_break",
        .choice,
        fallback: .alert,
        help: "When the audit log does not verify: alert only, or readonly: refuse changes until acknowledged."
    )
    package static let auditStrictWORM = Setting<Bool>(
        "audit.strict_worm",
        .bool,
        fallback: false,
        help: "Refuse to start when the server's database role could change the audit log. Needs PostgreSQL."
    )
    package static let auditSyslogURL = Setting<SyslogLocation?>(
        "audit.syslog_url",
        .syslogLocation,
        help: "Syslog receiver that is told of every audit event: tls://host:6514, or tcp:// to this machine."
    )
    package static let auditSyslogFormat = Setting<AuditSyslogFormat>(
        "audit.syslog_format",
        .choice,
        fallback: .rfc5424,
        help: "rfc5424: the event as JSON. cef: Common Event Format. Both in RFC 5424 messages."
    )
    package static let auditSyslogCABundle = Setting<String?>(
        "audit.syslog_ca_path",
        .path,
        derived: "the roots of the operating system",
        help: "PEM file with the CA of the syslog receiver."
    )
    package static let auditWebhookURL = Setting<ServerURL?>(
        "audit.webhook_url",
        .serverURL,
        help: "HTTPS address that receives every audit event in signed batches. Needs the secret too."
    )
    package static let auditWebhookSecret = Setting<Secret?>(
        "audit.webhook_secret",
        .secret.refined("a secret of at least 32 octets") { $0.count >= 32 },
        help: "Key of the HMAC-SHA-256 signature of webhook deliveries."
    )
    package static let auditWebhookCABundle = Setting<String?>(
        "audit.webhook_ca_path",
        .path,
        derived: "the roots of the operating system",
        help: "PEM file with the CA of the webhook receiver."
    )

    static let auditSettings: [SettingDeclaration] = [
        auditVerifyInterval.declaration, auditCheckpointInterval.declaration, auditRetention.declaration,
        auditArchiveDirectory.declaration, auditOnBreak.declaration, auditStrictWORM.declaration,
        auditSyslogURL.declaration, auditSyslogFormat.declaration,
        auditSyslogCABundle.declaration, auditWebhookURL.declaration, auditWebhookSecret.declaration,
        auditWebhookCABundle.declaration,
    ]
}

/// How the audit log is kept and who else is told.
package struct AuditConfiguration: Sendable {
    package struct Syslog: Sendable {
        package let location: SyslogLocation
        package let format: AuditSyslogFormat
        package let caBundle: String?
    }

    package struct Webhook: Sendable {
        package let url: ServerURL
        package let secret: Secret
        package let caBundle: String?
    }

    package let verifyInterval: Duration
    package let checkpointInterval: Duration
    /// Zero means for ever.
    package let retention: Duration
    package let archiveDirectory: String
    package let onBreak: AuditBreakResponse
    /// Whether the start ends when the database role could change the log.
    package let isStrictWORM: Bool
    package let syslog: Syslog?
    package let webhook: Webhook?

    init(
        reading reader: inout SettingReader, dataDirectory: String, isSharedDatabase: Bool, egress: EgressConfiguration
    ) {
        verifyInterval = reader.read(ServerSettings.auditVerifyInterval)
        checkpointInterval = reader.read(ServerSettings.auditCheckpointInterval)
        retention = reader.read(ServerSettings.auditRetention)
        let directory = reader.read(ServerSettings.auditArchiveDirectory) ?? "\(dataDirectory)/audit-archive"
        reader.derive(ServerSettings.auditArchiveDirectory, directory)
        archiveDirectory = directory
        onBreak = reader.read(ServerSettings.auditOnBreak)
        isStrictWORM = reader.read(ServerSettings.auditStrictWORM)
        if isStrictWORM, !isSharedDatabase {
            reader.reject(
                ServerSettings.auditStrictWORM,
                because: "needs PostgreSQL: whoever can write a SQLite file can change all of it")
        }
        syslog = Self.syslog(&reader)
        webhook = Self.webhook(&reader)
        if let syslog { egress.check(syslog.location.host, for: .audit, of: ServerSettings.auditSyslogURL, &reader) }
        if let webhook { egress.check(webhook.url.host, for: .audit, of: ServerSettings.auditWebhookURL, &reader) }
    }

    private static func syslog(_ reader: inout SettingReader) -> Syslog? {
        let location = reader.read(ServerSettings.auditSyslogURL)
        let format = reader.read(ServerSettings.auditSyslogFormat)
        let bundle = reader.read(ServerSettings.auditSyslogCABundle)
        guard let location else {
            if bundle != nil {
                reader.reject(
                    ServerSettings.auditSyslogCABundle, because: "has no use without CERTCTL_AUDIT_SYSLOG_URL")
            }
            return nil
        }
        if !location.isEncrypted, bundle != nil {
            reader.reject(ServerSettings.auditSyslogCABundle, because: "has no use with tcp://, which is not encrypted")
        }
        return Syslog(location: location, format: format, caBundle: bundle)
    }

    private static func webhook(_ reader: inout SettingReader) -> Webhook? {
        let url = reader.read(ServerSettings.auditWebhookURL)
        let secret = reader.read(ServerSettings.auditWebhookSecret)
        let bundle = reader.read(ServerSettings.auditWebhookCABundle)
        switch (url, secret) {
        case (.some(let url), .some(let secret)): return Webhook(url: url, secret: secret, caBundle: bundle)
        case (.some, nil):
            if !reader.isRejected(ServerSettings.auditWebhookSecret) {
                reader.reject(
                    ServerSettings.auditWebhookSecret,
                    because: "must be set together with CERTCTL_AUDIT_WEBHOOK_URL; create one: openssl rand -base64 32")
            }
            return nil
        case (nil, .some):
            if !reader.isRejected(ServerSettings.auditWebhookURL) {
                reader.reject(
                    ServerSettings.auditWebhookURL, because: "must be set together with CERTCTL_AUDIT_WEBHOOK_SECRET")
            }
            return nil
        case (nil, nil): return nil
        }
    }
}
