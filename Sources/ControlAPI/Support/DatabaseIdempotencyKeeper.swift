import APIContract
import Domain
package import HTTPServing
package import Query
package import Sealing
import Store

/// Keeps the answers of repeatable requests in the database, so that every replica replays them.
///
/// Answers are sealed: some of them show a credential that nothing else ever shows again.
package struct DatabaseIdempotencyKeeper: IdempotencyKeeper {
    private let database: any Database
    private let sealer: Sealer
    private let ttl: @Sendable () -> Duration
    private let store = IdempotencyStore()

    /// Keeps answers for `ttl` (`CERTCTL_IDEMPOTENCY_TTL`), which is asked each time.
    package init(database: any Database, sealer: Sealer, ttl: @escaping @Sendable () -> Duration) {
        self.database = database
        self.sealer = sealer
        self.ttl = ttl
    }

    package func begin(_ claim: IdempotencyClaim) async throws -> IdempotencyOutcome {
        let (scope, digest) = (Self.scope(claim), claim.bodySHA256)
        let ttl = ttl()
        let verdict = try await database.write { [store] tx in
            try store.begin(scope, digest: digest, ttl: ttl, in: tx)
        }
        switch verdict {
        case .fresh: return .proceed
        case .mismatch: return .mismatch
        case .inProgress: return .inProgress
        case .replay(let reply):
            return .replay(
                StoredResponse(
                    status: reply.status,
                    contentType: reply.headers["content-type"] ?? "application/json",
                    location: reply.headers["location"],
                    entityTag: reply.headers["etag"],
                    body: try open(reply, for: scope)
                )
            )
        }
    }

    package func complete(_ claim: IdempotencyClaim, with response: StoredResponse) async throws {
        let (scope, reply) = (Self.scope(claim), sealed(response, for: claim))
        try await database.write { [store] tx in try store.finish(scope, reply: reply, in: tx) }
    }

    /// When this fails, the key frees itself later.
    package func refuse(_ claim: IdempotencyClaim, with response: StoredResponse) async {
        let (scope, reply) = (Self.scope(claim), sealed(response, for: claim))
        try? await database.write { [store] tx in try store.refuse(scope, reply: reply, in: tx) }
    }

    private func sealed(_ response: StoredResponse, for claim: IdempotencyClaim) -> StoredReply {
        var headers = ["content-type": response.contentType]
        if let location = response.location { headers["location"] = location }
        if let tag = response.entityTag { headers["etag"] = tag }
        headers["sealed"] = "true"
        let body = sealer.seal(response.body, for: Self.place(Self.scope(claim)))
        return StoredReply(status: response.status, headers: headers, body: body)
    }

    /// Frees the key, unless the effect is on record already. When that fails, the key frees itself later.
    package func abandon(_ claim: IdempotencyClaim) async {
        let scope = Self.scope(claim)
        try? await database.write { [store] tx in try store.release(scope, in: tx) }
    }

    /// What marks an applied request whose answer was lost is not sealed.
    private func open(_ reply: StoredReply, for scope: IdempotencyScope) throws -> [UInt8] {
        guard reply.headers["sealed"] == "true" else { return reply.body }
        return try sealer.open(reply.body, for: Self.place(scope)).withBytes { $0 }
    }

    private static func place(_ scope: IdempotencyScope) -> SealedPlace {
        let row = "\(scope.actor.type.rawValue)|\(scope.actor.id)|\(scope.method)|\(scope.path)|\(scope.key)"
        return SealedPlace(table: "idempotency_keys", column: "response_body", rowID: row)
    }

    private static func scope(_ claim: IdempotencyClaim) -> IdempotencyScope {
        IdempotencyScope(actor: claim.actor, method: claim.method.rawValue, path: claim.path, key: claim.key)
    }
}
