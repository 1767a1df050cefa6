import Crypto
import Foundation
import TestSupport
import Testing

@Suite(
    "Protocol servers §2.6: a profile that trusted accounts demands proofs, and the other way round", .tags(.security))
struct ACMEModeTests {
    private typealias Client = ACMETestClient

    private static func set(_ mode: String, _ stage: ChallengeStage) async throws {
        try Inventory.expect(
            200,
            try await stage.server.client.put("/api/v1/profiles/\(ACMEStage.profile)", ["acme_auth_mode": mode]))
    }

    /// Proves the one name of an order by dns-01.
    private static func prove(
        _ name: String, _ order: CurlClient.Reply, _ client: Client, _ stage: ChallengeStage
    ) async throws {
        let authorization = try #require((order.json["authorizations"] as? [String])?.first, "\(order.body)")
        let shown = try await client.post(authorization, nil)
        let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
        let challenge = try #require(challenges.first { $0["type"] as? String == "dns-01" }, "\(shown.body)")
        let token = try #require(challenge["token"] as? String)
        let thumbprint = Client.base64url(Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
        let digest = Client.base64url(Data(SHA256.hash(data: Data("\(token).\(thumbprint)".utf8))))
        try await stage.names.update("update add _acme-challenge.\(name) 1 TXT \"\(digest)\"")
        #expect(try await client.post(try #require(challenge["url"] as? String), [:]).status == 200)
        let isProved = try await eventually(within: .seconds(40), every: .milliseconds(200)) {
            try await client.post(authorization, nil).text("status") == "valid"
        }
        try #require(isProved)
    }

    @Test("what was trusted is no proof afterwards; what was proved stays proved", arguments: EngineUnderTest.available)
    func switches(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        try await Self.set("trust_authenticated", stage)
        let (alice, mallory) = (stage.acme.client(), stage.acme.client())
        #expect(try await alice.register().status == 201)
        #expect(try await mallory.register().status == 201)
        let (_, chain, certificate) = try await alice.obtain(["b.certctl.test"])
        let (trusted, created) = try await alice.order(["a.certctl.test"])
        #expect(created.text("status") == "ready", "\(created.body)")
        #expect(try await mallory.order(["b.certctl.test"]).reply.text("status") == "ready")

        try await Self.set("challenge", stage)
        #expect(try await alice.post(try #require(alice.kid), nil).text("status") == "valid")
        #expect(try await alice.post(certificate, nil).status == 200)
        let refused = try await alice.finalize(trusted, try await alice.csr(["a.certctl.test"]))
        #expect(refused.status == 403 && Client.problem(refused) == "unauthorized", "\(refused.body)")
        let parts = refused.json["subproblems"] as? [[String: Any]]
        #expect((parts?.first?["identifier"] as? [String: String])?["value"] == "a.certctl.test", "\(refused.body)")
        let ended = try await alice.post(trusted, nil)
        #expect(ended.text("status") == "invalid" && ended.json["error"] != nil, "\(ended.body)")
        let failures = try await stage.server.client.get("/api/v1/audit?action=acme_order_failed")
        #expect(failures.body.contains("demands proofs"), "\(failures.body)")
        // Whoever ordered the name while that took no proof does not hold it.
        let der = Client.base64url(try Client.der(chain))
        let foreign = try await mallory.post("\(mallory.base)/revoke-cert", ["certificate": der])
        #expect(foreign.status == 403 && Client.problem(foreign) == "unauthorized", "\(foreign.body)")

        let (order, pending) = try await alice.order(["a.certctl.test"])
        #expect(pending.text("status") == "pending", "\(pending.body)")
        try await Self.prove("a.certctl.test", pending, alice, stage)
        let carol = stage.acme.client()
        #expect(try await carol.register(bound: false).status == 201)
        let (waiting, asked) = try await carol.order(["c.certctl.test"])
        #expect(asked.text("status") == "pending", "\(asked.body)")

        try await Self.set("trust_authenticated", stage)
        #expect(try await carol.post(waiting, nil).text("status") == "pending")
        let unbound = try await carol.order(["d.certctl.test"]).reply
        #expect(unbound.status == 403 && Client.problem(unbound) == "externalAccountRequired", "\(unbound.body)")
        #expect(try await alice.order(["d.certctl.test"]).reply.text("status") == "ready")
        #expect(try await alice.finalize(order, try await alice.csr(["a.certctl.test"])).status == 200)
        #expect(try await alice.settled(order).text("status") == "valid")
        #expect(try await alice.post("\(alice.base)/revoke-cert", ["certificate": der]).status == 200)
        await stage.stop()
    }
}
