import ConnectorKit
import Deployment
import Domain
import HostEffects
import Logging
import Outbound
import PKI
import ServiceLifecycle
import Settings
import TargetConnectors
import Telemetry
import UnixSignals

/// Wires the agent from its configuration; readable from top to bottom as the order of starting.
struct AgentAssembly: Sendable {
    let loaded: LoadedConfiguration<AgentConfiguration>
    let environment: [String: String]
    let console: Console

    var configuration: AgentConfiguration { loaded.configuration }
    var time: TimeSource { .system }
    var random: RandomSource { .system }

    var state: StateDirectory {
        StateDirectory(
            folder: DurableFolder(directory: configuration.stateDirectory, fileSystem: .live, random: random)
        )
    }

    // MARK: Commands

    func status(isJSON: Bool) -> Int32 {
        StatusCommand(state: state, time: time, console: console).run(isJSON: isJSON)
    }

    func enroll(isForced: Bool) async -> Int32 {
        for warning in loaded.warnings { console.error("certctl-agent: warning: \(warning)") }
        do {
            let url = try HTTPSURL(configuration.server.url.text)
            let (identity, isNew) = try await enrolment(at: url).run(request(at: url, isForced: isForced))
            console.output(
                isNew
                    ? "enrolled at \(identity.server) as \(identity.agent); the identity is in \(configuration.stateDirectory)"
                    : "already enrolled at \(identity.server) as \(identity.agent); nothing to do"
            )
            return ExitStatus.success
        } catch {
            console.error("certctl-agent: \(error)")
            return Self.exitStatus(of: error)
        }
    }

    func run() async -> Int32 {
        let log = AgentLog.make(configuration.logging, time: time)
        for warning in loaded.warnings { log.warn("configuration", LogField("finding", "\(warning)")) }
        do {
            try state.prepare()
            if let reason = try state.retirement.read() {
                log.error(
                    "this agent was retired; enrol it again with certctl-agent enroll",
                    LogField("reason", "\(reason)")
                )
                return ExitStatus.success
            }
            let lock = try ProcessLock(path: state.lockPath)
            let status = try await work(log)
            _ = consume lock
            return status
        } catch {
            log.error("the agent cannot go on", .error(error))
            return Self.exitStatus(of: error)
        }
    }

    /// What a person has to change, what may heal by itself, and the rest.
    static func exitStatus(of error: any Error) -> Int32 {
        switch error {
        case let error as EnrolmentError: error.exitCode
        case is HTTPSURLError, is StartError, is KeyAdoptionError, is TrustAnchorError, is OutboundProxyError:
            ExitStatus.configuration
        case let error as FileError where error.isPermissionProblem: ExitStatus.permission
        case is ProcessLockError: ExitStatus.unavailable
        default: ExitStatus.failure
        }
    }

    // MARK: Identity

    /// Who the agent is, where its control plane is, and whether this start made the identity.
    struct Standing: Sendable {
        let agent: AgentID
        let url: HTTPSURL
        let isNew: Bool
    }

    func standing(_ log: Logger) async throws -> Standing {
        let asked = try HTTPSURL(configuration.server.url.text)
        if let agent = configuration.agentID, configuration.apiKey != nil {
            try await pinAnchor(at: asked)
            return Standing(agent: agent, url: asked, isNew: false)
        }
        let isServerNamed = loaded.effective.contains { $0.declaration.key == "server.url" && $0.isChanged }
        if let stored = try state.identity.load() {
            if let agent = configuration.agentID, agent != stored.agent {
                log.warn(
                    "the configured agent id is not the one of the stored identity, which applies",
                    LogField("configured", "\(agent)"), .agent(stored.agent)
                )
            }
            let url = isServerNamed ? asked : try HTTPSURL(stored.server)
            return Standing(agent: stored.agent, url: url, isNew: false)
        }
        guard configuration.enrollToken != nil else { throw StartError.noIdentity }
        let (identity, _) = try await enrolment(at: asked).run(request(at: asked, isForced: false))
        log.info("enrolled", .agent(identity.agent), LogField("server", "\(asked)"))
        return Standing(agent: identity.agent, url: asked, isNew: true)
    }

    private func request(at url: HTTPSURL, isForced: Bool) throws -> Enrolment.Request {
        Enrolment.Request(
            url: url,
            token: configuration.enrollToken,
            name: configuration.name ?? HostFacts.hostName(),
            agent: configuration.agentID,
            pin: pin,
            trust: try trustBeforeEnrolment(),
            isForced: isForced
        )
    }

    private func enrolment(at url: HTTPSURL) async throws -> Enrolment {
        let host = try await hostFacts(url)
        return Enrolment(
            state: state,
            network: try .live(url: url, host: host, environment: environment, time: time, random: random),
            host: host,
            time: time
        )
    }

    func hostFacts(_ url: HTTPSURL) async throws -> HostFacts {
        let vantage = configuration.vantage.perspective.map { ACMEPerspective.capability(at: $0) }
        return try await BlockingWork.run { [policy = hostPolicy] in
            HostFacts.current(
                server: (url.host, url.port),
                softwareVersion: Version.number,
                capabilities: TargetCatalog.all.map(\.type.rawValue).filter { policy.allows(targetType: $0) }
                    + (vantage.map { [$0] } ?? [])
            )
        }
    }

    // MARK: Work

    private func work(_ log: Logger) async throws -> Int32 {
        let standing = try await standing(log)
        let host = try await hostFacts(standing.url)
        if configuration.server.skipsVerification {
            log.warn("the certificate of the control plane is not verified; anybody in between can take the key")
        }
        let connection = try connection(to: standing, as: host)
        do {
            let status = try await serve(standing, host, connection, log)
            try await connection.shutdown()
            return status
        } catch {
            try? await connection.shutdown()
            throw error
        }
    }

    func connection(to standing: Standing, as host: HostFacts) throws -> ControlPlaneConnection {
        try ControlPlaneConnection(
            url: standing.url,
            userAgent: host.userAgent,
            proxy: try OutboundProxy(environment: environment, for: standing.url),
            time: time,
            random: random,
            load: credentials
        )
    }

    private func serve(
        _ standing: Standing,
        _ host: HostFacts,
        _ connection: ControlPlaneConnection,
        _ log: Logger
    ) async throws -> Int32 {
        let isRestart = try wasStartedRecently()
        let session = session(standing, connection, log)
        let keys = KeyDirectory(
            root: DurableFolder(directory: configuration.keyDirectory, fileSystem: .live, random: random),
            generate: { spec in try PrivateKey.generate(spec) }
        )
        let deploymentHost = DeploymentHost(stateDirectory: configuration.stateDirectory, policy: hostPolicy)
        let hasResumed = try await Recovery(
            session: session,
            keys: keys,
            recoverDeployments: { try await Installer.recover(on: deploymentHost) }
        ).run()
        let isPrompt = standing.isNew || hasResumed || !isRestart
        await session.vitals.update { _ in }
        log.info(
            "agent started",
            .agent(standing.agent), LogField("server", "\(standing.url)"), LogField("version", Version.number)
        )
        let csr = CSRFlow(session: session, keys: keys)
        let deployment = DeploymentFlow(
            session: session,
            keys: keys,
            installer: .live(host: deploymentHost, defaults: { session.targetDefaults.current })
        )
        let test = HostTestFlow(
            session: session,
            tester: .live(host: deploymentHost, defaults: { session.targetDefaults.current })
        )
        let runner = JobRunner(
            session: session,
            csr: { await csr.run($0) },
            deploy: { await deployment.run($0) },
            test: { await test.run($0) }
        )
        // Stopped in reverse: no new work, running work to its end under heartbeats, then the last reports.
        var services: [any Service] = [
            SpoolService(session: session),
            HeartbeatService(session: session, host: host, isPrompt: isPrompt),
            JobService(session: session, runner: runner, grace: JobService.grace),
            PollService(session: session, isPrompt: isPrompt),
            ReloadService(connection: connection, log: log),
            RetirementService(session: session),
            TidyingService(session: session),
        ]
        if let vantage = configuration.vantage.perspective {
            services.append(VantageService(session: session, vantage: vantage, lookout: lookout))
        }
        try await ServiceGroup(
            configuration: .init(
                services: services.map { service in
                    .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: AgentLog.ofServiceGroup(log)
            )
        ).run()
        log.info("agent stopped", .agent(standing.agent))
        return ExitStatus.success
    }

    private func session(_ standing: Standing, _ connection: ControlPlaneConnection, _ log: Logger) -> AgentSession {
        let record = AgentStatusRecord(
            agent: standing.agent,
            server: standing.url.description,
            version: Version.number,
            processID: ProcessFacts.processID,
            startedAt: time.now,
            heartbeatInterval: configuration.heartbeatInterval
        )
        return AgentSession(
            controlPlane: ControlPlane(agent: standing.agent, transport: connection.transport),
            state: state,
            jobs: JobQueue(maxParallel: configuration.maxParallel),
            timing: LiveTiming(
                LiveTiming.Intervals(
                    heartbeat: configuration.heartbeatInterval,
                    poll: configuration.pollInterval,
                    pollWait: configuration.pollWait
                )
            ),
            targetDefaults: LiveTargetDefaults(configuration.deployment),
            vitals: AgentVitals(record, file: state.status, log: log),
            retirement: Retirement(marker: state.retirement, agent: standing.agent, time: time, log: log),
            time: time,
            random: random,
            log: log
        )
    }

    /// Agents that start together, after a power cut or in a crash loop, spread their first calls out.
    private func wasStartedRecently() throws -> Bool {
        guard let last = try state.status.read() else { return false }
        return time.now - last.startedAt < .minutes(10)
    }
}
