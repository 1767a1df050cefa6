package import Domain
import Encoding
package import Query
package import Sealing
import Store
import Synchronization

/// The credential of the first administrator; shown once.
package struct BootstrapAnswer: Sendable {
    package let actorID: String
    package let keyID: APIKeyID
    package let keyValue: Secret
    package let createdAt: Timestamp
}

/// Makes the first administrator from a one-time token (specification, security §2.5).
///
/// A one-way latch: key, role, latch and audit event commit together or not at all, so a crash leaves the token usable,
/// and of two attempts at the same time one succeeds. Once closed it never opens again.
package final class BootstrapFlow: Sendable {
    private let database: any Database
    private let sealer: Sealer
    private let time: TimeSource
    private let random: RandomSource
    /// The tokens that open the latch, each until its end: the generated one, and the operator's.
    private let tokens: [(token: SetupToken, validUntil: Timestamp?)]
    private let recorder: AccessRecorder
    /// Counts attempts from everywhere; those of one address are counted where requests come in.
    private let limiter: AttemptLimiter
    /// Too many attempts in an hour: nothing is accepted any more until the server is started again.
    private let isLocked = Mutex(false)

    /// - `chosen`: `CERTCTL_BOOTSTRAP_TOKEN`, if the operator set one.
    /// - `generated`: The token that this process printed, valid until `generatedUntil`.
    package init(
        database: any Database,
        sealer: Sealer,
        time: TimeSource,
        random: RandomSource,
        chosen: SetupToken?,
        generated: SetupToken?,
        generatedUntil: Timestamp,
        limiter: AttemptLimiter = AttemptLimiter()
    ) {
        self.limiter = limiter
        self.database = database
        self.sealer = sealer
        self.time = time
        self.random = random
        recorder = AccessRecorder(random: random)
        var tokens: [(SetupToken, Timestamp?)] = []
        if let chosen { tokens.append((chosen, nil)) }
        if let generated { tokens.append((generated, generatedUntil)) }
        self.tokens = tokens
    }

    /// Whether a token would be accepted now.
    package func isAvailable() async throws -> Bool {
        guard !currentTokens.isEmpty else { return false }
        return try await Self.isOpen(database)
    }

    /// Whether this installation still waits for its first administrator: then a token is worth making.
    package static func isOpen(_ database: any Database) async throws -> Bool {
        try await database.read { tx in try BootstrapStore().isOpen(in: tx) }
    }

    /// Consumes the token: an API key named `actorName` with the administrator role.
    ///
    /// Throws 400 for the name, 401 for the token, 410 once the latch is closed, 429 after too many attempts.
    package func consume(
        token: Secret,
        actorName: String,
        origin: RequestOrigin
    ) async throws -> BootstrapAnswer {
        try ActorName.check(actorName, at: "/actor_name")
        let author = Authorship(
            actor: Actor(id: "bootstrap-token", type: .system), origin: origin, clearance: .system)
        guard try await isAvailable() else { throw Self.closed }
        try await admitAttempt()
        guard accepts(token) else {
            try await recordRejection(by: author)
            throw ServiceError(.unauthenticated, "the set-up token is not right")
        }
        let key = APIKeyToken.generate(random: random)
        let keyID = APIKeyID(generatedAt: time.now, random: random)
        let createdAt = try await persist(key, keyID, named: actorName, by: author)
        return BootstrapAnswer(actorID: actorName, keyID: keyID, keyValue: key.text, createdAt: createdAt)
    }

    /// Stores key, role, latch and event in one transaction. What stands in the way after the token was accepted is
    /// audited too, with the step that failed.
    private func persist(
        _ key: APIKeyToken,
        _ keyID: APIKeyID,
        named actorName: String,
        by author: Authorship
    ) async throws -> Timestamp {
        do {
            return try await store(key, keyID, named: actorName, by: author)
        } catch let error as ServiceError where error.code != .bootstrapDisabled {
            let stage = error.code == .unknownReference ? "grant_role" : "persist_key"
            try await database.act { [recorder] tx in
                try recorder.record(
                    "bootstrap.consume_failed",
                    "bootstrap",
                    "setup",
                    outcome: .error,
                    details: ["stage": .string(stage), "code": .string(error.code.rawValue)],
                    by: author,
                    in: tx
                )
            }
            throw error
        }
    }

    private func store(
        _ key: APIKeyToken,
        _ keyID: APIKeyID,
        named actorName: String,
        by author: Authorship
    ) async throws -> Timestamp {
        try await database.act { [self] tx in
            guard try BootstrapStore().close(by: actorName, in: tx) else { throw Self.closed }
            try insert(key, keyID, named: actorName, in: tx)
            try recorder.record(
                "bootstrap.consume",
                "api_key",
                keyID.text,
                details: ["actor_id": .string(actorName)],
                by: author,
                in: tx
            )
            return tx.now
        }
    }

    private func insert(_ key: APIKeyToken, _ id: APIKeyID, named name: String, in tx: any Transaction) throws {
        try KeyStore().insert(
            NewAPIKey(
                id: id,
                name: name,
                tokenID: key.keyID,
                hash: KeyHash(hex: key.hash(with: sealer), algorithm: .hmacSHA256),
                isAdmin: true,
                createdBy: "bootstrap"
            ),
            in: tx
        )
        try GrantStore().grant(
            GrantID(generatedAt: tx.now, random: random),
            role: BuiltInRole.admin.rawValue,
            to: Actor(id: name, type: .apiKey),
            by: "bootstrap",
            source: .bootstrap,
            in: tx
        )
        try BootstrapStore().note(key: id, in: tx)
    }

    private var currentTokens: [SetupToken] {
        let now = time.now
        return tokens.filter { $0.validUntil.map { now < $0 } ?? true }.map(\.token)
    }

    /// Compares with every token, so that the time tells nothing.
    private func accepts(_ presented: Secret) -> Bool {
        currentTokens.map { $0.matches(presented) }.contains(true)
    }

    /// Whoever guesses from many addresses is stopped for good; only a person at the server starts over.
    private func admitAttempt() async throws {
        guard !isLocked.withLock({ $0 }) else { throw Self.locked }
        let verdict = try await limiter.take(.bootstrapOverall, "everybody", at: time.now)
        guard verdict.isAllowed else {
            isLocked.withLock { $0 = true }
            throw Self.locked
        }
    }

    private func recordRejection(by author: Authorship) async throws {
        try await database.act { [recorder] tx in
            try recorder.record("bootstrap.rejected", "bootstrap", "setup", outcome: .denied, by: author, in: tx)
        }
    }

    private static let locked = ServiceError(
        .rateLimited, "too many attempts with the set-up token; restart the server to try again"
    )

    private static let closed = ServiceError(
        .bootstrapDisabled,
        "the first administrator exists already, or no set-up token is in force; "
            + "an administrator creates further keys with certctl keys create"
    )
}
