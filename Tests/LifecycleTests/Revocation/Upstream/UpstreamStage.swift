import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Synchronization
import Testing

/// A world whose certificates come from a CA elsewhere, which has to be told of revocations.
struct UpstreamStage {
    static let reasons: Set<RevocationReason> = [
        .unspecified, .keyCompromise, .superseded, .cessationOfOperation, .certificateHold,
    ]

    let world: World
    let server: UpstreamCAServer
    let registry: IssuerRegistry
    let told: Told

    /// What was counted.
    final class Told: Sendable {
        let outcomes = Mutex<[LifecycleObservers.RevocationTold]>([])
        let failures = Mutex<[IssuerError.Class]>([])
    }

    /// Runs `body` after certificates with these names were issued.
    static func with(
        _ engine: Engine, _ names: [String] = ["api"], token: String = "token-1",
        _ body: (UpstreamStage) async throws -> Void
    ) async throws {
        try await World.with(engine) { world async throws in try await with(world, names, token: token, body) }
    }

    static func with(
        _ world: World, _ names: [String] = ["api"], token: String = "token-1",
        _ body: (UpstreamStage) async throws -> Void
    ) async throws {
        try await UpstreamCAServer.with { server async throws in
            let real = try await world.registry.connector(for: World.issuer, revision: 1)
            let connector = UpstreamCAConnector(port: server.port, token: token, source: (real, server))
            let stage = UpstreamStage(
                world: world, server: server, registry: IssuerRegistry { _ in (1, connector) }, told: Told())
            for name in names { try await stage.issue(name) }
            // The type of an issuer has no other way to change.
            _ = try await world.database.write { tx in
                try tx.execute("UPDATE issuers SET type = \(IssuerType.stepCA.rawValue)")
            }
            try await body(stage)
            #expect(server.violations.isEmpty, "\(server.violations)")
        }
    }

    private func issue(_ name: String) async throws {
        try await world.certificate(name)
        _ = try await IssueFlow(world.context, registry: registry, instance: "one").submit(
            clientCSR: try World.csr(name), for: CertificateID(stored: name), by: world.author)
    }

    /// A server of its own on the database of the world.
    var replica: UpstreamRevocations {
        let told = told
        var observers = LifecycleObservers()
        observers.revocationTold = { _, outcome in told.outcomes.withLock { $0.append(outcome) } }
        let context = LifecycleContext(
            database: world.database, time: world.time, random: .system, observers: observers)
        return UpstreamRevocations(
            context, registry: registry, failed: { _, error in told.failures.withLock { $0.append(error.errorClass) } })
    }

    var flow: RevokeFlow { RevokeFlow(world.context, reasons: { _ in Self.reasons }) }

    @discardableResult
    func revoke(_ name: String = "api", _ reason: RevocationReason = .superseded) async throws -> Revocation {
        let result = try await flow.revoke(
            .certificate(CertificateID(stored: name), .standard), RevocationOrder(reason), by: world.author)
        guard let first = result.revocations.first else { throw ServiceError(.internalError, "nothing was revoked") }
        return first
    }

    func stored(_ name: String = "api") async throws -> Revocation {
        let all = try await world.database.read { tx in
            try RevocationStore().all(of: CertificateID(stored: name), in: tx)
        }
        guard let first = all.first else { throw ServiceError(.notFound, "no revocation of \(name)") }
        return first
    }

    /// Lets every wait and every lease end: what is open is due now, whatever clock the engine has.
    func letWaitsEnd() async throws {
        _ = try await world.database.write { tx in
            try tx.execute(
                """
                UPDATE certificate_revocations SET next_notify_at = \(tx.now - .seconds(1))
                WHERE next_notify_at IS NOT NULL
                """)
        }
    }
}
