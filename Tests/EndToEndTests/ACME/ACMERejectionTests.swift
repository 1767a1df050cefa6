import DatabaseTestSupport
import TestSupport
import Testing

@Suite("protocol-servers §2.16: who is refused an account is in the audit trail", .tags(.slow))
struct ACMERejectionTests {
    typealias Client = ACMETestClient

    @Test("with the reason and the profile, counted together for an address", arguments: EngineUnderTest.available)
    func rejected(_ engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        for _ in 0..<3 {
            #expect(Client.problem(try await stage.client().register(bound: false)) == "externalAccountRequired")
        }
        let client = stage.client()
        let url = "\(client.base)/new-account"
        let forged = try await client.post(
            url, ["externalAccountBinding": try client.binding(for: url, secret: "AAAA")], withKey: true)
        #expect(forged.status == 403, "\(forged.body)")
        let contact = try await client.post(
            url, ["contact": ["tel:+1"], "externalAccountBinding": try client.binding(for: url)], withKey: true)
        #expect(Client.problem(contact) == "unsupportedContact")
        // Neither a question for an account that is not there nor a nonce that was used is an application.
        #expect(
            Client.problem(try await client.post(url, ["onlyReturnExisting": true], withKey: true))
                == "accountDoesNotExist")
        #expect(Client.problem(try await client.post(url, [:], withKey: true) { $0["nonce"] = "AAAA" }) == "badNonce")
        #expect(try await client.register().status == 201)
        // What was counted is written at the latest when the server ends.
        await stage.server.stop()
        try await stage.server.startAgain()
        let page = try await stage.server.client.get("/api/v1/audit?action=acme_account_rejected")
        let events = try #require(page.json["data"] as? [[String: Any]])
        var counts: [String: Int] = [:]
        for event in events {
            #expect(event["outcome"] as? String == "denied" && event["resource_type"] as? String == "acme_account")
            let details = event["details"] as? [String: Any]
            #expect(details?["profile_id"] as? String == ACMEStage.profile)
            counts[event["reason"] as? String ?? "", default: 0] += details?["count"] as? Int ?? 0
        }
        let expected = ["acme_externalAccountRequired": 3, "acme_unauthorized": 1, "acme_unsupportedContact": 1]
        #expect(counts == expected, "\(page.body)")
        await stage.server.stop()
    }
}
