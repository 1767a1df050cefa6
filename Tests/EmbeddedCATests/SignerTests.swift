import Domain
import EmbeddedCA
import PKI
import Synchronization
import Testing
import Threads

@Suite("Issuers §5: what a signer may sign")
struct SignerTests {
    @Test("the key of an OCSP responder never signs a certificate, whatever it is asked")
    func purposes() async throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        let responder = InProcessSigner(key: key, purposes: .responder)
        await #expect {
            try await LocalCA.createRoot(
                commonName: "not a CA", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: responder,
                validity: (CAUnderTest.now, CAUnderTest.now + .days(1)))
        } throws: { error in
            guard case .signer(.permission) = error as? LocalCAError else { return false }
            return "\(error)".contains("ca")
        }
        try await responder.prove()
    }

    @Test("what an external signer answers is proven with its public key before anybody gets it")
    func external() async throws {
        struct Stranger: Signer {
            let publicKey: SubjectPublicKey
            let purposes = SigningPurposes.authority
            let isExternal = true
            let other: PrivateKey
            func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
                try! other.sign(order.message)
            }
        }
        let stranger = Stranger(
            publicKey: try PrivateKey.generate(.ecdsaP256).publicKey, other: try PrivateKey.generate(.ecdsaP256))
        await #expect {
            try await LocalCA.createRoot(
                commonName: "wrong", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: stranger,
                validity: (CAUnderTest.now, CAUnderTest.now + .days(1)))
        } throws: { if case .badSignature = $0 as? LocalCAError { true } else { false } }
        await #expect { try await stranger.prove() } throws: {
            if case .wrongSignature = $0 as? SignerError { true } else { false }
        }
    }
}

@Suite("What takes long is not done on a thread of the pool")
struct SigningThreadTests {
    private final class Gate: Sendable {
        private let state = Mutex(false)
        var isOpen: Bool { state.withLock { $0 } }
        func open() { state.withLock { $0 = true } }
    }

    /// An executor whose only thread works until it is let go, and in whose line nobody may stand.
    private static func withBusyExecutor(_ body: (SigningExecutor) async throws -> Void) async throws {
        let executor = SigningExecutor(threads: 1, waiting: 0)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await executor.compute { while !gate.isOpen { BlockingThread.pause(.milliseconds(2)) } }
            }
            while executor.busyThreads == 0 { try await Task.sleep(for: .milliseconds(1)) }
            defer { gate.open() }
            try await body(executor)
        }
    }

    private static func list(_ key: PrivateKey) throws -> CRLSigningPermit {
        let now = CAUnderTest.now
        let template = RevocationListTemplate(
            issuer: try DistinguishedName(commonName: "CA"), updates: (now, now + .hours(1)), number: CRLNumber(1),
            signatureAlgorithm: key.publicKey.signatureAlgorithm,
            authorityKeyIdentifier: key.publicKey.keyIdentifier)
        return try template.frame(entryOctets: 0).permit(RevocationListBlocks())
    }

    private static func isRefused(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch {
            if case .transient = error as? SignerError { return true }
            return false
        }
    }

    @Test("P-256 signs what is short at once, and a list on a thread of its own")
    func quick() async throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        try await Self.withBusyExecutor { executor in
            let signer = InProcessSigner(key: key, executor: executor)
            try await signer.prove()
            #expect(await Self.isRefused { _ = try await signer.sign(Self.list(key)) })
        }
        let list = try Self.list(key).tbs
        let signature = try await InProcessSigner(key: key).sign(Self.list(key))
        let algorithm = key.publicKey.signatureAlgorithm
        #expect(key.publicKey.isValid(signature: signature, over: list, algorithm: algorithm))
    }

    @Test("what something outside signed is proven at once when it is short, and of a list on a thread of its own")
    func proof() async throws {
        struct Device: Signer {
            let key: PrivateKey
            var publicKey: SubjectPublicKey { key.publicKey }
            let purposes = SigningPurposes.authority
            let isExternal = true
            func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
                do throws(KeyError) { return try key.sign(order.message, algorithm: order.algorithm) } catch {
                    throw .unsupported("\(error)")
                }
            }
        }
        let device = Device(key: try PrivateKey.generate(.ecdsaP256))
        let told = Mutex<[SignerOperation.Outcome]>([])
        func observed(_ executor: SigningExecutor) -> ObservedSigner {
            ObservedSigner(device, driver: "pkcs11", executor: executor) { operation in
                told.withLock { $0.append(operation.outcome) }
            }
        }
        try await Self.withBusyExecutor { executor in
            try await observed(executor).prove()
            #expect(await Self.isRefused { _ = try await observed(executor).sign(Self.list(device.key)) })
        }
        let signature = try await observed(.computing).sign(Self.list(device.key))
        #expect(
            device.publicKey.isValid(
                signature: signature, over: try Self.list(device.key).tbs,
                algorithm: device.publicKey.signatureAlgorithm))
        #expect(told.withLock { $0 } == [.ok, .transient, .ok])
    }

    @Test("every other key signs on a thread of its own", arguments: KeySpec.allCases.filter { $0 != .ecdsaP256 })
    func others(spec: KeySpec) async throws {
        let key = try await SigningExecutor.computing.generate(spec)
        try await Self.withBusyExecutor { executor in
            #expect(await Self.isRefused { try await InProcessSigner(key: key, executor: executor).prove() })
            #expect(await Self.isRefused { _ = try await executor.generate(spec) })
        }
        try await InProcessSigner(key: key).prove()
    }
}

@Suite("Issuers §5.3: every signature is told of")
struct ObservedSignerTests {
    private struct Stranger: Signer {
        let publicKey: SubjectPublicKey
        let purposes = SigningPurposes.authority
        let isExternal = true
        let other: PrivateKey
        func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
            do throws(KeyError) { return try other.sign(order.message) } catch { throw .unsupported("\(error)") }
        }
    }

    private final class Ledger: Sendable {
        let lines = Mutex<[String]>([])
        func note(_ operation: SignerOperation) {
            let line =
                "\(operation.driver) \(operation.algorithm) \(operation.purpose.rawValue) \(operation.outcome.rawValue)"
            lines.withLock { $0.append(line) }
        }
    }

    @Test("with driver, kind, purpose and outcome; a signature that is wrong is an outcome and reaches nobody")
    func told() async throws {
        let (ledger, key) = (Ledger(), try PrivateKey.generate(.ecdsaP384))
        let own = ObservedSigner(InProcessSigner(key: key), driver: "database", observe: ledger.note)
        _ = try await LocalCA.createRoot(
            commonName: "told", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: own,
            validity: (CAUnderTest.now, CAUnderTest.now + .days(1)))
        let wrong = ObservedSigner(
            Stranger(publicKey: key.publicKey, other: try .generate(.ecdsaP384)), driver: "pkcs11",
            observe: ledger.note)
        await #expect { try await wrong.prove() } throws: {
            if case .wrongSignature = $0 as? SignerError { true } else { false }
        }
        #expect(
            ledger.lines.withLock { $0 } == ["database ECDSA-P384 ca ok", "pkcs11 ECDSA-P384 test wrong_signature"])
    }
}

@Suite("Issuers §5.3: a key signs no more certificates in a minute than it may")
struct SignatureCeilingTests {
    private final class Ledger: Sendable {
        let outcomes = Mutex<[SignerOperation.Outcome]>([])
    }

    private final class Second: Sendable {
        let now = Mutex<Int64>(100)
    }

    /// An authority that is read anew for each certificate, as replicas of a connector are.
    private static func sign(_ key: PrivateKey, _ ceilings: SignatureCeilings, _ ledger: Ledger) async -> Bool {
        let signer = ObservedSigner(InProcessSigner(key: key), driver: "database", ceilings: ceilings) { operation in
            ledger.outcomes.withLock { $0.append(operation.outcome) }
        }
        do throws(LocalCAError) {
            _ = try await LocalCA.createRoot(
                commonName: "counted", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
                validity: (CAUnderTest.now, CAUnderTest.now + .days(1)))
            return true
        } catch {
            #expect(error.isRetryable, "\(error)")
            return false
        }
    }

    @Test("also when many ask at once; another key, a test of the key and the next minute are not in its way")
    func limit() async throws {
        let ledger = Ledger()
        let second = Second()
        let ceilings = SignatureCeilings(perMinute: 5) { second.now.withLock { $0 } }
        let (key, other) = (try PrivateKey.generate(.ecdsaP256), try PrivateKey.generate(.ecdsaP256))
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { await Self.sign(key, ceilings, ledger) } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(made == 5)
        #expect(ledger.outcomes.withLock { $0.count { $0 == .rateLimited } } == 15)
        #expect(await Self.sign(other, ceilings, ledger))
        try await ObservedSigner(InProcessSigner(key: key), driver: "database", ceilings: ceilings) { _ in }.prove()
        second.now.withLock { $0 = 159 }
        #expect(await !Self.sign(key, ceilings, ledger))
        second.now.withLock { $0 = 160 }
        #expect(await Self.sign(key, ceilings, ledger))
    }
}

@Suite("Issuers §5: threads for slow signatures")
struct SigningExecutorTests {
    /// Holds threads until it is opened.
    private final class Gate: Sendable {
        private let isOpen = Mutex(false)
        let entered = Mutex(0)

        func pass() {
            entered.withLock { $0 += 1 }
            while !isOpen.withLock({ $0 }) { BlockingThread.pause(.milliseconds(1)) }
        }
        func open() { isOpen.withLock { $0 = true } }
    }

    @Test("runs as many as there are threads, lets as many wait as may wait, refuses the rest as worth a retry")
    func bounds() async throws {
        let executor = SigningExecutor(threads: 2, waiting: 3)
        let gate = Gate()
        let running = (0..<5).map { number in
            Task {
                try await executor.run { () throws(SignerError) in
                    gate.pass()
                    return number
                }
            }
        }
        while gate.entered.withLock({ $0 }) < 2 || executor.queueLength < 3 { await Task.yield() }
        await #expect(throws: SignerError.transient("too many signatures wait for this key")) {
            try await executor.run { () throws(SignerError) in 0 }
        }
        // Those that run already end with what they computed.
        for task in running { task.cancel() }
        while executor.queueLength > 0 { await Task.yield() }
        gate.open()
        var (done, abandoned) = (0, 0)
        for task in running {
            do { done += try await task.value >= 0 ? 1 : 0 } catch is SignerError { abandoned += 1 }
        }
        #expect(done == 2)
        #expect(abandoned == 3)
        #expect(try await executor.run { () throws(SignerError) in 7 } == 7)
    }

    @Test("many callers at once all get their own answer, also when tasks are cancelled before they start")
    func storm() async throws {
        let executor = SigningExecutor(threads: 3, waiting: 10_000)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<2000 {
                group.addTask { try await executor.run { () throws(SignerError) in number } == number }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
        let cancelled = Task { () throws -> Int in
            while !Task.isCancelled { await Task.yield() }
            return try await executor.run { () throws(SignerError) in 1 }
        }
        cancelled.cancel()
        await #expect(throws: SignerError.self) { try await cancelled.value }
    }

    @Test("with a deadline nobody waits for a device that hangs, in line or at it; what comes too late is thrown away")
    func deadline() async throws {
        let executor = SigningExecutor(threads: 1, waiting: 8, deadline: .milliseconds(200))
        let gate = Gate()
        let clock = ContinuousClock()
        let took = await clock.measure {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        await #expect {
                            try await executor.run(within: nil) { () throws(SignerError) in gate.pass() }
                        } throws: { error in
                            guard case .transient(let text) = error as? SignerError else { return false }
                            return text.contains("did not answer within 0.2 seconds")
                        }
                    }
                }
            }
        }
        // The device hangs until the gate opens: that they ended at all is the deadline's work.
        #expect(took >= .milliseconds(200), "\(took)")
        #expect(executor.queueLength == 0 && executor.busyThreads == 1)
        // Who stops waiting is not kept either, long before the deadline.
        let impatient = Task { try await executor.run(within: .seconds(60)) { () throws(SignerError) in 0 } }
        while executor.queueLength == 0 { await Task.yield() }
        impatient.cancel()
        await #expect(throws: SignerError.transient("the wait for the signature was cancelled")) {
            try await impatient.value
        }
        gate.open()
        while executor.busyThreads > 0 { await Task.yield() }
        #expect(gate.entered.withLock { $0 } == 1, "those that stood in line never ran")
        #expect(try await executor.run(within: .seconds(60)) { () throws(SignerError) in 7 } == 7)
    }

    @Test("RSA signatures leave the cooperative pool")
    func rsa() async throws {
        let key = try PrivateKey.generate(.rsa4096)
        let executor = SigningExecutor(threads: 1, waiting: 64)
        let signer = InProcessSigner(key: key, executor: executor)
        let busy = Gate()
        let blocker = Task { try await executor.run { () throws(SignerError) in busy.pass() } }
        while busy.entered.withLock({ $0 }) == 0 { await Task.yield() }
        let signing = Task { try await signer.prove() }
        while executor.queueLength == 0 { await Task.yield() }
        busy.open()
        try await signing.value
        try await blocker.value
    }
}
