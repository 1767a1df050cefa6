import ConnectorKit
import DatabaseTestSupport
import Domain
import EmbeddedCA
import IssuerConnectors
import PKI
import Query
import Store
import Synchronization
import Testing

@testable import Lifecycle

@Suite("Protocol servers §5.5: keys of responders beside those of their CA")
struct OCSPResponderKeyTests {
    /// A signing process: it knows its keys by name, and can be away.
    private final class Vault: KeyDriver {
        let name = "exec"
        private let state = Mutex((keys: [String: PrivateKey](), isAway: false))

        var names: [String] { state.withLock { $0.keys.keys.sorted() } }
        func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

        private func withKeys<Value: Sendable>(
            _ body: (inout [String: PrivateKey]) throws(SignerError) -> Value
        ) throws(SignerError) -> Value {
            try state.withLock { state throws(SignerError) in
                guard !state.isAway else { throw .transient("nobody answers") }
                return try body(&state.keys)
            }
        }

        func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
            let key = try withKeys { keys throws(SignerError) in
                guard let key = keys[ref] else { throw .keyNotFound(ref) }
                return key
            }
            return InProcessSigner(key: key, purposes: purposes)
        }

        func obtain(
            _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
        ) async throws(SignerError) -> ReachedKey {
            let (key, isNew) = try withKeys { keys throws(SignerError) in
                if let key = keys[ref] { return (key, false) }
                do throws(KeyError) {
                    let key = try PrivateKey.generate(spec ?? .ecdsaP256)
                    keys[ref] = key
                    return (key, true)
                } catch {
                    throw .unsupported(error.description)
                }
            }
            return ReachedKey(signer: InProcessSigner(key: key, purposes: purposes), ref: ref, isNew: isNew)
        }

        func neighbour(of ref: String, named name: String) throws(SignerError) -> String? { "signer:\(name)" }

        func discard(_ ref: String, isOwn: Bool) async throws(SignerError) {
            try withKeys { keys throws(SignerError) in
                guard keys.removeValue(forKey: ref) != nil else { throw .keyNotFound(ref) }
            }
        }
    }

    /// What appoints, unless it is told not to.
    private struct Appointing: ResponderAppointing {
        let real: LocalCAConnector
        let fails: @Sendable () -> Bool

        var capabilities: IssuerCapabilities { real.capabilities }
        var authorityKey: (driver: String, ref: String)? { real.authorityKey }
        func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
            try await real.issue(request)
        }
        func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await real.poll(order) }
        func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await real.authorityChain() }
        func testConnection() async -> [ConnectionCheck] { await real.testConnection() }
        func appointResponder(
            _ key: SubjectPublicKey, serial: RecordedSerial, validity: Duration
        ) async throws(IssuerError) -> X509Certificate {
            guard !fails() else { throw IssuerError(.other, "not now", help: "wait") }
            return try await real.appointResponder(key, serial: serial, validity: validity)
        }
    }

    /// A CA whose key is in a vault, and the knobs of the test.
    private final class Bench: Sendable {
        let world: World
        let vault = Vault()
        let authority: OCSPAuthority
        private let plan = Mutex(OCSPPlan())
        private let fails: Flag

        final class Flag: Sendable {
            private let state = Mutex(false)
            var isUp: Bool { state.withLock { $0 } }
            func set(_ isUp: Bool) { state.withLock { $0 = isUp } }
        }

        init(_ world: World) async throws {
            self.world = world
            let signer = InProcessSigner(key: try .generate(.ecdsaP256))
            let now = world.time.now
            let root = try await LocalCA.createRoot(
                commonName: "Vault CA", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
                validity: (now - .minutes(1), now + .days(900)))
            let real = LocalCAConnector(
                authority: try LocalCA(
                    certificateChain: [root], signer: signer, settings: LocalCASettings(), now: now),
                key: KeyReference(driver: "exec", ref: "signer:ca1"), time: world.time)
            let flag = Flag()
            fails = flag
            authority = OCSPAuthority(
                id: AuthorityID(soleOf: World.issuer), issuer: World.issuer, chain: [root], certificate: root,
                identity: IssuerIdentity(root), fingerprint: root.fingerprintSHA256,
                connector: Appointing(real: real, fails: { flag.isUp }), revokesUnknown: false)
            plan.withLock { $0.keepsKeysWithAuthority = true }
        }

        func refuseAppointments(_ refuses: Bool) { fails.set(refuses) }
        func keepWithAuthority(_ keeps: Bool) { plan.withLock { $0.keepsKeysWithAuthority = keeps } }

        func keeper(denying denied: Set<DeniableAlgorithm> = []) -> OCSPResponderKeeper {
            let context = LifecycleContext(
                database: world.database, time: world.time, random: world.context.random,
                linter: Linter(algorithms: AlgorithmPolicy(denying: denied)))
            return OCSPResponderKeeper(
                context, sealer: world.sealer, files: nil, keys: KeyDriverRegistry([vault]),
                plan: { self.plan.withLock { $0 } })
        }

        /// How many were appointed, and for how many authorities something failed.
        func look(_ keeper: OCSPResponderKeeper) async throws -> (appointed: Int, failed: Int) {
            var failed = 0
            let appointed = try await keeper.rotate([authority], fence: { _ in }, failed: { _, _ in failed += 1 })
            return (appointed, failed)
        }

        func rows() async throws -> [OCSPResponderRow] {
            try await world.database.read { try OCSPResponderStore().all(in: $0) }
        }
    }

    private static func expectAnswer(_ responder: OCSPResponder, _ bench: Bench) async throws {
        let now = Timestamp(secondsSinceEpoch: bench.world.time.now.secondsSinceEpoch)
        let certID = CertID(.sha256, of: .random(.system), issuer: bench.authority.identity)
        let octets = try await responder.sign(
            OCSPResponseTemplate(
                responder: responder.certificate.subjectPublicKey, producedAt: now,
                responses: [OCSPSingleResponse(certID, .good, updates: (now, now + .hours(1)))]))
        guard case .answer(let answer) = try OCSPReply(der: octets) else {
            Issue.record("no answer")
            return
        }
        try answer.verify(issuer: bench.authority.certificate, at: now)
    }

    @Test("replicas that appoint at the same time make one key, which signs on either", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await World.with(engine) { world in
            let bench = try await Bench(world)
            let keepers = [bench.keeper(), bench.keeper(), bench.keeper()]
            let certificates = try await withThrowingTaskGroup(of: X509Certificate.self) { group in
                for keeper in keepers {
                    group.addTask { try await keeper.responder(of: bench.authority).certificate }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(certificates.map(\.fingerprintSHA256)).count == 1)
            #expect(bench.vault.names.count == 1, "\(bench.vault.names)")
            let row = try #require(try await bench.rows().first)
            #expect(row.appointment.key == .held(driver: "exec", ref: bench.vault.names.first ?? ""))
            #expect(bench.vault.names.first?.hasPrefix("signer:ocsp-iss-local-") == true)
            for keeper in keepers {
                let responder = try await keeper.responder(of: bench.authority)
                #expect(responder.driver == "exec")
                try await Self.expectAnswer(responder, bench)
            }
        }
    }

    @Test("a rotation makes another key, and the old one goes when its last answer has ended, wherever the vault was")
    func rotation() async throws {
        try await World.with(.sqlite) { world in
            let bench = try await Bench(world)
            let keeper = bench.keeper()
            #expect(try await bench.look(keeper) == (1, 0))
            let first = try #require(bench.vault.names.first)
            #expect(try await bench.look(keeper) == (0, 0), "nothing is due")
            world.clock.advance(by: .days(24))
            #expect(try await bench.look(keeper) == (1, 0))
            #expect(bench.vault.names.count == 2, "the answers of the first are still good")
            world.clock.advance(by: .hours(5))
            bench.vault.setAway(true)
            #expect(try await bench.look(keeper).failed >= 1)
            #expect(try await bench.rows().count == 2, "a key that nobody removed is still on record")
            bench.vault.setAway(false)
            #expect(try await bench.look(keeper) == (0, 0))
            #expect(bench.vault.names.count == 1 && bench.vault.names.first != first)
            #expect(try await bench.rows().map(\.appointment.key) == [.held(driver: "exec", ref: bench.vault.names[0])])
            try await Self.expectAnswer(try await bench.keeper().responder(of: bench.authority), bench)
        }
    }

    @Test("a key that was lost is replaced; one whose CA refused is removed again")
    func lossAndRefusal() async throws {
        try await World.with(.sqlite) { world in
            let bench = try await Bench(world)
            bench.refuseAppointments(true)
            await #expect(throws: IssuerError.self) { try await bench.keeper().responder(of: bench.authority) }
            #expect(bench.vault.names.isEmpty)
            #expect(try await bench.rows().isEmpty)
            bench.refuseAppointments(false)
            let before = try await bench.keeper().responder(of: bench.authority)
            try await bench.vault.discard(try #require(bench.vault.names.first), isOwn: true)
            let after = try await bench.keeper().responder(of: bench.authority)
            #expect(before.certificate != after.certificate && bench.vault.names.count == 1)
            try await Self.expectAnswer(after, bench)
        }
    }

    @Test("a changed setting moves the key with the next look, and back")
    func moves() async throws {
        try await World.with(.sqlite) { world in
            let bench = try await Bench(world)
            bench.keepWithAuthority(false)
            let keeper = bench.keeper()
            #expect(try await bench.look(keeper) == (1, 0))
            #expect(bench.vault.names.isEmpty)
            bench.keepWithAuthority(true)
            #expect(try await bench.look(keeper) == (1, 0))
            #expect(bench.vault.names.count == 1)
            bench.keepWithAuthority(false)
            #expect(try await bench.look(keeper) == (1, 0))
            world.clock.advance(by: .hours(5))
            #expect(try await bench.look(keeper) == (0, 0))
            #expect(bench.vault.names.isEmpty)
            guard case .sealed? = try await bench.rows().first?.appointment.key else {
                Issue.record("not in the database")
                return
            }
        }
    }

    @Test("whoever has expired is forgotten, with the key, also when nobody follows")
    func expiry() async throws {
        try await World.with(.sqlite) { world in
            let bench = try await Bench(world)
            _ = try await bench.look(bench.keeper())
            #expect(bench.vault.names.count == 1)
            world.clock.advance(by: .days(31))
            let appointed = try await bench.keeper().rotate([], fence: { _ in }, failed: { _, _ in })
            #expect(appointed == 0)
            #expect(bench.vault.names.isEmpty)
            #expect(try await bench.rows().isEmpty)
        }
    }

    @Test("a responder whose kind of key is denied answers on until one of another kind is there, also where all fails")
    func deniedKind() async throws {
        try await World.with(.sqlite) { world in
            let bench = try await Bench(world)
            #expect(try await bench.look(bench.keeper()) == (1, 0))
            let keeper = bench.keeper(denying: [.sha256])
            bench.refuseAppointments(true)
            #expect(try await bench.look(keeper) == (0, 1))
            let before = try await keeper.responder(of: bench.authority)
            #expect(before.certificate.subjectPublicKey.name == "ECDSA-P256")
            try await Self.expectAnswer(before, bench)
            bench.refuseAppointments(false)
            #expect(try await bench.look(keeper) == (1, 0))
            #expect(try await bench.look(keeper) == (0, 0))
            let after = try await bench.keeper(denying: [.sha256]).responder(of: bench.authority)
            #expect(after.certificate.subjectPublicKey.name == "ECDSA-P384" && bench.vault.names.count == 2)
            try await Self.expectAnswer(after, bench)
            // Not in the vault, and of a kind that no token holds.
            bench.keepWithAuthority(false)
            let others: Set<DeniableAlgorithm> = [.ecdsaP256, .ecdsaP384, .ecdsaP521, .rsa]
            let last = bench.keeper(denying: others)
            #expect(try await bench.look(last) == (1, 0))
            let odd = try await last.responder(of: bench.authority)
            #expect(odd.certificate.subjectPublicKey.name == "Ed25519")
            try await Self.expectAnswer(odd, bench)
        }
    }
}
