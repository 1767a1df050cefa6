import Domain
import Encoding
import HTTPServing
import Synchronization
import Testing

@Suite("Idempotency-Key (specification, rest-api §6.2)")
struct IdempotencyTests {
    private final class Keeper: IdempotencyKeeper {
        private let answers = Mutex<[String: (body: String, response: StoredResponse?)]>([:])
        let abandoned = Mutex(0)

        func begin(_ claim: IdempotencyClaim) async throws -> IdempotencyOutcome {
            answers.withLock { answers in
                guard let known = answers[claim.key] else {
                    answers[claim.key] = (claim.bodySHA256, nil)
                    return .proceed
                }
                guard known.body == claim.bodySHA256 else { return .mismatch }
                return known.response.map { .replay($0) } ?? .inProgress
            }
        }

        func complete(_ claim: IdempotencyClaim, with response: StoredResponse) async throws {
            answers.withLock { $0[claim.key]?.response = response }
        }

        func refuse(_ claim: IdempotencyClaim, with response: StoredResponse) async {
            answers.withLock { $0[claim.key]?.response = response }
        }

        func abandon(_ claim: IdempotencyClaim) async {
            abandoned.withLock { $0 += 1 }
            answers.withLock { $0[claim.key] = nil }
        }
    }

    private static func post(_ stage: Stage, _ key: String, _ name: String) async throws -> CurlReply {
        try await stage.curl(
            "/api/v1/teams", "-H", "Authorization: Bearer \(Stage.operatorKey)", "-H", "Content-Type:",
            "-H", "Idempotency-Key: \(key)", "-d", "{\"name\":\"\(name)\"}"
        )
    }

    @Test("the first answer is replayed, a refusal too; another body under the key is 422; a failure frees the key")
    func replay() async throws {
        let keeper = Keeper()
        try await Stage.run(configure: { $0.idempotency = keeper }) { stage in
            let first = try await Self.post(stage, "key-00000001", "a")
            #expect(first.status == 201)
            #expect(first.fields["idempotency-replayed"] == nil)
            let again = try await Self.post(stage, "key-00000001", "a")
            #expect(again.status == 201)
            #expect(again.fields["idempotency-replayed"] == "true")
            #expect(again.body == first.body)
            #expect(again.fields["location"] == "/api/v1/teams/t-1")
            #expect(again.fields["etag"] == "\"v1\"")
            let other = try await Self.post(stage, "key-00000001", "b")
            #expect(other.status == 422)
            #expect(other.json["code"] == "idempotency_mismatch")
            let failed = try await Self.post(stage, "key-00000002", "taken")
            #expect(failed.status == 409)
            let failedAgain = try await Self.post(stage, "key-00000002", "taken")
            #expect(failedAgain.status == 409 && failedAgain.body == failed.body, "\(failedAgain)")
            #expect(failedAgain.fields["idempotency-replayed"] == "true")
            #expect(keeper.abandoned.withLock { $0 } == 0)
            for (key, name, status) in [("key-00000003", "broken", 500), ("key-00000004", "busy", 429)] {
                for _ in 1...2 {
                    let reply = try await Self.post(stage, key, name)
                    #expect(reply.status == status && reply.fields["idempotency-replayed"] == nil, "\(reply)")
                }
            }
            #expect(keeper.abandoned.withLock { $0 } == 4)
            let short = try await Self.post(stage, "short", "a")
            #expect(short.status == 400)
        }
    }
}
