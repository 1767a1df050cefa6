import ConnectorKit
import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import IssuerConnectors
import PKI
import Query
import Store
import Synchronization
import TestSupport
import Testing

@testable import Lifecycle

/// The key of a CA in a device that signs, hangs or refuses, as the test wants.
final class BalkySigner: Signer {
    enum Mood: Sendable { case signs, hangs, refuses }

    let publicKey: SubjectPublicKey
    let purposes = SigningPurposes.authority
    private let real: InProcessSigner
    private let mood = Mutex(Mood.signs)
    private let attempts = Mutex(0)
    private let hanging = Mutex(0)

    init() throws {
        real = InProcessSigner(key: try .generate(.ecdsaP256))
        publicKey = real.publicKey
    }

    func become(_ mood: Mood) { self.mood.withLock { $0 = mood } }
    /// How many wait for the device at this moment.
    var hangingCount: Int { hanging.withLock { $0 } }
    /// Signatures that were asked for since the device is not well.
    var attemptCount: Int { attempts.withLock { $0 } }

    func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        if mood.withLock({ $0 }) != .signs { attempts.withLock { $0 += 1 } }
        hanging.withLock { $0 += 1 }
        defer { hanging.withLock { $0 -= 1 } }
        while mood.withLock({ $0 }) == .hangs {
            do { try await Task.sleep(for: .milliseconds(2)) } catch { throw .transient("the wait was cancelled") }
        }
        guard mood.withLock({ $0 }) == .signs else { throw .transient("the device is away") }
        return try await real.signature(for: order)
    }
}

/// A world with CAs beside that of `iss-local`, whose keys are in devices.
struct DeviceWorld {
    let world: World
    let registry: IssuerRegistry
    /// By issuer.
    let devices: [IssuerID: BalkySigner]

    /// - `names`: Of the issuers in devices.
    init(_ world: World, _ names: [String]) async throws {
        self.world = world
        var devices: [IssuerID: BalkySigner] = [:]
        for name in names {
            let id = IssuerID(stored: name)
            let config: JSONObject = [
                "ca_cert_path": "/no", "key_driver": "pkcs11", "key_ref": "pkcs11:token=x;object=y",
            ]
            _ = try await world.issuers.create(
                IssuerDraft(id: name, name: name, type: "local", config: config), by: world.author)
            devices[id] = try BalkySigner()
        }
        let signers = devices
        self.devices = devices
        registry = IssuerRegistry { issuer in
            let row = try await world.database.read { try IssuerStore().get(issuer, in: $0) }
            guard let signer = signers[issuer] else {
                return (
                    row.configRevision,
                    try await world.registry.connector(for: issuer, revision: row.configRevision)
                )
            }
            let now = world.time.now
            let root = try await LocalCA.createRoot(
                commonName: issuer.text, serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
                validity: (now - .minutes(1), now + .days(900)))
            let authority = try LocalCA(
                certificateChain: [root], signer: signer, settings: LocalCASettings(), now: now)
            let key = KeyReference(driver: "pkcs11", ref: "pkcs11:token=x;object=y")
            return (row.configRevision, LocalCAConnector(authority: authority, key: key, time: world.time))
        }
    }

    func revoke(
        _ serial: String, of issuer: IssuerID, _ reason: RevocationReason = .superseded, lasting: Duration = .days(30)
    ) async throws {
        try await world.database.write { tx in
            let new = NewRevocation(
                id: RevocationID(generatedAt: tx.now, random: .system), issuerID: issuer,
                authorityID: AuthorityID(soleOf: issuer), serialNumber: serial, notAfter: tx.now + lasting,
                reason: reason, revokedBy: "alice")
            _ = try RevocationStore().revoke(new, in: tx)
        }
    }

    func row(of issuer: IssuerID) async throws -> RevocationListRow? {
        try await world.database.read { try RevocationListStore().row(of: AuthorityID(soleOf: issuer), .full, in: $0) }
    }
}

@Suite("A device that stalls or refuses holds up nobody else", .timeLimit(.minutes(2)))
struct StalledDeviceTests {
    /// More than the lane of a driver is wide; they come before `iss-local`, and after it.
    private static let stuck = ["iss-a1", "iss-a2", "iss-a3", "iss-a4", "iss-a5", "iss-z"]

    @Test(
        "while the signatures of other CAs hang, what is revoked is on the list of this one as soon as ever",
        arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let bench = try await DeviceWorld(world, Self.stuck)
            let leadership = world.leadership()
            let publisher = RevocationListPublisher(
                world.context, registry: bench.registry, leadership: leadership,
                shelf: RevocationListShelf(database: world.database, time: world.time),
                failed: { issuer, error in Issue.record("the lists of \(issuer) were not made: \(error)") })
            try await leadership.attempt()
            #expect(try await publisher.tick(world.time.now).rows == Self.stuck.count + 1)
            for (issuer, device) in bench.devices {
                device.become(.hangs)
                try await bench.revoke("b2", of: issuer)
            }
            try await withThrowingTaskGroup(of: LoopOutcome.self) { group in
                group.addTask { try await publisher.tick(world.time.now) }
                defer { for device in bench.devices.values { device.become(.signs) } }
                let isStalled = await eventually(within: .seconds(30)) {
                    bench.devices.values.map(\.hangingCount).reduce(0, +) == 4
                }
                #expect(isStalled, "as many as the lane is wide")
                for serial in ["a1", "c3"] {
                    try await bench.revoke(serial, of: World.issuer)
                    let change = try await world.database.read {
                        try RevocationStore().lastChange(of: AuthorityID(soleOf: World.issuer), in: $0)
                    }
                    let isListed = try await eventually(within: .seconds(10)) {
                        try await bench.row(of: World.issuer)?.throughChange == change
                    }
                    #expect(isListed, "\(serial) is on the list within the bound, though others hang")
                }
                for device in bench.devices.values { device.become(.signs) }
                let rows = try await group.next()?.rows
                #expect((rows ?? 0) >= Self.stuck.count + 2, "and the others follow when their device is back")
            }
            for issuer in bench.devices.keys { #expect(try await bench.row(of: issuer)?.revokedCount == 1) }
        }
    }

    @Test("answers of a CA that cannot sign, however many are due, keep nobody's from being signed ahead")
    func presigning() async throws {
        try await World.with(.sqlite) { world async throws in
            // Before and after `iss-local`, whatever order they are taken in.
            let bench = try await DeviceWorld(world, ["iss-a", "iss-z"])
            let plan = OCSPPlan()
            let service = OCSPService(
                world.context, authorities: OCSPAuthorities(world.context, registry: bench.registry),
                keeper: OCSPResponderKeeper(world.context, sealer: world.sealer, files: nil, plan: { plan }),
                plan: { plan })
            let broken = bench.devices.keys.sorted()
            for issuer in broken { try await Self.ask(105, of: issuer, service, bench) }
            world.clock.advance(by: .seconds(1))
            try await Self.ask(3, of: World.issuer, service, bench)
            world.clock.advance(by: plan.presignAge + .minutes(2))
            for device in bench.devices.values { device.become(.refuses) }
            try await world.database.write { tx in
                for issuer in broken {
                    try tx.execute("DELETE FROM ocsp_responders WHERE authority_id = \(AuthorityID(soleOf: issuer))")
                }
            }
            let leadership = world.leadership()
            try await leadership.attempt()
            let loops = OCSPLoops(service, leadership: leadership)
            let presign = try #require(loops.loops.first { $0.name == .ocspPresigning })
            #expect(try await presign.tick(world.time.now).rows == 3)
            for (issuer, device) in bench.devices {
                #expect(device.attemptCount == 3, "\(issuer) is left alone after a few failures")
            }
            #expect(try await Self.young(world, World.issuer) == 3)
            for device in bench.devices.values { device.become(.signs) }
            #expect(try await presign.tick(world.time.now).rows == 210, "page after page, when it can sign again")
            for issuer in broken { #expect(try await Self.young(world, issuer) == 105) }
        }
    }

    /// Has as many answers of an issuer signed and stored.
    private static func ask(
        _ count: Int, of issuer: IssuerID, _ service: OCSPService, _ bench: DeviceWorld
    ) async throws {
        guard case .authority(let authority) = try await service.authorities.find(issuer.text) else {
            Issue.record("no authority \(issuer)")
            return
        }
        for number in 0..<count {
            let serial = try SerialNumber([0x55, UInt8(number)])
            try await bench.revoke(serial.hex, of: issuer)
            let reply = await service.answer(about: serial, of: authority) { true }
            #expect(reply.updates != nil)
        }
    }

    /// Answers that were made just now.
    private static func young(_ world: World, _ issuer: IssuerID) async throws -> Int {
        let now = Timestamp(secondsSinceEpoch: world.time.now.secondsSinceEpoch)
        return try await world.database.read { tx in
            try tx.row(
                """
                SELECT COUNT(*) AS n FROM ocsp_response_cache
                WHERE authority_id = \(AuthorityID(soleOf: issuer)) AND this_update >= \(now)
                """)?.int("n") ?? 0
        }
    }
}
