import APIContract
import Access
import Domain
import Encoding
import HTTPServing
import Logging
import Synchronization
import Telemetry
import TestSupport

/// A listener on an ephemeral port with a few real and a few small routes.
struct Stage: Sendable {
    let port: Int
    let listener: HTTPListener
    let environment: ServingEnvironment
    let material: TLSMaterialSource
    let registry: MetricsRegistry
    let log: LogLines

    static let operatorKey = "ctk_operator"
    static let viewerKey = "ctk_viewer"
    static let agentKey = "agent-key"

    /// Starts, runs `body`, drains and waits for the end.
    static func run<Result: Sendable>(
        isReady: Bool = true, drain: DrainPlan = DrainPlan(),
        configure: (inout ServingEnvironment) -> Void = { _ in },
        _ body: @escaping @Sendable (Stage) async throws -> Result
    ) async throws -> Result {
        let identity = try await StageIdentity.shared.leaf
        let material = try TLSMaterialSource(
            TLSMaterial(chainPEM: identity.fullChain, keyPEM: Secret(identity.key)))
        let registry = MetricsRegistry(time: .system)
        let log = LogLines()
        let logs = LogBootstrap(
            format: .json, levels: LogLevels(.debug), instance: "test", time: .system, sink: log.sink)
        let state = ServingState(step: "applying migrations")
        var environment = ServingEnvironment(
            state: state, authenticator: StageAuthenticator(), registry: registry, logger: logs.logger("http"),
            time: .system, random: .system
        )
        environment.rateLimits = RateLimits(settings: StageLimits.off)
        configure(&environment)
        let dispatcher = try Dispatcher(
            StageRoutes.handlers(state), routes: StageRoutes.all, environment: environment
        )
        let listener = try await HTTPListener.bind(
            host: "127.0.0.1", port: 0, responder: dispatcher, material: material, limits: environment.rules.limits,
            drain: drain
        )
        if isReady { state.markReady() }
        let stage = Stage(
            port: listener.port, listener: listener, environment: environment, material: material, registry: registry,
            log: log
        )
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await listener.run()
                return nil
            }
            group.addTask {
                do {
                    let result = try await body(stage)
                    await listener.drainConnections()
                    return result
                } catch {
                    await listener.drainConnections()
                    throw error
                }
            }
            var result: Result?
            for try await value in group { result = value ?? result }
            guard let result else { throw CancellationError() }
            return result
        }
    }

    /// Runs `curl` against the stage.
    func curl(_ path: String, _ arguments: String...) async throws -> CurlReply {
        try await CurlReply.fetch(port: port, path: path, arguments)
    }
}

enum StageLimits {
    static var off: RateLimitSettings {
        var settings = RateLimitSettings()
        settings.isEnabled = false
        return settings
    }
}

/// One throw-away authority for all suites.
actor StageIdentity {
    static let shared = StageIdentity()
    private var made: Task<(OpenSSLAuthority, OpenSSLAuthority.Issued), any Error>?

    var leaf: OpenSSLAuthority.Issued { get async throws { try await both.1 } }
    var authority: OpenSSLAuthority { get async throws { try await both.0 } }

    private var both: (OpenSSLAuthority, OpenSSLAuthority.Issued) {
        get async throws {
            if let made { return try await made.value }
            let task = Task {
                let authority = try await OpenSSLAuthority()
                return (authority, try await authority.issue("DNS:localhost,IP:127.0.0.1"))
            }
            made = task
            return try await task.value
        }
    }
}

final class LogLines: Sendable {
    private let octets = Mutex<[UInt8]>([])
    var text: String { String(decoding: octets.withLock { $0 }, as: UTF8.self) }
    var sink: LogSink { LogSink { more in self.octets.withLock { $0 += more } } }
    func lines(_ message: String) -> [JSONValue] {
        text.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }.filter {
            $0["msg"] == .string(message)
        }
    }
}

struct StageAuthenticator: RequestAuthenticator {
    struct StoreDown: Error {}

    func authenticate(bearer token: Secret, from _: String) async throws -> Principal? {
        try token.withText { text in
            switch text {
            case Stage.operatorKey: principal("ops", [.certRead, .teamRead, .teamEdit, .agentEdit, .metricsRead])
            case Stage.viewerKey: principal("eve", [.certRead, .teamRead])
            case Stage.agentKey:
                Principal(
                    actor: Actor(id: "agent-1", type: .agent), credentialID: "agent-1", roleIDs: ["r-agent"],
                    permissions: [.agentHeartbeat, .agentJobPoll], agentID: AgentID(stored: "agent-1")
                )
            case "down": throw ServiceError(.transient, "the key store does not answer")
            default: nil
            }
        }
    }

    func mayAct(_ principal: Principal, as agent: AgentID) async throws -> Bool { false }

    func authenticate(session token: Secret, from _: String, userAgent _: String) async throws -> SessionOutcome {
        .refused(.invalidToken)
    }

    func renew(_ session: RecognisedSession, knowing csrf: Secret?) async throws -> SessionCredentials? { nil }

    private func principal(_ name: String, _ permissions: Set<Permission>) -> Principal {
        Principal(
            actor: Actor(id: name, type: .apiKey), credentialID: "ak-\(name)", roleIDs: [], permissions: permissions
        )
    }
}
