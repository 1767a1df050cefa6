import Crypto
import Foundation
import TestSupport
import Testing

@Suite("RFC 8659, RFC 8657, RFC 8555 §7.4: what the holder of a zone says, and what was proved before", .tags(.slow))
struct ACMECAATests {
    private typealias Client = ACMETestClient

    /// Orders one name, and proves it by dns-01 unless it need not be; the order, and its authorization as it ends.
    private static func prove(
        _ client: Client, _ name: String, _ names: NameServer
    ) async throws -> (order: String, authorization: CurlClient.Reply) {
        let (order, created) = try await client.order([name])
        try #require(created.status == 201, "\(created.body)")
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)
        var shown = try await client.post(authorization, nil)
        guard shown.text("status") == "pending" else { return (order, shown) }
        let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
        let challenge = try #require(challenges.first { $0["type"] as? String == "dns-01" }, "\(shown.body)")
        let token = try #require(challenge["token"] as? String)
        let thumbprint = Client.base64url(
            Data(SHA256.hash(data: try Client.json(Client.jwk(client.key)))))
        let proof = Client.base64url(Data(SHA256.hash(data: Data("\(token).\(thumbprint)".utf8))))
        let owner = "_acme-challenge." + (name.hasPrefix("*.") ? String(name.dropFirst(2)) : name)
        try await names.update("update add \(owner) 1 TXT \"\(proof)\"")
        _ = try await client.post(try #require(challenge["url"] as? String), [:])
        let isOver = try await eventually(within: .seconds(40), every: .milliseconds(200)) {
            shown = try await client.post(authorization, nil)
            return shown.text("status") != "pending"
        }
        try #require(isOver, "\(shown.body)")
        return (order, shown)
    }

    @Test("CAA records of a real name server decide who is issued for", arguments: EngineUnderTest.available)
    func records(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(
            engine, ["CERTCTL_ACME_SERVER_CAA_IDENTITIES": "ca.certctl.test"])
        let (client, stranger) = (stage.acme.client(), stage.acme.client())
        #expect(try await client.register(bound: false).status == 201)
        #expect(try await stranger.register(bound: false).status == 201)
        let kid = try #require(client.kid)
        func add(_ name: String, _ tag: String, _ value: String) async throws {
            try await stage.names.update("update add \(name).certctl.test 1 CAA 0 \(tag) \"\(value)\"")
        }
        func status(_ name: String, by client: Client) async throws -> String {
            let ended = try await Self.prove(client, "\(name).certctl.test", stage.names).authorization
            if ended.text("status") == "invalid" {
                #expect(ended.body.contains("urn:ietf:params:acme:error:caa"), "\(ended.body)")
            }
            return ended.text("status") ?? ""
        }
        try await add("other", "issue", "other.example")
        try await add("ours", "issue", "ca.certctl.test")
        try await add("mine", "issue", "ca.certctl.test; accounturi=\(kid)")
        try await add("web", "issue", "ca.certctl.test; validationmethods=http-01,tls-alpn-01")
        try await add("wild", "issuewild", ";")
        #expect(try await status("free", by: client) == "valid")
        #expect(try await status("other", by: client) == "invalid")
        #expect(try await status("below.other", by: client) == "invalid", "records above count")
        #expect(try await status("ours", by: client) == "valid")
        #expect(try await status("mine", by: client) == "valid")
        #expect(try await status("mine", by: stranger) == "invalid")
        #expect(try await status("web", by: client) == "invalid")
        #expect(try await status("wild", by: client) == "valid")
        #expect(try await status("*.wild", by: client) == "invalid")
        let directory = try await stage.server.anonymous.get("/acme/directory")
        #expect(directory.body.contains(#""caaIdentities":["ca.certctl.test"]"#), "\(directory.body)")
        await stage.stop()
    }

    @Test("enforced, CAA records hold where accounts are trusted with names too; off, nowhere")
    func enforced() async throws {
        for (mode, isIssued) in [("enforce", false), ("auto", true)] {
            let names = try await NameServer.start()
            try await names.update("update add closed.certctl.test 1 CAA 0 issue \";\"")
            let stage = try await ACMEStage.make(
                .sqlite,
                [
                    "CERTCTL_ACME_SERVER_DNS01_RESOLVER": "127.0.0.1:\(names.port)",
                    "CERTCTL_ACME_SERVER_CAA_IDENTITIES": "ca.certctl.test", "CERTCTL_ACME_SERVER_CAA_CHECK": mode,
                ])
            let client = stage.client()
            try await client.register()
            let (order, created) = try await client.order(["closed.certctl.test"])
            #expect(created.text("status") == "ready", "\(created.body)")
            let finalized = try await client.finalize(order, try await client.csr(["closed.certctl.test"]))
            #expect(finalized.status == (isIssued ? 200 : 403), "\(finalized.body)")
            if !isIssued {
                #expect(Client.problem(finalized) == "caa", "\(finalized.body)")
                #expect(try await client.post(order, nil).text("status") == "invalid")
                _ = try await client.obtain(["open.certctl.test"])
            }
            await stage.server.stop()
            await names.stop()
        }
    }

    @Test("a proof is used again, and failures are counted, as the settings say", arguments: EngineUnderTest.available)
    func reuse(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_AUTHZ_REUSE": "1h", "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "1s",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_FAILED_VALIDATIONS_PER_HOUR": "1",
            ])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let first = try await Self.prove(client, "www.certctl.test", stage.names)
        #expect(first.authorization.text("status") == "valid")
        // RFC 8555 §7.1.4: the challenge that was validated, and no other.
        #expect(first.authorization.body.contains(#""type":"dns-01""#), "\(first.authorization.body)")
        #expect(!first.authorization.body.contains("http-01"), "\(first.authorization.body)")
        let (order, again) = try await client.order(["www.certctl.test"])
        #expect(again.status == 201 && again.text("status") == "ready", "\(again.body)")
        #expect(try await client.finalize(order, try await client.csr(["www.certctl.test"])).status == 200)
        #expect(try await client.settled(order).text("status") == "valid")

        let (_, created) = try await client.order(["closed.certctl.test"])
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)
        let challenges = try await client.post(authorization, nil).json["challenges"] as? [[String: Any]]
        let web = try #require(challenges?.first { $0["type"] as? String == "http-01" })
        _ = try await client.post(try #require(web["url"] as? String), [:])
        let isOver = try await eventually(within: .seconds(30)) {
            try await client.post(authorization, nil).text("status") == "invalid"
        }
        #expect(isOver)
        // The one that failed, likewise.
        let failed = try await client.post(authorization, nil)
        #expect((failed.json["challenges"] as? [Any])?.count == 1, "\(failed.body)")
        #expect(failed.body.contains(#""type":"http-01""#) && failed.body.contains("error"), "\(failed.body)")
        let limited = try await client.order(["closed.certctl.test"]).reply
        #expect(limited.status == 429 && Client.problem(limited) == "rateLimited", "\(limited.body)")
        let wait = try #require(Client.field("retry-after", limited).flatMap(Int.init))
        #expect((3000...3600).contains(wait))
        #expect(try await client.order(["other.certctl.test"]).reply.status == 201)
        await stage.stop()
    }
}
