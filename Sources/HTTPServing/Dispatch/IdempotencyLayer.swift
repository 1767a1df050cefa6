import APIContract
import Access
import Crypto
import Domain
import Encoding
import HTTPTypes

/// Answers repeated requests with the first answer.
struct IdempotencyLayer: Sendable {
    let keeper: (any IdempotencyKeeper)?

    static func claim(
        _ route: Route, _ head: HTTPRequest, _ body: [UInt8], _ trace: RequestTrace
    ) throws -> IdempotencyClaim? {
        guard route.method == .post || route.method == .patch, let key = head.headerFields[.idempotencyKey],
            let principal = trace.principal
        else { return nil }
        guard (8...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(
                status: 400, code: "invalid_parameter", detail: "Idempotency-Key must be 8 to 255 visible characters"
            )
        }
        return IdempotencyClaim(
            actor: principal.actor, method: route.method, path: trace.path, key: key,
            bodySHA256: Hex.encode(SHA256.hash(data: body))
        )
    }

    func run(
        _ claim: IdempotencyClaim?, refusal: (any Error) -> OutgoingResponse?,
        _ operation: () async throws -> OutgoingResponse
    ) async throws -> OutgoingResponse {
        guard let claim, let keeper else { return try await operation() }
        switch try await keeper.begin(claim) {
        case .proceed: break
        case .replay(let stored): return Self.replay(stored)
        case .inProgress:
            throw ServiceError(.idempotencyInProgress, "the first request with this key still runs")
        case .mismatch:
            throw ServiceError(.idempotencyMismatch, "the key was used before with another body")
        }
        do {
            let response = try await operation()
            try await keeper.complete(claim, with: Self.stored(response))
            return response
        } catch {
            if let answer = refusal(error), Self.isFinal(answer.status) {
                await keeper.refuse(claim, with: Self.stored(answer))
            } else {
                await keeper.abandon(claim)
            }
            throw error
        }
    }

    /// Whether a repetition gets the same refusal; what says "later" was not decided yet.
    private static func isFinal(_ status: Int) -> Bool {
        (400..<500).contains(status) && ![408, 425, 429].contains(status)
    }

    private static func stored(_ response: OutgoingResponse) -> StoredResponse {
        var body: [UInt8] = []
        if case .octets(let octets) = response.content { body = octets }
        return StoredResponse(
            status: response.status, contentType: response.fields[.contentType] ?? "application/json",
            location: response.fields[.location], entityTag: response.fields[.eTag], body: body
        )
    }

    private static func replay(_ stored: StoredResponse) -> OutgoingResponse {
        var response =
            stored.body.isEmpty
            ? OutgoingResponse(status: stored.status, fields: [:], content: .empty)
            : OutgoingResponse.octets(stored.status, stored.contentType, stored.body)
        response.fields[.location] = stored.location
        response.fields[.eTag] = stored.entityTag
        response.fields[.idempotencyReplayed] = "true"
        return response
    }
}
