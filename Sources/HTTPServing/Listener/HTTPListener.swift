import Domain
import Logging
import NIOCore
package import NIOPosix
import ServiceLifecycle

/// A port that could not be taken: the process ends with exit code 1.
package struct BindFailure: Error, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int
    package let reason: String
    /// The settings that name another port.
    var settings = "CERTCTL_SERVER_HOST and CERTCTL_SERVER_PORT"

    package var description: String {
        "cannot listen on \(host):\(port): \(reason). Stop what holds the port, or set \(settings)"
    }
}

/// How long a shutdown may take.
package struct DrainPlan: Sendable {
    /// Readiness is red for this long before the port closes.
    package var delay: Duration
    /// From the signal to the moment when open connections are cut.
    package var budget: Duration

    package init(delay: Duration = .zero, budget: Duration = .seconds(25)) {
        self.delay = delay
        self.budget = budget
    }
}

/// A listener: the HTTPS one with TLS 1.3, HTTP/1.1 and HTTP/2, or one in the clear with HTTP/1.1 for relying parties.
///
/// ``bind(host:port:responder:material:limits:state:metrics:time:logger:group:)`` takes the port at once; connections
/// wait in the kernel until ``run()`` accepts them.
package struct HTTPListener: Service {
    private let server: any Channel
    private let connections: AsyncStream<AcceptedConnection>
    private let registry: ConnectionRegistry
    private let service: ConnectionService
    private let state: ServingState
    private let drain: DrainPlan
    private let time: TimeSource
    private let logger: Logger

    /// The port that was taken, when 0 was asked for.
    package var port: Int { server.localAddress?.port ?? 0 }

    /// - `material`: `nil` to serve in the clear: only for a dispatcher whose routes need no credential.
    /// - Throws: ``BindFailure``.
    package static func bind(
        host: String, port: Int, responder: Dispatcher, material: TLSMaterialSource?,
        limits: ListenerLimits = ListenerLimits(), drain: DrainPlan = DrainPlan(),
        group: MultiThreadedEventLoopGroup = .singleton
    ) async throws -> HTTPListener {
        let environment = responder.environment
        let (connections, continuation) = AsyncStream<AcceptedConnection>.makeStream(
            bufferingPolicy: .bufferingOldest(limits.maximumConnections)
        )
        let registry = ConnectionRegistry()
        let pipeline = ConnectionPipeline(material: material, limits: limits, refusals: responder)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = ConnectionGate(
                        limits: limits, metrics: environment.metrics, rules: environment.rules)
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .childChannelInitializer { channel in
                pipeline.setUp(channel).map { connection in
                    registry.add(channel)
                    if case .enqueued = continuation.yield(connection) { return }
                    channel.close(promise: nil)
                }
            }
        do {
            let server = try await bootstrap.bind(host: host, port: port).get()
            server.closeFuture.whenComplete { _ in continuation.finish() }
            return HTTPListener(
                server: server, connections: connections, registry: registry,
                service: ConnectionService(responder: responder, limits: limits, isEncrypted: material != nil),
                state: environment.state,
                drain: drain, time: environment.time, logger: environment.logger
            )
        } catch {
            continuation.finish()
            var failure = BindFailure(host: host, port: port, reason: "\(error)")
            if material == nil { failure.settings = "CERTCTL_PKI_HTTP_LISTEN" }
            throw failure
        }
    }

    /// Accepts and serves until a graceful shutdown, then drains within the budget.
    package func run() async throws {
        do {
            try await server.setOption(.autoRead, value: true).get()
        } catch ChannelError.ioOnClosedChannel {
            // A shutdown came before the first connection could.
            return
        }
        logger.info("listening", metadata: ["port": "\(port)"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { group in
                    for await connection in connections {
                        group.addTask { await service.serve(connection) }
                    }
                }
            }
            group.addTask {
                do { try await gracefulShutdown() } catch is CancellationError { return }
                await drainConnections()
            }
            try await group.next()
            group.cancelAll()
        }
        try? await server.close()
    }

    /// For a listener that was bound and will not run.
    package func close() async { try? await server.close() }

    /// Readiness turns red, the port closes, answers in flight are finished, the rest is cut. ``run()`` returns then.
    package func drainConnections() async {
        state.beginDrain()
        logger.info("draining", metadata: ["connections": "\(registry.count)"])
        // Cancellation cuts the waits short; the connections are cut either way.
        try? await time.sleep(drain.delay)
        try? await server.close()
        registry.quiesce()
        let deadline = time.now + (drain.budget - drain.delay)
        while registry.count > 0, time.now < deadline {
            do { try await time.sleep(.milliseconds(20)) } catch { break }
        }
        let left = registry.count
        if left > 0 {
            logger.warning("connections cut at the end of the shutdown budget", metadata: ["connections": "\(left)"])
        }
        registry.closeAll()
    }
}
