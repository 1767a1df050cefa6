package import Domain
import Synchronization
import Threads

/// Hashes and compares passwords on threads of its own, a few at a time: one hash is 64 MiB and a processor for a
/// tenth of a second or more (security §6, T30).
package final class PasswordHasher: Sendable {
    private let random: RandomSource
    private let cost: Argon2Cost
    private let turns: Turns

    /// - `concurrency`: Hashes at the same time; as many as there are processors, at most four, when absent.
    /// - `patience`: How long a hash waits for its turn before it is refused.
    package init(
        random: RandomSource, time: TimeSource, cost: Argon2Cost = .standard, concurrency: Int? = nil,
        patience: Duration = .seconds(2)
    ) {
        self.random = random
        self.cost = cost
        turns = Turns(limit: concurrency ?? min(4, max(1, BlockingThread.processors)), patience: patience, time: time)
    }

    /// - Throws: 503 when too many passwords wait already.
    package func hash(_ password: Secret) async throws -> PasswordHash {
        let (salt, cost) = (random.bytes(PasswordHash.saltLength), cost)
        let digest = try await turns.take { try await Self.digest(password, salt: salt, cost: cost) }
        return PasswordHash(cost: cost, salt: salt, digest: digest)
    }

    /// Whether the password is the stored one. Without a stored one the same work is done for nothing, so that the
    /// time tells nobody who has a password.
    package func verify(_ password: Secret, against stored: PasswordHash?) async throws -> Bool {
        let salt = stored?.salt ?? [UInt8](repeating: 0, count: PasswordHash.saltLength)
        let digest = try await turns.take {
            try await Self.digest(password, salt: salt, cost: stored?.cost ?? cost)
        }
        guard let stored else { return false }
        return ConstantTime.equal(digest, stored.digest)
    }

    /// Whether a stored hash was made at another cost than new ones are.
    package func isOutdated(_ stored: PasswordHash) -> Bool { stored.cost != cost }

    private static func digest(_ password: Secret, salt: [UInt8], cost: Argon2Cost) async throws -> [UInt8] {
        let octets = PasswordForm.normalised(password).withBytes { $0 }
        let result: Result<[UInt8], any Error> = await withCheckedContinuation { continuation in
            let isStarted = BlockingThread.start(stackSize: 1 << 20, yields: true) {
                continuation.resume(
                    returning: Result { try Argon2id.hash(octets, salt: salt, cost: cost) })
            }
            if !isStarted { continuation.resume(returning: .failure(Turns.tooBusy)) }
        }
        do {
            return try result.get()
        } catch is Argon2id.Failure {
            throw ServiceError(.unavailable, "a password cannot be checked now; repeat it", retryAfter: .seconds(1))
        }
    }
}

/// Lets a few run at the same time; the others wait in line, for a while.
private final class Turns: Sendable {
    private struct State {
        var running = 0
        var nextID = 0
        var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    static let tooBusy = ServiceError(
        .unavailable, "too many passwords are being checked; repeat the request", retryAfter: .seconds(1))

    private let limit: Int
    private let patience: Duration
    private let time: TimeSource
    private let state = Mutex(State())

    init(limit: Int, patience: Duration, time: TimeSource) {
        self.limit = limit
        self.patience = patience
        self.time = time
    }

    func take<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        guard try await begin() else { throw Self.tooBusy }
        defer { end() }
        return try await body()
    }

    private func begin() async throws -> Bool {
        let place: Int? = state.withLock { state in
            guard state.running >= limit else {
                state.running += 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let place else { return true }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try? await time.sleep(patience)
                giveUp(place)
            }
            defer { group.cancelAll() }
            return await withCheckedContinuation { line(up: place, $0) }
        }
    }

    /// A turn may have become free since: whoever lines up looks once more.
    private func line(up place: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let isNext = state.withLock { state in
            if state.running < limit {
                state.running += 1
                return true
            }
            state.waiting.append((place, continuation))
            return false
        }
        if isNext { continuation.resume(returning: true) }
    }

    private func giveUp(_ place: Int) {
        let continuation = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let index = state.waiting.firstIndex(where: { $0.id == place }) else { return nil }
            return state.waiting.remove(at: index).continuation
        }
        continuation?.resume(returning: false)
    }

    /// Hands the turn to whoever waits longest.
    private func end() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}
