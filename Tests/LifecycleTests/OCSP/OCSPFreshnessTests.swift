import DatabaseTestSupport
import Domain
import EmbeddedCA
import Lifecycle
import PKI
import Query
import Store
import Synchronization
import Testing

@Suite("Protocol servers §5.5: no answer outlives a revocation")
struct OCSPFreshnessTests {
    private static let authority = AuthorityID(soleOf: World.issuer)

    private static func service(_ world: World, _ plan: OCSPPlan = OCSPPlan()) -> OCSPService {
        OCSPService(
            world.context, authorities: OCSPAuthorities(world.context, registry: world.registry),
            keeper: OCSPResponderKeeper(world.context, sealer: world.sealer, files: nil, plan: { plan }), plan: { plan }
        )
    }

    private static func authority(_ service: OCSPService) async throws -> OCSPAuthority {
        guard case .authority(let authority) = try await service.authorities.find(World.issuer.text) else {
            throw ServiceError(.notFound, "no authority")
        }
        return authority
    }

    private static func status(
        _ serial: SerialNumber, _ service: OCSPService, _ authority: OCSPAuthority, nonce: Bool = false
    ) async throws -> OCSPCertificateStatus? {
        let certID = CertID(.sha256, of: serial, issuer: authority.identity)
        let request = OCSPRequest.encode([certID], nonce: nonce ? [1, 2, 3, 4] : nil)
        let reply = await service.answer(request, at: authority) { true }
        guard case .answer(let answer) = try OCSPReply(der: reply.der) else { return nil }
        return answer.responses.first?.status
    }

    private static func isRevoked(_ status: OCSPCertificateStatus?) -> Bool {
        if case .revoked = status { true } else { false }
    }

    private static func hold(_ serial: SerialNumber, _ world: World) async throws {
        _ = try await world.database.write { tx in
            let new = NewRevocation(
                id: world.context.newTestID(), issuerID: World.issuer, authorityID: authority,
                serialNumber: serial.hex, notAfter: tx.now + .days(30), reason: .certificateHold, revokedBy: "test")
            return try RevocationStore().revoke(new, in: tx).isNew
        }
    }

    private static func release(_ serial: SerialNumber, _ world: World) async throws {
        _ = try await world.database.write { tx in
            try RevocationStore().release(
                issuer: World.issuer, AuthorityID(soleOf: World.issuer), serial: serial.hex, in: tx
            ).isInForce
        }
    }

    @Test(
        "under a storm of holds and releases two replicas tell what has committed, with no signal between them",
        arguments: Engine.available)
    func storm(engine: Engine) async throws {
        try await World.with(engine) { world in
            let replicas = [Self.service(world), Self.service(world)]
            let authority = try await Self.authority(replicas[0])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...8 {
                    let serial = try SerialNumber([0x55, UInt8(number)])
                    group.addTask {
                        for _ in 0..<12 {
                            try await Self.hold(serial, world)
                            for replica in replicas {
                                #expect(Self.isRevoked(try await Self.status(serial, replica, authority)))
                            }
                            #expect(Self.isRevoked(try await Self.status(serial, replicas[0], authority, nonce: true)))
                            try await Self.release(serial, world)
                            for replica in replicas {
                                #expect(try await Self.status(serial, replica, authority) == .good)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("an answer that was signed before a revocation is not stored after it", arguments: Engine.available)
    func lateStore(engine: Engine) async throws {
        try await World.with(engine) { world in
            let service = Self.service(world)
            let authority = try await Self.authority(service)
            let serial = try SerialNumber([0x66])
            try await Self.hold(serial, world)
            try await Self.release(serial, world)
            let now = world.time.now
            let late = CachedOCSPResponse(
                authority: Self.authority, serialNumber: serial.hex, form: "sha1/x", status: .good,
                response: [0x30, 0],
                updates: (now, now + .hours(4)), requestedAt: now)
            #expect(try await world.database.write { try OCSPResponseStore().put(late, issuer: World.issuer, in: $0) })
            try await Self.hold(serial, world)
            #expect(try await !world.database.write { try OCSPResponseStore().put(late, issuer: World.issuer, in: $0) })
            #expect(Self.isRevoked(try await Self.status(serial, service, authority)))
        }
    }

    @Test("a client that gives up takes nobody along who waits for the same question", .timeLimit(.minutes(1)))
    func givenUp() async throws {
        let (asked, tell) = AsyncStream.makeStream(of: Void.self)
        let count = Mutex(0)
        let freshness = OCSPFreshness {
            let number = count.withLock { count in
                count += 1
                return count
            }
            tell.yield()
            // The first two questions end when whoever asks them gives up; later ones at once.
            if number <= 2 { try await Task.sleep(for: .seconds(3600)) }
        }
        var questions = asked.makeAsyncIterator()
        let first = Task { try await freshness.refresh() }
        await questions.next()
        // These two come while the first question is asked; one of them asks the next.
        let second = Task { try await freshness.refresh() }
        let third = Task { try await freshness.refresh() }
        try await Task.sleep(for: .milliseconds(100))
        first.cancel()
        await questions.next()
        // Whichever of the two asks gives up; the other gets its answer all the same.
        second.cancel()
        third.cancel()
        let outcomes = [await second.result, await third.result]
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(outcomes.count { (try? $0.get()) != nil } == 1, "\(outcomes)")
    }

    @Test("two replicas that need a responder at once agree on one", arguments: Engine.available)
    func oneResponder(engine: Engine) async throws {
        try await World.with(engine) { world in
            let replicas = [Self.service(world), Self.service(world), Self.service(world)]
            let serials = try await withThrowingTaskGroup(of: SerialNumber.self) { group in
                for replica in replicas {
                    group.addTask {
                        try await replica.keeper.responder(of: Self.authority(replica)).certificate.serialNumber
                    }
                }
                return try await group.reduce(into: Set<SerialNumber>()) { $0.insert($1) }
            }
            #expect(serials.count == 1)
            #expect(try await world.database.read { try OCSPResponderStore().all(in: $0).count } == 1)
        }
    }
}

extension LifecycleContext {
    fileprivate func newTestID() -> RevocationID { RevocationID(generatedAt: time.now, random: random) }
}
