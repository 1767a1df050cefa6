import APIContract
import Access
import ConnectorKit
import ControlAPI
import Domain
import Encoding
import HTTPServing
import HostEffects
import IssuerConnectors
import Lifecycle
import Logging
import Outbound
import PKI
import Query
import Sealing
import ServiceLifecycle
import Settings
import Store
import TargetConnectors
import Telemetry

/// Wires the parts of the server together. Nothing here does I/O; ``StartUp`` does, once the port is taken.
struct ServerAssembly: Sendable {
    let dispatcher: Dispatcher
    /// Answers relying parties, and nothing else.
    let relyingParties: Dispatcher
    let limits: ListenerLimits
    let startUp: StartUp
    let accessSignals: AccessSignals

    init(
        configuration: ServerConfiguration,
        live: LiveConfiguration,
        instance: String,
        directory: DataDirectory,
        sealing: SealingKey,
        tls: ServerTLS,
        opening: DatabaseOpening,
        database: any MigratableDatabase,
        metrics: MetricsRegistry,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource,
        logs: LogBootstrap,
        tell: @escaping @Sendable (String) -> Void
    ) throws {
        let sealer = sealing.sealer
        let weakKeys = WeakKeyFiles(fileSystem: fileSystem, log: logs.logger("server"))
        let context = LifecycleContext(
            database: database, time: time, random: random,
            timing: live.read(Self.timing),
            observers: BackfillMetrics(metrics, log: logs.logger("backfill")).observing(
                LifecycleMetrics(metrics).observers),
            linter: Linter(configuration.pki.lints, algorithms: configuration.pki.algorithms),
            isReachable: configuration.pki.publicURL != nil,
            weakKeys: weakKeys.list
        )
        let authorities = AuthorityKeeper(database: database, sealer: sealer, time: time, random: random)
        let signers = SignerAssembly(
            configuration.pki, live: live, metrics: metrics, fileSystem: fileSystem, time: time, random: random,
            log: logs.logger("signer"))
        let authorityAccess = authorities.access(
            readCertificates: { try Self.read($0, fileSystem) },
            readKey: signers.readKey,
            publicURL: configuration.pki.publicURL, keys: signers.keys, linter: context.linter,
            ceilings: signers.ceilings, observe: signers.metrics.observe
        )
        let registry = IssuerRegistry(
            examine: authorities.examiner(authorityAccess), nodes: authorities.nodeMaker(authorityAccess),
            make: authorities.connectorMaker(authorityAccess))
        let revocationObservers = [
            RevocationObserver { revocation, tx in
                try OCSPResponseStore.invalidate(
                    authority: revocation.authorityID, serial: revocation.serialNumber, in: tx)
            }
        ]
        let ceremonyRule = ApprovalWiring.rule(configuration.access.ceremonyApproval)
        let ceremonies = CeremonyDesk(
            context, keeper: CheckpointKeeper(sealer: sealer, random: random), rule: { ceremonyRule })
        let hierarchy = HierarchyFlow(
            context, registry: registry, keeper: authorities, authorities: authorityAccess, ceremonies: ceremonies,
            revocationObservers: revocationObservers)
        let issue = IssueFlow(context, registry: registry, instance: instance)
        let authenticator = Authenticator(
            database: database, sealer: sealer, time: time, sharedKeys: Self.sharedKeys(configuration.access)
        )
        let access = AccessContext(
            database: database, authenticator: authenticator, time: time, random: random,
            allowsAuditorOverlap: configuration.access.allowsAuditorOverlap,
            grantApprovals: ApprovalWiring.grants(configuration.access, context)
        )
        let attempts = Self.attempts(configuration.rateLimit, database, metrics)
        let signIn = SignInAssembly(
            access, database: database, sealer: sealer, live: live, metrics: metrics, limiter: attempts, time: time,
            random: random, log: logs.logger("auth")
        )
        let approvals = ApprovalWiring.flow(context, access)
        let ocsp = try OCSPAssembly(
            context, registry: registry, sealer: sealer, live: live, directory: configuration.pki.ocspKeyDirectory,
            metrics: metrics, signers: signers, fileSystem: fileSystem, log: logs.logger("ocsp"))
        let acme = ACMEAssembly(
            context, issue: issue, registry: registry,
            revoke: RevokeFlow(context, observers: revocationObservers), sealer: sealer, live: live,
            limiter: attempts, instance: instance,
            resolverFile: { try? fileSystem.read("/etc/resolv.conf").map { String(decoding: $0, as: UTF8.self) } },
            metrics: metrics, log: logs.logger("acme"))
        let chosen = try Self.chosenToken(configuration.secrets.bootstrapToken)
        let (bootstrap, schema) = (BootstrapLatch(), SchemaVersion())
        let state = ServingState()
        let startedAt = time.now
        let setup = SetupTokenFile(
            path: directory.setupTokenFile, fileSystem: fileSystem, time: time, random: random
        )
        ProcessMetrics.register(in: metrics, startedAt: startedAt)
        BuildInfo.register(in: metrics, storage: database.engine)
        let leadership = Leadership(
            holder: instance, host: ServerNames.hostName() ?? "", processID: Int(StartUp.processID),
            database: database, time: time, random: random, log: logs.logger("scheduler")
        )
        LeadershipMetrics.register(leadership, in: metrics)
        let lists = RevocationListWiring(
            context, registry: registry, leadership: leadership, metrics: metrics, log: logs.logger("crl"),
            plan: live.read { Self.listPlan($0.pki) }, release: hierarchy.release)
        let audit = try Self.auditLoops(
            configuration.audit, through: EgressGuard(policy: configuration.egress.policy), context: context,
            leadership: leadership, sealer: sealer,
            metrics: AuditMetrics(metrics, log: logs.logger("audit")), fileSystem: fileSystem
        )
        let census = configuration.database.isShared ? ReplicaCensus(database: database, instance: instance) : nil
        let bootFlow = BootFlow(database: database, random: random)
        let risks = RiskMetrics(metrics)
        risks.show(configuration.risks)
        let keeper = KeyKeeper(
            database: database, sealer: sealer, instance: instance, isAlone: !configuration.database.isShared)
        let rekey = RekeyFlow(
            context, sealer: sealer, keeper: keeper, makeKey: Self.keyMaker(sealing.files))
        var services = ControlPlaneServices(
            context: context, sealer: sealer, rekey: rekey, keyProvider: sealing.provider.rawValue, audit: audit,
            registry: registry, revocationLists: lists.shelf, issue: issue, hierarchy: hierarchy,
            targetRules: Self.targetRules,
            authenticator: authenticator, access: access, signIn: signIn.services, approvals: approvals,
            relyingParties: ocsp.handlers, acme: acme.handlers, perspectives: acme.perspectives,
            longestKeyLifetime: configuration.access.longestKeyLifetime,
            bootstrap: { bootstrap.flow },
            enrollment: EnrollmentFlow(
                database: database, time: time, random: random,
                bootstrapToken: { live.read { $0.secrets.agentBootstrapToken } }
            ),
            state: state, metrics: metrics, startedAt: startedAt,
            version: { Self.version(schema) },
            controlPlaneCA: { tls.authority?.pem },
            agentConfig: { FleetDefaults.wire(live.read { $0.deployment }) },
            onBootstrap: { try? setup.remove() }
        )
        services.revocationObservers = revocationObservers
        let health = ProtocolHealth(metrics, log: logs.logger("protocols"))
        let issuers = IssuerLoader(database: database, registry: registry, time: time, log: logs.logger("server"))
        services.protocolFindings = { health.complaints.merging(issuers.complaints) { $1 } }
        let bulkRule = ApprovalWiring.rule(configuration.access.bulkRevocationApproval)
        services.bulkRevocationRule = { bulkRule }
        let bulk = BulkRevokeLoop(
            context, BulkRevokeFlow(context, observers: services.revocationObservers, rule: { bulkRule }))
        var environment = ServingEnvironment(
            state: state,
            authenticator: BearerAuthenticator(authenticator, sessions: signIn.services.recogniser), registry: metrics,
            logger: logs.logger("http"), time: time, random: random
        )
        let rateLimits = RateLimits(
            settings: Self.rateLimits(configuration.rateLimit), attempts: attempts, replicas: { census?.count ?? 1 })
        environment.rateLimits = rateLimits
        environment.cookies = signIn.cookies
        if configuration.demo.isActive {
            services.isDemo = true
            environment.anonymousPrincipal = BootFlow.principal
        }
        environment.idempotency = DatabaseIdempotencyKeeper(
            database: database, sealer: sealer, ttl: { live.read { $0.idempotencyTTL } }
        )
        environment.explain = StorageProblem.explain
        environment.refused = audit.refusals.note
        environment.renderACMERefusal = acme.handlers.rendering
        if configuration.audit.onBreak == .readonly {
            environment.refusesChange = Self.refusal(while: AuditCustody(context))
        }
        Self.apply(configuration.listener, to: environment.rules)
        let settings = SettingsGeneration()
        live.follow { [rules = environment.rules] new in
            rateLimits.update(Self.rateLimits(new.rateLimit))
            risks.show(new.risks)
            Self.apply(new.listener, to: rules)
            weakKeys.reload(new.pki.weakKeyFiles)
            settings.advance()
        }
        limits = environment.rules.limits
        dispatcher = try Dispatcher(
            ControlPlaneAPI.handlers(services), switchedOff: signIn.switchedOff.union(acme.switchedOff),
            environment: environment)
        relyingParties = try Dispatcher(
            ControlPlaneAPI.relyingPartyHandlers(services), routes: PKIRoutes.all, environment: environment)

        let recovery = OrderRecovery(context, registry: registry)
        let ticks = SchedulerMetrics(metrics)
        let runner = LoopRunner(
            loops: LoopTable.loops(
                context, leadership: leadership, recovery: recovery, issue: issue,
                permits: { [gate = acme.gate] job in try await gate.permits(job) }, approvals: approvals,
                audit: audit, keys: KeyWatch.loop(configuration.access, access, logs.logger("auth")), census: census,
                intervals: live.read { Self.intervals($0) }
            ) + signIn.loops(leadership) + ocsp.loops(leadership) + acme.loops(leadership) + [
                lists.publisher.loop, bulk.loop, TrustUpkeep(context, hierarchy: hierarchy).loop,
                UpstreamRevocationWiring.revocations(
                    context, registry: registry, metrics: metrics, log: logs.logger("revocation")
                ).loop,
            ],
            leadership: leadership, database: database, time: time, random: random, log: logs.logger("scheduler"),
            observe: ticks.observe
        )
        startUp = StartUp(
            configuration: configuration, directory: directory, sealing: sealing, tls: tls, opening: opening,
            database: database, schema: schema, state: state, weakKeys: weakKeys, setup: setup, bootstrap: bootstrap,
            chosenToken: chosen,
            makeBootstrap: { generated in
                BootstrapFlow(
                    database: database, sealer: sealer, time: time, random: random, chosen: chosen,
                    generated: generated, generatedUntil: startedAt + SetupTokenFile.lifetime, limiter: attempts
                )
            },
            seed: IssuerSeed(
                database: database, flow: IssuerFlow(context, sealer: sealer, registry: registry),
                subordinate: configuration.subordinateCA, algorithms: context.algorithms
            ),
            declaredKeys: DeclaredKeySetup(
                keys: configuration.access.declaredKeys, isLegacy: configuration.access.hasLegacyKeys,
                flow: DeclaredKeyFlow(access), log: logs.logger("auth")
            ),
            sessionKeys: signIn.services.keys,
            guards: BootGuards(
                demo: configuration.demo, risks: configuration.risks, instance: instance, flow: bootFlow,
                log: logs.logger("auth")
            ),
            issuers: issuers, recovery: recovery,
            keeper: keeper,
            sealingWatch: SealingWatch(
                keeper: keeper, flow: rekey, database: database, leadership: leadership, time: time,
                metrics: SealingMetrics(metrics), settle: { try sealing.files?.promote($0) },
                log: logs.logger("sealing")
            ),
            scheduler: SchedulerService(
                leadership: leadership, runner: runner, validation: acme.validation, desk: acme.desk,
                selfTest: ProtocolSelfTest(
                    database: database, time: time, health: health, directories: acme.directories,
                    authorities: ocsp.authorities, settings: settings, ask: dispatcher.ask,
                    log: logs.logger("protocols")),
                refusals: audit.refusals, exporter: audit.exporter, log: logs.logger("scheduler")
            ),
            log: logs.logger("server"), tell: tell
        )
        accessSignals = AccessSignals(
            database: database, authenticator: authenticator, sessionKeys: signIn.services.keys)
    }

    private static func read(_ path: String, _ fileSystem: FileSystem) throws -> String {
        guard let octets = try fileSystem.read(PathRules.realPath(path) ?? path) else {
            throw IssuerError(
                .validation, "\(path) does not exist", help: "correct the path in the issuer's configuration")
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// Makes keys where they are generated; `nil` where the operator supplies them.
    private static func keyMaker(_ files: KeyFiles?) -> (@Sendable () throws -> KeyEncryptionKey)? {
        guard let files else { return nil }
        return { try files.make() }
    }

    private static func chosenToken(_ secret: Secret?) throws -> SetupToken? {
        guard let secret else { return nil }
        guard let token = SetupToken(chosen: secret) else {
            throw StartUpFailure(
                .configuration,
                "CERTCTL_BOOTSTRAP_TOKEN must have at least 32 characters; make one with: openssl rand -hex 32"
            )
        }
        return token
    }

    private static let targetRules = TargetTypeRules(
        schema: { type in try targetDescriptor(type).schema },
        problems: { type, config in
            try targetDescriptor(type).problems(in: .object(config), at: JSONPointer.root.appending("config"))
        }
    )

    private static func targetDescriptor(_ type: TargetType) throws(ServiceError) -> TargetDescriptor {
        do {
            return try TargetCatalog.descriptor(of: type)
        } catch {
            throw ServiceError(
                .unprocessable, error.description,
                problems: [FieldProblem(pointer: "/type", code: "not_available", detail: error.description)]
            )
        }
    }

    private static func version(_ schema: SchemaVersion) -> VersionBody {
        VersionBody {
            $0.version = Version.number
            $0.commit = BuildInfo.commit
            $0.isModified = BuildInfo.isModified
            $0.buildTime = BuildInfo.time
            $0.goVersion = BuildInfo.toolchain
            $0.toolchain = BuildInfo.toolchain
            $0.runtime = BuildInfo.toolchain
            $0.schemaVersion = schema.current
        }
    }

    private static func timing(_ configuration: ServerConfiguration) -> LifecycleTiming {
        let schedule = configuration.schedule
        var timing = LifecycleTiming()
        timing.runningLease = schedule.runningLease
        timing.awaitingCSRTimeout = schedule.awaitingCSRTimeout
        timing.awaitingApprovalTimeout = schedule.awaitingApprovalTimeout
        timing.bypassesApprovals = configuration.access.bypassesApprovals
        timing.agentOfflineAfter = schedule.agentOfflineAfter
        timing.agentOfflineJobTTL = schedule.agentOfflineJobTTL
        timing.eventsRetention = configuration.eventsRetention
        return timing
    }

    private static func auditLoops(
        _ configuration: AuditConfiguration,
        through egress: EgressGuard,
        context: LifecycleContext,
        leadership: Leadership,
        sealer: Sealer,
        metrics: AuditMetrics,
        fileSystem: FileSystem
    ) throws -> AuditLoops {
        var plan = AuditPlan()
        plan.checkpointInterval = configuration.checkpointInterval
        plan.verifyInterval = configuration.verifyInterval
        plan.retention = configuration.retention
        return AuditLoops(
            plan: plan,
            sequencer: AuditSequencer(context, leadership: leadership, sealer: sealer, plan: plan),
            verifier: AuditVerifier(
                context, leadership: leadership, sealer: sealer, observers: metrics.observers),
            retention: AuditRetention(
                context, leadership: leadership, sealer: sealer,
                target: ArchiveDirectory.target(
                    configuration.archiveDirectory, fileSystem: fileSystem, time: context.time),
                plan: plan
            ),
            exporter: AuditExporter(
                context, leadership: leadership,
                sinks: try AuditSinks.make(configuration, through: egress, fileSystem: fileSystem, time: context.time),
                observe: metrics.delivered
            ),
            refusals: RefusalAudit(context)
        )
    }

    /// What changes something waits while a divergence of the audit log is open, except looking into it, acknowledging
    /// it, and signing in for that.
    private static func refusal(
        while custody: AuditCustody
    ) -> @Sendable (Route) async throws -> ServiceError? {
        { route in
            guard route.auditAction != nil, !AuditRoutes.whileBroken.contains(route.id) else { return nil }
            return try await custody.refusal()
        }
    }

    private static func sharedKeys(_ configuration: AccessConfiguration) -> SharedKeyRule {
        switch configuration.sharedAgentKeys {
        case .bind: .bind
        case .allow: .allow
        case .deny: .deny
        }
    }
}
