package import Domain
import Encoding
package import Query

/// What makes two requests the same: who, what, and the key that the client chose.
package struct IdempotencyScope: Hashable, Sendable {
    package let actor: Actor
    package let method: String
    package let path: String
    package let key: String

    package init(actor: Actor, method: String, path: String, key: String) {
        self.actor = actor
        self.method = method
        self.path = path
        self.key = key
    }

    var condition: SQL {
        """
        actor_type = \(actor.type) AND actor_id = \(actor.id) AND method = \(method) AND path = \(path)
            AND key = \(key)
        """
    }
}

/// The first answer, kept for repetitions.
package struct StoredReply: Hashable, Sendable {
    package let status: Int
    package let headers: [String: String]
    /// Octets as sent; sealed by the caller when they show a secret once.
    package let body: [UInt8]

    package init(status: Int, headers: [String: String], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// What a repetition of a request finds.
package enum IdempotencyVerdict: Hashable, Sendable {
    /// Nobody had this key: do the work, then ``IdempotencyStore/finish(_:reply:in:)``.
    case fresh
    case replay(StoredReply)
    /// The key was used for another request body.
    case mismatch
    /// The first request is still being worked on.
    case inProgress
}

/// The keys of repeatable requests and their first answers.
package struct IdempotencyStore: Sendable {
    /// How long an unfinished request blocks its repetitions; after a crash the next one takes over.
    package static let abandonedAfter = Duration.seconds(120)

    package init() {}

    /// Claims a key, or says what became of the request that holds it.
    ///
    /// - `digest`: lower-case hexadecimal SHA-256 of the request body.
    /// - `ttl`: how long the answer is kept.
    package func begin(
        _ scope: IdempotencyScope,
        digest: String,
        ttl: Duration,
        in tx: any Transaction
    ) throws -> IdempotencyVerdict {
        let inserted = try tx.execute(
            """
            INSERT INTO idempotency_keys (
                actor_id, actor_type, method, path, key, request_digest, started_at, expires_at
            ) VALUES (
                \(scope.actor.id), \(scope.actor.type), \(scope.method), \(scope.path), \(scope.key), \(digest),
                \(tx.now), \(tx.now + ttl)
            ) ON CONFLICT (actor_type, actor_id, method, path, key) DO UPDATE SET
                request_digest = excluded.request_digest, state = 'running', response_status = NULL,
                response_headers = NULL, response_body = NULL, started_at = excluded.started_at,
                expires_at = excluded.expires_at
            WHERE idempotency_keys.expires_at <= excluded.started_at
                OR (idempotency_keys.state = 'running' AND idempotency_keys.request_digest = excluded.request_digest
                    AND idempotency_keys.started_at <= \(tx.now - Self.abandonedAfter))
            """
        )
        if inserted == 1 { return .fresh }
        let row = try tx.row(
            """
            SELECT request_digest, state, response_status, response_headers, response_body
            FROM idempotency_keys WHERE \(fragment: scope.condition)
            """
        )
        guard let row else { return .inProgress }
        guard try row.text("request_digest") == digest else { return .mismatch }
        guard try row.text("state") == "done" else { return .inProgress }
        return .replay(
            StoredReply(
                status: try row.int("response_status"),
                headers: try row.textMap("response_headers"),
                body: try row.bytes("response_body")
            )
        )
    }

    /// Keeps the answer, in the transaction that has the effect.
    package func finish(_ scope: IdempotencyScope, reply: StoredReply, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE idempotency_keys SET state = 'done', response_status = \(reply.status),
                response_headers = \(JSONColumn.value(reply.headers)), response_body = \(reply.body)
            WHERE \(fragment: scope.condition)
            """
        )
    }

    /// Keeps the refusal of a request that had no effect; one that had keeps what ``markApplied(by:in:)`` noted.
    package func refuse(_ scope: IdempotencyScope, reply: StoredReply, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE idempotency_keys SET state = 'done', response_status = \(reply.status),
                response_headers = \(JSONColumn.value(reply.headers)), response_body = \(reply.body)
            WHERE \(fragment: scope.condition) AND state = 'running'
            """
        )
    }

    /// Notes, in the transaction that has the effect, that the request with this key was applied.
    ///
    /// The answer itself follows once it is known (``finish(_:reply:in:)``). When the process ends in between, a
    /// repetition is told so instead of being applied a second time.
    package func markApplied(by author: Authorship, in tx: any Transaction) throws {
        guard let reference = author.origin?.idempotency else { return }
        let scope = IdempotencyScope(
            actor: author.actor, method: reference.method, path: reference.path, key: reference.key
        )
        try finish(scope, reply: Self.lostAnswer, in: tx)
    }

    private static let lostAnswer = StoredReply(
        status: 409,
        headers: ["content-type": "application/json"],
        body: Array(
            """
            {"error":"Conflict","message":"the first request with this key was applied, but its answer was lost; \
            read the resource","code":"invalid_state"}
            """.utf8
        )
    )

    /// Frees a key whose request had no effect, such as one that ended in an internal error.
    package func release(_ scope: IdempotencyScope, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM idempotency_keys WHERE \(fragment: scope.condition) AND state = 'running'")
    }

    /// Deletes answers that are no longer kept, at most `limit`; how many went.
    package func purge(limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM idempotency_keys WHERE (actor_type, actor_id, method, path, key) IN (
                SELECT actor_type, actor_id, method, path, key FROM idempotency_keys
                WHERE expires_at <= \(tx.now) ORDER BY expires_at LIMIT \(limit)
            )
            """
        )
    }
}
