import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import PKI
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 6960 §2.3, §4.4.4: what is answered when it cannot be signed now, and of certificates that ended")
struct OCSPTryLaterTests {
    private static let issuer = IssuerID(stored: "iss-device")

    /// The service of a CA in a device.
    private struct Stage {
        let bench: DeviceWorld
        let service: OCSPService
        let authority: OCSPAuthority
        let failures: Failures
        var world: World { bench.world }
        var device: BalkySigner { get throws { try #require(bench.devices[issuer]) } }

        final class Failures: Sendable {
            private let state = Mutex(0)
            var count: Int { state.withLock { $0 } }
            func add() { state.withLock { $0 += 1 } }
        }

        static func with(_ engine: Engine, _ body: (Stage) async throws -> Void) async throws {
            try await World.with(engine) { world async throws in
                let bench = try await DeviceWorld(world, [issuer.text])
                let plan = OCSPPlan()
                let failures = Failures()
                var observers = OCSPObservers()
                observers.failed = { _, _ in failures.add() }
                let service = OCSPService(
                    world.context, authorities: OCSPAuthorities(world.context, registry: bench.registry),
                    keeper: OCSPResponderKeeper(world.context, sealer: world.sealer, files: nil, plan: { plan }),
                    observers: observers, plan: { plan })
                guard case .authority(let authority) = try await service.authorities.find(issuer.text) else {
                    Issue.record("no authority")
                    return
                }
                try await body(Stage(bench: bench, service: service, authority: authority, failures: failures))
            }
        }

        func ask(_ serial: SerialNumber, nonce: Bool = false) async -> OCSPReplyOctets {
            let certID = CertID(.sha256, of: serial, issuer: authority.identity)
            let request = OCSPRequest.encode([certID], nonce: nonce ? [1, 2, 3, 4] : nil)
            return await service.answer(request, at: authority) { true }
        }

        func answer(_ serial: SerialNumber, nonce: Bool = false) async throws -> OCSPAnswer {
            guard case .answer(let answer) = try OCSPReply(der: await ask(serial, nonce: nonce).der) else {
                throw ServiceError(.unavailable, "not answered")
            }
            try answer.verify(issuer: authority.certificate, at: world.time.now)
            return answer
        }

        /// As if the responder had been lost, and the device with it.
        func loseResponder() async throws {
            try device.become(.refuses)
            _ = try await world.database.write { try $0.execute("DELETE FROM ocsp_responders") }
        }
    }

    private static let tryLater = OCSPReplyOctets(.tryLater).der

    @Test("a stored answer that is no longer young is given while nothing can be signed, to its end and no longer")
    func deviceAway() async throws {
        try await Stage.with(.sqlite) { stage in
            let serial = try SerialNumber([0x31])
            try await stage.bench.revoke(serial.hex, of: Self.issuer)
            let first = await stage.ask(serial)
            try #require(first.updates != nil)
            stage.world.clock.advance(by: .hours(3))
            try await stage.loseResponder()
            #expect(await stage.ask(serial).der == first.der, "three of four hours are over")
            #expect(stage.failures.count > 0, "and the operator is told")
            #expect(await stage.ask(serial, nonce: true).der == Self.tryLater, "nobody can sign the nonce")
            #expect(try await stage.ask(SerialNumber([0x32])).der == Self.tryLater, "nor what was never asked for")
            stage.world.clock.advance(by: .minutes(61))
            let late = await stage.ask(serial)
            #expect(late.der == Self.tryLater && late.updates == nil, "the stored answer has ended")
            try stage.device.become(.signs)
            #expect(try await stage.answer(serial).responses.first?.thisUpdate == stage.world.time.now)
        }
    }

    @Test("a stored answer is not given after the status changed, though nothing can be signed")
    func changedMeanwhile() async throws {
        try await Stage.with(.sqlite) { stage in
            let (serial, id) = (try SerialNumber([0x33]), AuthorityID(soleOf: Self.issuer))
            try await stage.bench.revoke(serial.hex, of: Self.issuer, .certificateHold)
            try #require(await stage.ask(serial).updates != nil)
            try await stage.loseResponder()
            stage.world.clock.advance(by: .minutes(2))
            try await stage.world.database.write { tx in
                _ = try RevocationStore().release(issuer: Self.issuer, id, serial: serial.hex, in: tx)
            }
            #expect(await stage.ask(serial).der == Self.tryLater)
        }
    }

    @Test("while the database does not answer nobody is told anything, not even what is in memory")
    func databaseAway() async throws {
        try await Stage.with(.sqlite) { stage in
            let serial = try SerialNumber([0x34])
            try await stage.bench.revoke(serial.hex, of: Self.issuer)
            for _ in 0..<2 { try #require(await stage.ask(serial).updates != nil) }
            stage.world.database.failReads(true)
            for nonce in [false, true] { #expect(await stage.ask(serial, nonce: nonce).der == Self.tryLater) }
            #expect(stage.failures.count == 2)
            stage.world.database.failReads(false)
            #expect(await stage.ask(serial).updates != nil)
        }
    }

    @Test(
        "when as many wait for a signature as may, others are asked to come later, and what is stored is given on",
        .timeLimit(.minutes(2)))
    func crowded() async throws {
        try await Stage.with(.sqlite) { stage in
            let (kept, wanted) = (try SerialNumber([0x35]), try SerialNumber([0x36]))
            for serial in [kept, wanted] { try await stage.bench.revoke(serial.hex, of: Self.issuer) }
            try #require(await stage.ask(kept).updates != nil)
            try await stage.loseResponder()
            try stage.device.become(.hangs)
            stage.world.clock.advance(by: .minutes(2))
            let refused = Stage.Failures()
            let replies = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for number in 0..<80 {
                    group.addTask {
                        let reply = await stage.ask(wanted, nonce: number % 2 == 0).der
                        if reply == Self.tryLater { refused.add() }
                        return reply
                    }
                }
                let isFull = await eventually(within: .seconds(60)) { refused.count == 16 }
                #expect(isFull, "64 wait; \(refused.count) were sent away")
                #expect(await stage.ask(kept).updates != nil)
                try stage.device.become(.signs)
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(replies.count { $0 == Self.tryLater } == 16, "whoever waited is answered")
            #expect(await stage.ask(wanted).updates != nil, "and the places are free again")
        }
    }

    @Test(
        "RFC 6960 §4.4.4: of a certificate that ended it is told since when the status is known",
        arguments: [
            RevocationReason.superseded, .certificateHold,
        ])
    func archiveCutoff(reason: RevocationReason) async throws {
        try await Stage.with(.sqlite) { stage in
            let (serial, id) = (try SerialNumber([0x37]), AuthorityID(soleOf: Self.issuer))
            try await stage.bench.revoke(serial.hex, of: Self.issuer, reason, lasting: .hours(1))
            // The one on hold is good in the end.
            if reason == .certificateHold {
                try await stage.world.database.write { tx in
                    _ = try RevocationStore().release(issuer: Self.issuer, id, serial: serial.hex, in: tx)
                }
            }
            func single(nonce: Bool) async throws -> OCSPSingleResponse {
                try #require(try await stage.answer(serial, nonce: nonce).responses.first)
            }
            for nonce in [false, true] { #expect(try await single(nonce: nonce).archiveCutoff == nil) }
            stage.world.clock.advance(by: .hours(3))
            for nonce in [false, true] {
                let single = try await single(nonce: nonce)
                #expect(single.archiveCutoff == stage.authority.certificate.notBefore)
                let isGood = single.status == .good
                #expect(isGood == (reason == .certificateHold), "the status is told as ever: \(single.status)")
            }
        }
    }
}
