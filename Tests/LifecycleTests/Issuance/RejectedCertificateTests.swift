import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import PKI
import Query
import Store
import Synchronization
import Testing

@testable import Lifecycle

@Suite("Issuers §2.8: a certificate that is not what was ordered is kept as evidence and revoked where it was issued")
struct RejectedCertificateTests {
    private static let api = CertificateID(stored: "api")

    private static func wrong(_ request: IssuanceRequest) throws -> IssuanceRequest {
        IssuanceRequest(
            idempotencyKey: request.idempotencyKey, certificateID: request.certificateID,
            commonName: request.commonName,
            subjectAltNames: request.subjectAltNames + [try SubjectAltName(classifying: "evil.example.org")],
            csr: request.csr, serialNumber: request.serialNumber, limits: request.limits)
    }

    private static func evidence(_ world: World) async throws -> X509Certificate? {
        try await world.database.read { tx in
            try tx.row("SELECT rejected_pem FROM issuer_orders WHERE state = 'failed'")?
                .optionalText("rejected_pem").map { try X509Certificate(pem: $0) }
        }
    }

    private static func configure(_ world: World, revokes: Bool) async throws {
        var change = IssuerChange()
        change.config = .set(["revoke_on_mismatch": .bool(revokes)])
        _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
    }

    @Test(
        "our own CA lists it as superseded; for a client and for an agent", arguments: Engine.available, [true, false])
    func listed(engine: Engine, isAgent: Bool) async throws {
        try await World.with(engine) { world async throws in
            let scripted = ScriptedIssuer(
                real: try await world.registry.connector(for: World.issuer, revision: 1),
                script: [.issueFor(Self.wrong)])
            let flow = IssueFlow(world.context, registry: IssuerRegistry { _ in (1, scripted) }, instance: "one")
            if isAgent {
                let job = try await IssueFlowTests.awaitingCSR(world)
                let agent = Actor(id: IssueFlowTests.web.text, type: .agent)
                let author = Authorship(actor: agent, origin: world.origin, clearance: .system)
                let code = await refusal {
                    _ = try await flow.submit(
                        agentCSR: try World.csr("api"), of: IssueFlowTests.web, job: job.id, certificate: Self.api,
                        by: author)
                }
                #expect(code == .policyViolation)
            } else {
                try await world.certificate("api")
                let code = await refusal {
                    _ = try await flow.submit(clientCSR: try World.csr("api"), for: Self.api, by: world.author)
                }
                #expect(code == .policyViolation)
            }
            let leaf = try #require(try await Self.evidence(world))
            #expect(leaf.subjectAltNames.contains { $0.text == "evil.example.org" })
            let revocation = try #require(
                try await world.database.read { tx in
                    try RevocationStore().all(issuer: World.issuer, serial: leaf.serialNumber.hex, in: tx).first
                })
            #expect(revocation.reason == .superseded && revocation.isInForce && revocation.notification == .none)
            #expect(revocation.notAfter == leaf.notAfter && revocation.certificateID == nil)
            #expect(try await world.actions(on: revocation.id.text).count == 1)
            #expect(try await world.actions(on: "api").contains("issuance_result_rejected"))
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 0)
            #expect(try await world.stored("api").status != .revoked)

            let leadership = world.leadership()
            try await leadership.attempt()
            let shelf = RevocationListShelf(database: world.database, time: world.time)
            let publisher = RevocationListPublisher(
                world.context, registry: world.registry, leadership: leadership, shelf: shelf,
                release: world.hierarchy.release)
            _ = try await publisher.tick(world.time.now)
            let list = try #require(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full))
            let entries = try CertificateRevocationList(der: list.der).entries
            #expect(entries.map(\.serialNumber) == [leaf.serialNumber])
            #expect(entries.first?.reason == .superseded)
        }
    }

    @Test("an issuer that is configured so keeps the evidence and revokes nothing")
    func kept() async throws {
        try await World.with(.sqlite, script: [.issueFor(Self.wrong)]) { world async throws in
            try await Self.configure(world, revokes: false)
            try await world.certificate("api")
            let code = await refusal {
                _ = try await world.issuance.submit(clientCSR: try World.csr("api"), for: Self.api, by: world.author)
            }
            #expect(code == .policyViolation)
            #expect(try await Self.evidence(world) != nil)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 0)
        }
    }

    /// An issuer that hands out an old certificate, as some do when an order is repeated.
    private final class Forgetful: IssuerConnector {
        let answer: IssuedCertificate
        let capabilities: IssuerCapabilities
        init(_ answer: IssuedCertificate, _ capabilities: IssuerCapabilities) {
            self.answer = answer
            self.capabilities = capabilities
        }
        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome { .issued(answer) }
        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { .issued(answer) }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { answer.chain }
        func testConnection() async -> [ConnectionCheck] { [] }
    }

    @Test("a certificate that somebody has stays good, although it was no answer", arguments: Engine.available)
    func inUse(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("web")
            let first = try await world.issuance.submit(
                clientCSR: try World.csr("web"), for: CertificateID(stored: "web"), by: world.author)
            guard case .issued(let version, _) = first else { throw ServiceError(.internalError, "not issued") }
            let chain = try X509Certificate.bundle(pem: version.pemChain)
            let real = try await world.registry.connector(for: World.issuer, revision: 1)
            let connector = Forgetful(
                IssuedCertificate(leaf: chain[0], chain: Array(chain.dropFirst())), real.capabilities)
            let flow = IssueFlow(world.context, registry: IssuerRegistry { _ in (1, connector) }, instance: "one")
            try await world.certificate("api")
            let code = await refusal {
                _ = try await flow.submit(clientCSR: try World.csr("api"), for: Self.api, by: world.author)
            }
            #expect(code == .policyViolation)
            #expect(try await Self.evidence(world) == chain[0])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 0)
            #expect(try await world.stored("web").status == .active)
            // A number that was given before is refused by itself, too.
            await #expect(throws: RepeatedSerial.self) {
                try await world.database.read { tx in try RepeatedSerial.check(chain[0], of: World.issuer, in: tx) }
            }
        }
    }

    /// What an issuer elsewhere issued for other names.
    private struct Generous: IssuerConnector {
        let inner: UpstreamCAConnector
        var capabilities: IssuerCapabilities { inner.capabilities }
        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
            guard let changed = try? RejectedCertificateTests.wrong(request) else {
                throw IssuerError(.other, "broken", help: "")
            }
            return try await inner.issue(changed)
        }
        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await inner.poll(order) }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await inner.authorityChain() }
        func testConnection() async -> [ConnectionCheck] { [] }
    }

    @Test("an issuer elsewhere is told, with the leaf and the name that it gave", arguments: Engine.available)
    func told(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await UpstreamStage.with(world, []) { stage async throws in
                // No issuer of this build is elsewhere: the order is placed as with one of ours, and then is not.
                _ = try await world.database.write { tx in
                    try tx.execute("UPDATE issuers SET type = \(IssuerType.genericCA.rawValue)")
                }
                let real = try await world.registry.connector(for: World.issuer, revision: 1)
                let connector = Generous(
                    inner: UpstreamCAConnector(port: stage.server.port, source: (real, stage.server)))
                let flow = IssueFlow(world.context, registry: IssuerRegistry { _ in (1, connector) }, instance: "one")
                try await world.certificate("api")
                let code = await refusal {
                    _ = try await flow.submit(clientCSR: try World.csr("api"), for: Self.api, by: world.author)
                }
                #expect(code == .policyViolation)
                _ = try await world.database.write { tx in
                    _ = try tx.execute("UPDATE issuers SET type = \(IssuerType.stepCA.rawValue)")
                    return try tx.execute(
                        "UPDATE certificate_revocations SET notification = 'pending', next_notify_at = \(tx.now)")
                }
                #expect(try await stage.replica.tick().rows == 1)
                #expect(stage.server.reasons == ["superseded"] && stage.server.changes == [1])
                #expect(stage.told.outcomes.withLock { $0 } == [.acknowledged])
                let done: SQL = "SELECT COUNT(*) AS n FROM certificate_revocations WHERE notification = 'done'"
                #expect(try await world.count(done) == 1)
            }
        }
    }
}
