package import Domain
import HTTPServing
import HostEffects
import Logging
import NIOPosix
import Query
import ServiceLifecycle
package import Settings
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The control plane as one program: reads top to bottom as the start-up sequence (specification, operations §5.1).
package struct ServerProgram: Sendable {
    private let started: LoadedConfiguration<ServerConfiguration>
    private let load: ConfigurationLoader
    private let time: TimeSource
    private let random: RandomSource
    private let fileSystem = FileSystem.live
    /// Where the banner goes.
    private let tell: @Sendable (String) -> Void

    /// - `load`: Reads the settings again, on SIGHUP.
    package init(
        _ started: LoadedConfiguration<ServerConfiguration>,
        load: @escaping ConfigurationLoader,
        time: TimeSource = .system,
        random: RandomSource = .system,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.started = started
        self.load = load
        self.time = time
        self.random = random
        self.tell = tell
    }

    private var configuration: ServerConfiguration { started.configuration }

    /// Serves until SIGTERM or SIGINT; a second one ends the process on the spot.
    ///
    /// - Throws: ``StartUpFailure`` when the server cannot start.
    package func run() async throws {
        do {
            try await start()
        } catch let error as FileError {
            throw StartUpFailure(error)
        }
    }

    private func start() async throws {
        ProcessSecrets.conceal(variables: Program.secretVariables)
        ProcessSecrets.preventCoreDumps()
        // Everything that this process creates is its own alone, SQLite's side files included.
        _ = umask(0o077)
        let instance = Self.instanceName(random)
        let logs = ServerLog.bootstrap(configuration.logging, instance: instance, time: time)
        let log = logs.logger("server")
        log.info(
            "certctl starting", LogField("pid", Int(getpid())), LogField("commit", BuildInfo.commit),
            LogField("storage", (configuration.database.isShared ? Engine.postgres : .sqlite).rawValue),
            LogField("listen", "\(configuration.listener.host):\(configuration.listener.port)"),
            LogField("config_file", started.file ?? "")
        )

        let violations = StaticGuards.violations(configuration, fileSystem: fileSystem, time: time)
        guard violations.isEmpty else { throw InvalidConfiguration(program: .server, violations: violations) }
        let directory = try DataDirectory(preparing: configuration.dataDirectory, fileSystem: fileSystem)
        let sealing = try SealingKey.load(
            configuration, directory: directory, fileSystem: fileSystem, time: time, random: random
        )
        let tls = try await ServerTLS.load(
            configuration, directory: directory, fileSystem: fileSystem, time: time, random: random,
            log: logs.logger("tls")
        )
        let metrics = MetricsRegistry(time: time)
        let opening = DatabaseOpening(
            configuration: configuration.database, instance: instance, metrics: metrics, fileSystem: fileSystem,
            time: time, log: logs.logger("db")
        )
        let live = LiveConfiguration(started, load: load, metrics: metrics, log: log)
        live.follow { ServerLog.apply($0.logging, to: logs) }
        let open = try opening.open()
        let server = try ServerAssembly(
            configuration: configuration, live: live, instance: instance, directory: directory, sealing: sealing,
            tls: tls, opening: opening, database: open.database, metrics: metrics, fileSystem: fileSystem, time: time,
            random: random, logs: logs, tell: tell
        )
        defer { withExtendedLifetime(open.fileLock) {} }
        do {
            try await serve(server, live: live, tls: tls, log: log, logs: logs)
        } catch {
            await open.database.close()
            throw error
        }
        await open.database.close()
        log.notice("certctl stopped")
    }

    private func serve(
        _ server: ServerAssembly,
        live: LiveConfiguration,
        tls: ServerTLS,
        log: Logger,
        logs: LogBootstrap
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let drain = DrainPlan(
            delay: configuration.drainDelay, budget: max(.seconds(1), configuration.shutdownBudget - .seconds(5)))
        var listeners: [HTTPListener] = []
        do {
            listeners.append(
                try await HTTPListener.bind(
                    host: configuration.listener.host, port: configuration.listener.port, responder: server.dispatcher,
                    material: tls.material, limits: server.limits, drain: drain, group: group
                )
            )
            if let address = configuration.pki.listen {
                listeners.append(
                    try await HTTPListener.bind(
                        host: address.host, port: address.port, responder: server.relyingParties, material: nil,
                        limits: server.limits, drain: drain, group: group
                    )
                )
            }
        } catch let error as BindFailure {
            for listener in listeners { await listener.close() }
            throw StartUpFailure(.failure, error.description)
        }
        // The last one is ended first: nothing that a request in flight needs ends before the listeners.
        var services: [any Service] = [
            server.startUp, server.accessSignals, ListenerService(listeners: listeners),
            TLSMaintenance(tls: tls, interval: { live.read { $0.tls.reloadInterval } }, time: time),
            ReloadService(configuration: live, tls: tls, log: log),
        ]
        if configuration.demo.isActive, let end = configuration.demo.acknowledgedUntil {
            services.append(DemoDeadline(end: end, time: time, log: log))
        }
        var quiet = logs.logger("services")
        quiet.logLevel = .error
        var plan = ServiceGroupConfiguration(
            // Gracefully, because probes are being answered when a start fails: the listener has to end their connections,
            // or the process dies of those that it drops.
            services: services.map {
                .init(
                    service: $0, successTerminationBehavior: .ignore,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            logger: quiet
        )
        plan.maximumGracefulShutdownDuration = configuration.shutdownBudget
        try await StopSignals(log: log).run(ServiceGroup(configuration: plan))
    }

    /// A name that no other process ever had: host, process id, and random digits.
    private static func instanceName(_ random: RandomSource) -> String {
        let digits = random.bytes(4).map { octet in
            let text = String(octet, radix: 16)
            return text.count == 1 ? "0\(text)" : text
        }
        return "\(ServerNames.hostName() ?? "host")-\(getpid())-\(digits.joined())"
    }
}
