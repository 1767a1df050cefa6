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
