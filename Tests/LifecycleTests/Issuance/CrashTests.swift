import ConnectorKit
import Crypto
import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("A crash at any write of an issuance loses nothing and issues nothing twice")
struct CrashTests {
    static let steps: [(Engine, Int)] = Engine.available.flatMap { engine in (1...2).map { (engine, $0) } }

    @Test("an agent's issuance is completed after recovery, with another serial number", arguments: steps)
    func agentIssuance(engine: Engine, fatalWrite: Int) async throws {
        try await World.with(engine) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            // Makes the CA, so that the writes of its making are not among those counted.
            _ = try await world.registry.connector(for: World.issuer, revision: 1)
            let key = try PrivateKey.generate(.ecdsaP256)
            let csr = try World.csr("api", key: key)
            world.database.dieAtWrite(fatalWrite)
            await #expect(throws: FaultyDatabase.Died.self) {
                _ = try await IssueFlowTests.submit(world, csr, job: job.id)
            }
            #expect(try await world.versions(of: "api").isEmpty)
            let lost = try await world.recovery.abandonLost(olderThan: .seconds(-1))
            #expect(lost == fatalWrite - 1)
            #expect(try await world.recovery.abandonLost(olderThan: .seconds(-1)) == 0)
            #expect(try await world.jobs(of: "api").map(\.status) == [.awaitingCSR])
            guard case .issued = try await IssueFlowTests.submit(world, csr, job: job.id) else {
                Issue.record("not issued after recovery")
                return
            }
            #expect(try await world.versions(of: "api").map(\.spkiSHA256) == [key.publicKey.spkiSHA256])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == fatalWrite)
            #expect(try await world.count("SELECT COUNT(DISTINCT serial_number) AS n FROM issuer_orders") == fatalWrite)
            let abandoned = try await world.actions(on: "api").filter { $0 == "issuance_order_abandoned" }
            #expect(abandoned.count == fatalWrite - 1)
        }
    }

    @Test("a process that was only slow stores nothing after its order was given up", arguments: Engine.available)
    func lateAnswer(engine: Engine) async throws {
        try await World.with(engine, script: [.pending("slow", retryAfter: nil)]) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try await world.registry.connector(for: World.issuer, revision: 1)
            world.database.dieAtWrite(2)
            _ = try? await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
            let order = try await world.database.read { tx in try OrderStore().open(of: job.id, in: tx) }
            let id = try #require(order?.id)
            _ = try await world.recovery.abandonLost(olderThan: .seconds(-1))
            await #expect(throws: StoreError.self) {
                try await world.database.write { tx in try OrderStore().complete(id, in: tx) }
            }
        }
    }

    @Test("a job whose attempts are used up fails instead of returning")
    func noAttemptsLeft() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try await world.registry.connector(for: World.issuer, revision: 1)
            for _ in 0..<job.maxAttempts {
                world.database.dieAtWrite(2)
                _ = try? await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
                _ = try await world.recovery.abandonLost(olderThan: .seconds(-1))
            }
            #expect(try await world.jobs(of: "api").map(\.phase) == [.failed])
            #expect(try await world.stored("api").status == .failed)
        }
    }

    @Test("two replicas that start together make one CA", arguments: Engine.available)
    func oneAuthority(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let subjects = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let registry = IssuerRegistry(
                            make: AuthorityKeeper(
                                database: world.database,
                                sealer: world.sealer,
                                time: world.time,
                                random: .system
                            ).connectorMaker(world.authorities)
                        )
                        let connector = try await registry.connector(for: World.issuer, revision: 1)
                        return try await connector.authorityChain().map(\.fingerprintSHA256).joined()
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(subjects.count == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_ca") == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM ca_keys") == 1)
        }
    }
}
