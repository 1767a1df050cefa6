import Domain
import EmbeddedCA
import PKI
import Synchronization
import Testing

@Suite("Of those who want the same at the same time one fetches it")
struct SingleFlightTests {
    private struct Refusal: Error, Equatable {}

    private final class Count: Sendable {
        private let value = Mutex(0)
        var now: Int { value.withLock { $0 } }
        func add(_ more: Int) { value.withLock { $0 += more } }
    }

    /// Lets those who came go on once all are there.
    private final class Gate: Sendable {
        private let state = Mutex((open: false, waiting: [CheckedContinuation<Void, Never>]()))

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.open { state.waiting.append(continuation) }
                    return state.open
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiting = state.withLock { state in
                state.open = true
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test("all get what one fetched, or why not; whoever comes later sets out anew", arguments: [true, false])
    func shared(succeeds: Bool) async throws {
        let (flights, gate) = (SingleFlight<String, Int>(), Gate())
        let count = Count()
        let fetch: @Sendable () async throws -> Int = {
            try await flights.run("a") {
                count.add(1)
                await gate.pass()
                if !succeeds { throw Refusal() }
                return 7
            }
        }
        let results = await withTaskGroup(of: Result<Int, any Error>.self) { group in
            for _ in 0..<16 {
                group.addTask { do { return .success(try await fetch()) } catch { return .failure(error) } }
            }
            try? await Task.sleep(for: .milliseconds(50))
            gate.open()
            return await group.reduce(into: []) { $0.append($1) }
        }
        // Who was not scheduled before the landing fetched for itself.
        #expect(results.count == 16 && count.now < 16)
        for result in results {
            if succeeds { #expect(try result.get() == 7) } else { #expect(throws: Refusal.self) { try result.get() } }
        }
        let before = count.now
        _ = try? await fetch()
        #expect(count.now == before + 1)
    }

    @Test("who leads and is cancelled fails nobody else, and who waits may leave")
    func cancelled() async throws {
        let (flights, entered) = (SingleFlight<String, Int>(), Gate())
        try await withThrowingTaskGroup(of: Int?.self) { group in
            group.addTask {
                try? await flights.run("a") {
                    entered.open()
                    try await Task.sleep(for: .seconds(60))
                    return 1
                }
            }
            await entered.pass()
            let follower = Count()
            try await withThrowingTaskGroup(of: Void.self) { others in
                others.addTask {
                    let value = try await flights.run("a") { 2 }
                    follower.add(value)
                }
                // Another one waits, and leaves while the flight is under way.
                await withTaskGroup(of: Void.self) { leaver in
                    leaver.addTask { _ = try? await flights.run("a") { 3 } }
                    try? await Task.sleep(for: .milliseconds(20))
                    leaver.cancelAll()
                }
                #expect(follower.now == 0)
                group.cancelAll()
                try await others.waitForAll()
            }
            #expect(follower.now == 2)
        }
    }

    /// Answers that a key is new before the process can note it: whoever asks meanwhile is told that it is there.
    private final class SlowDriver: KeyDriver {
        let name = "slow"
        private let key: PrivateKey
        private let isMade = Mutex(false)
        let failures: Mutex<Int>

        init(failures: Int = 0) throws {
            key = try .generate(.ecdsaP256)
            self.failures = Mutex(failures)
        }

        func load(_ ref: String, for purposes: SigningPurposes) async throws(SignerError) -> any Signer {
            InProcessSigner(key: key, purposes: purposes)
        }

        func obtain(
            _ spec: KeySpec?, at ref: String, for purposes: SigningPurposes
        ) async throws(SignerError) -> ReachedKey {
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw .transient("away") }
            let isNew = isMade.withLock { made in
                defer { made = true }
                return !made
            }
            if isNew { try? await Task.sleep(for: .milliseconds(50)) }
            return ReachedKey(signer: try await load(ref, for: purposes), ref: ref, isNew: isNew)
        }
    }

    @Test("whoever comes together knows that the key is their own, whichever driver and passphrase", arguments: [0, 2])
    func own(failures: Int) async throws {
        let registry = KeyDriverRegistry([try SlowDriver(failures: failures)])
        let reference = KeyReference(driver: "slow", ref: "k")
        let keys = await withTaskGroup(of: ObtainedKey?.self) { group in
            for number in 0..<12 {
                let drivers = number.isMultiple(of: 2) ? registry : registry.unlocking(with: Secret("x"))
                group.addTask { try? await drivers.obtain(.ecdsaP256, at: reference) }
            }
            return await group.reduce(into: [ObtainedKey]()) { keys, key in if let key { keys.append(key) } }
        }
        #expect(keys.count == 12 - failures && keys.filter(\.isNew).count == 1 && keys.allSatisfy(\.isOwn))
    }

    @Test("a key that was there is somebody else's")
    func foreign() async throws {
        let memory = MemoryKeyDriver()
        let key = try await KeyDriverRegistry([memory]).obtain(nil, at: memory.adopt(.generate(.ecdsaP256)))
        #expect(!key.isNew && !key.isOwn)
    }
}
