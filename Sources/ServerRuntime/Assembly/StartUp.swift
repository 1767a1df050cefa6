import Access
import ConnectorKit
import Domain
import HTTPServing
import HostEffects
import Lifecycle
import Logging
import PKI
import Query
import Sealing
import ServiceLifecycle
import Settings
import Store
import Synchronization
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bootstrap flow, which exists once start-up knows whether an administrator does.
final class BootstrapLatch: Sendable {
    private let current = Mutex<BootstrapFlow?>(nil)

    var flow: BootstrapFlow? { current.withLock { $0 } }

    func set(_ flow: BootstrapFlow) { current.withLock { $0 = flow } }
}

/// The newest migration of the database, known when start-up has looked at it.
final class SchemaVersion: Sendable {
    private let version = Mutex<String?>(nil)

    var current: String? { version.withLock { $0 } }

    func record(_ status: MigrationStatus) {
        version.withLock { $0 = (status.applied + status.unknown).map(\.version).max() }
    }
}

/// What a server does between taking its port and serving, then the background work.
///
/// Probes are answered meanwhile; everything else is 503 with the step in progress.
struct StartUp: Service {
    static var processID: Int32 { getpid() }
    /// Days after which a root secret should be replaced (SP 800-57 Part 1 §5.3.6).
    private static let keyLifetime = 365

    let configuration: ServerConfiguration
    let directory: DataDirectory
    let sealing: SealingKey
    let tls: ServerTLS
    let opening: DatabaseOpening
    let database: any MigratableDatabase
    let schema: SchemaVersion
    let state: ServingState
    let weakKeys: WeakKeyFiles
    let setup: SetupTokenFile
    let bootstrap: BootstrapLatch
    let chosenToken: SetupToken?
    let makeBootstrap: @Sendable (SetupToken?) -> BootstrapFlow
    let seed: IssuerSeed
    let declaredKeys: DeclaredKeySetup
    let sessionKeys: SessionKeyFlow
    let guards: BootGuards
    let issuers: IssuerLoader
    let recovery: OrderRecovery
    let keeper: KeyKeeper
    let sealingWatch: SealingWatch
    let scheduler: SchedulerService
    let log: Logger
    let tell: @Sendable (String) -> Void

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cancelWhenGracefulShutdown { await issuers.run() } }
            defer { group.cancelAll() }
            do {
                try await prepare()
            } catch is CancellationError where Task.isShuttingDownGracefully {
                return
            }
            state.markReady()
            log.notice("ready")
            group.addTask { try await scheduler.run() }
            group.addTask { try await sealingWatch.run() }
            try await group.waitForAll()
        }
    }

    private func prepare() async throws {
        state.setStep("connecting to the database")
        // Whoever stops a server that waits does not wait with it.
        try await cancelWhenGracefulShutdown { try await opening.awaitAnswer(of: database) }
        try await opening.describe(database)
        state.setStep("reading lists of weak keys")
        try weakKeys.load(configuration.pki.weakKeyFiles)
        state.setStep("migrating the database")
        try await opening.migrate(database) { event in
            if case .finished(let status) = event { schema.record(status) }
            guard let step = event.text else { return }
            if case .waitingForOthers = event {
                state.setStep(step, awaitsMigrations: true)
            } else {
                state.setStep(step)
            }
        }
        state.setStep("checking the audit log")
        try await checkTampering()
        state.setStep("checking the encryption key")
        try await admitKeys()
        if configuration.database.isShared {
            state.setStep("sharing the TLS certificate")
            try await tls.share(through: SharedServerIdentity(database: database, sealer: sealing.sealer))
        }
        state.setStep("checking who administers")
        try await guards.check()
        state.setStep("declaring API keys")
        try await declaredKeys.declare()
        state.setStep("preparing session keys")
        do {
            try await sessionKeys.prepare()
        } catch let error as SealingError {
            throw StartUpFailure(.configuration, "the key that signs sessions cannot be read: \(error)")
        }
        state.setStep("loading issuers")
        let usesSuppliedCA = try await seed.plant()
        if configuration.subordinateCA != nil, !usesSuppliedCA {
            log.warn(
                "CERTCTL_CA_CERT_PATH has no effect: the issuer was made through the API, which its CA belongs to",
                .issuer(IssuerSeed.local)
            )
        }
        try await loadIssuers(required: usesSuppliedCA ? IssuerSeed.local : nil)
        if !configuration.database.isShared {
            // The only process of this database has just begun: whatever was submitted belongs to one that ended.
            _ = try await recovery.abandonLost(olderThan: .zero)
        }
        state.setStep("preparing set-up")
        // An operator's token takes the place of a generated one.
        let generated = chosenToken == nil && !configuration.demo.isActive ? try await setup.prepare(database) : nil
        bootstrap.set(makeBootstrap(generated))
        if chosenToken != nil, try await !BootstrapFlow.isOpen(database) {
            log.warning("CERTCTL_BOOTSTRAP_TOKEN is set although an administrator exists; remove it")
        }
        tell(banner(generated).text)
    }

    /// Who could change the audit log without leaving a trace in the database is the role that the server itself uses,
    /// unless it owns nothing of it (security §9.3).
    private func checkTampering() async throws {
        let ways = try await database.read { try AuditTampering.ways(in: $0) }
        guard !ways.isEmpty else { return }
        if configuration.audit.isStrictWORM {
            throw StartUpFailure(
                .configuration,
                "CERTCTL_AUDIT_STRICT_WORM is on and this server could change the audit log: "
                    + ways.joined(separator: "; ")
                    + ". Use a database role of its own, as docs/operators/audit.md says, or turn the setting off")
        }
        log.warn(
            "the database role of this server could change the audit log; see CERTCTL_AUDIT_STRICT_WORM",
            LogField("ways", ways.joined(separator: "; "))
        )
    }

    /// Proves that this server has the keys that the database is sealed with, before it opens anything.
    private func admitKeys() async throws {
        let admission: KeyKeeper.Admission
        do {
            admission = try await keeper.admit()
        } catch let error as KeyFailure {
            throw StartUpFailure(.configuration, error.description)
        }
        try sealing.files?.promote(admission.activeID)
        let key = LogField("kek_id", admission.activeID)
        if admission.isWaiting, sealing.files == nil {
            log.warn(
                "the configured encryption key does not seal yet: when every server has it, run certctl admin rotate-key",
                key
            )
        }
        let age = Int((sealingWatch.time.now - admission.activeSince) / .days(1))
        if age > Self.keyLifetime {
            log.warn("the encryption key is over a year old; replace it: certctl admin rotate-key", key)
        }
        let old = try await sealingWatch.flow.resealer.sealLegacy()
        if old.resealed > 0 { log.info("values of an earlier program were sealed", LogField("values", old.resealed)) }
        for failure in old.failures { log.error("a sealed value does not open", LogField("error", failure)) }
    }

    /// Settings that cannot be followed end the start: the CA that they supply is the one that is to issue.
    private func loadIssuers(required: IssuerID?) async throws {
        do {
            try await issuers.begin(required: required)
        } catch let error as IssuerError {
            throw Self.unusable("\(error.message). \(error.help)", as: .configuration)
        } catch let error as FileError {
            throw Self.unusable("\(error)", as: .permission)
        }
    }

    private static func unusable(_ reason: String, as status: ExitStatus) -> StartUpFailure {
        StartUpFailure(
            status,
            "the CA of CERTCTL_CA_CERT_PATH and CERTCTL_CA_KEY_PATH cannot be used, so nothing could be issued: "
                + reason)
    }

    private func banner(_ token: SetupToken?) -> Banner {
        let kind =
            switch configuration.database.location {
            case .sqlite(let path): "SQLite, \(path)"
            case .sqliteInMemory: "SQLite, in memory: everything is lost at the end"
            case .postgres: "PostgreSQL"
            }
        let authority = tls.authority
        let isKeyGenerated = configuration.secrets.encryptionKey == nil
        return Banner(
            url: Self.url(configuration.listener),
            dataDirectory: directory.path,
            database: kind,
            authorityFingerprint: authority?.fingerprintSHA256,
            authorityPath: authority == nil ? nil : directory.authorityCertificate,
            setupToken: token,
            setupTokenPath: directory.setupTokenFile,
            sealingKeyPath: isKeyGenerated ? directory.sealingKeyFile : nil
        )
    }

    /// By what URL the person at the terminal goes on: the public one when there is one.
    private static func url(_ listener: ListenerConfiguration) -> String {
        listener.isPublicURLGiven ? listener.publicURL.text : "https://\(urlHost(listener.host)):\(listener.port)"
    }

    private static func urlHost(_ host: String) -> String {
        if host == "0.0.0.0" || host == "::" { return "localhost" }
        return host.contains(":") ? "[\(host)]" : host
    }
}
