package import APIContract
package import Domain

/// An `Idempotency-Key` with everything that it is bound to (specification, rest-api §6.2).
package struct IdempotencyClaim: Sendable, Hashable {
    package let actor: Actor
    package let method: HTTPMethod
    package let path: String
    package let key: String
    /// Lower-case hexadecimal.
    package let bodySHA256: String
}

/// What is known about a claim.
package enum IdempotencyOutcome: Sendable {
    /// New: the request runs; its answer is kept afterwards.
    case proceed
    /// The first request was answered with this.
    case replay(StoredResponse)
    /// The first request still runs: 409.
    case inProgress
    /// The key came with another body before: 422.
    case mismatch
}

/// An answer as it is kept for 24 hours.
package struct StoredResponse: Sendable, Hashable {
    package let status: Int
    package let contentType: String
    package let location: String?
    package let entityTag: String?
    package let body: [UInt8]

    package init(status: Int, contentType: String, location: String?, entityTag: String?, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.location = location
        self.entityTag = entityTag
        self.body = body
    }
}

/// Keeps answers by idempotency key. Handlers whose effect is one transaction write the claim inside it; see
/// ``RequestContext/idempotencyClaim``.
package protocol IdempotencyKeeper: Sendable {
    func begin(_ claim: IdempotencyClaim) async throws -> IdempotencyOutcome
    /// The request succeeded; this answer is replayed from now on.
    func complete(_ claim: IdempotencyClaim, with response: StoredResponse) async throws
    /// The request was refused: so is its repetition, unless the effect is on record (ADR-0007).
    func refuse(_ claim: IdempotencyClaim, with response: StoredResponse) async
    /// The request failed: its key is free again, unless the effect is on record (ADR-0007).
    func abandon(_ claim: IdempotencyClaim) async
}
