import Crypto
import Foundation
import TestSupport
import Testing

@Suite("RFC 8555 §6, §10: clients that lie", .tags(.security))
struct ACMEHostileTests {
    private typealias Client = ACMETestClient

    @Test("§6.2–6.5: each broken request is refused for what is broken, and a nonce serves once")
    func requests() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        #expect(try await client.register().status == 201)
        let url = "\(client.base)/new-order"
        let payload: [String: Any] = ["identifiers": [["type": "dns", "value": "a.certctl.test"]]]

        func expect(
            _ kind: String, _ status: Int, _ what: String, _ change: (inout [String: Any]) -> Void
        ) async throws {
            let reply = try await client.post(url, payload, change)
            #expect(Client.problem(reply) == kind && reply.status == status, "\(what): \(reply.status) \(reply.body)")
            #expect(Client.field("replay-nonce", reply) != nil, "\(what): no nonce")
            #expect(Client.field("content-type", reply) == "application/problem+json")
            #expect(reply.headers.contains("/acme/directory>;rel=\"index\""), "\(what): \(reply.headers)")
        }
        try await expect("unauthorized", 401, "url of another path") { $0["url"] = "\(client.base)/new-account" }
        try await expect("unauthorized", 401, "url of another host") { $0["url"] = "https://evil.test/acme/new-order" }
        try await expect("unauthorized", 401, "no url") { $0["url"] = nil }
        try await expect("badNonce", 400, "no nonce") { $0["nonce"] = nil }
        try await expect("badNonce", 400, "made-up nonce") { $0["nonce"] = Client.base64url(Data(count: 40)) }
        // §6.5.2: that is no nonce at all.
        for text in ["not base64url", "ab+/", "AAAA=", "A"] {
            try await expect("malformed", 400, "nonce \(text)") { $0["nonce"] = text }
        }
        try await expect("badSignatureAlgorithm", 400, "none") { $0["alg"] = "none" }
        try await expect("badSignatureAlgorithm", 400, "a shared key") { $0["alg"] = "HS256" }
        try await expect("badPublicKey", 400, "algorithm of another key") { $0["alg"] = "RS256" }
        try await expect("malformed", 400, "both") { $0["jwk"] = Client.jwk(client.key) }
        try await expect("malformed", 400, "neither") { $0["kid"] = nil }
        try await expect("malformed", 400, "crit") { $0["crit"] = ["exp"] }
        try await expect("malformed", 400, "b64") { $0["b64"] = false }
        try await expect("malformed", 400, "key where the account is wanted") {
            $0["kid"] = nil
            $0["jwk"] = Client.jwk(client.key)
        }
        try await expect("accountDoesNotExist", 400, "unknown account") {
            $0["kid"] = "\(client.base)/account/acme-acc-nobody"
        }
        try await expect("accountDoesNotExist", 400, "account of another family") {
            $0["kid"] = client.kid?.replacing("/acme/", with: "/acme/profile/\(ACMEStage.profile)/")
        }
        let foreign = try await client.post(url, payload, signedBy: P256.Signing.PrivateKey())
        #expect(foreign.status == 401 && Client.problem(foreign) == "unauthorized", "\(foreign.body)")

        // Replay of a whole request, and of its nonce alone.
        let header: [String: Any] = [
            "alg": "ES256", "nonce": try await client.nonce(), "url": url, "kid": try #require(client.kid),
        ]
        let signed = try Client.jws(header, payload: try Client.json(payload), client.key)
        #expect(try await client.send(signed, to: url).status == 201)
        let replayed = try await client.send(signed, to: url)
        #expect(replayed.status == 400 && Client.problem(replayed) == "badNonce", "\(replayed.body)")
        #expect(replayed.text("detail")?.hasPrefix("JWS has an invalid anti-replay nonce") == true)

        // The envelope.
        let envelopes: [([String: Any], Int)] = [
            (signed.merging(["header": [String: Any]()]) { $1 }, 400),
            (signed.merging(["signatures": [Any]()]) { $1 }, 400), (["payload": "", "signature": ""], 400),
            (signed.merging(["payload": "e30="]) { $1 }, 400), ([:], 400),
        ]
        for (body, status) in envelopes {
            let reply = try await client.send(body, to: url)
            #expect(reply.status == status && Client.problem(reply) == "malformed", "\(body): \(reply.body)")
        }
        let type = try await client.send(signed, to: url, type: "application/json")
        #expect(type.status == 415 && Client.problem(type) == "malformed", "\(type.body)")
        let large = try await client.send(["payload": String(repeating: "A", count: 70_000)], to: url)
        #expect(large.status == 413 && Client.problem(large) == "malformed", "\(large.status) \(large.body)")
        #expect(Client.field("replay-nonce", large) != nil)
        let method = try await stage.server.anonymous.get("/acme/new-order")
        #expect(method.status == 405 && Client.problem(method) == "malformed", "\(method.body)")
        // Protocol servers §1.2: below the prefix everything is the protocol, and beside it nothing.
        for path in ["/acme", "/acme/none", "/acme/order", "/acme/profile/\(ACMEStage.profile)/none/x", "/acme/%zz"] {
            let reply = try await client.send(signed, to: "\(client.origin)\(path)")
            let isKnown = [400, 404].contains(reply.status) && Client.problem(reply) == "malformed"
            #expect(isKnown, "\(path): \(reply.status) \(reply.body)")
            #expect(Client.field("content-type", reply) == "application/problem+json", "\(path)")
            #expect(Client.field("replay-nonce", reply) != nil, "\(path): \(reply.headers)")
            #expect(reply.headers.contains("/directory>;rel=\"index\""), "\(path): \(reply.headers)")
        }
        let beside = try await stage.server.anonymous.get("/acmex/directory")
        #expect(beside.status == 404 && Client.field("replay-nonce", beside) == nil, "\(beside.headers)")
        await stage.server.stop()
    }

    @Test("§7.3.4, open-trust rule: no account without a key that an operator gave out")
    func bindings() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        let url = "\(client.base)/new-account"
        let directory = try await stage.server.anonymous.get("/acme/directory")
        #expect((directory.json["meta"] as? [String: Any])?["externalAccountRequired"] as? Bool == true)
        let unbound = try await client.register(bound: false)
        #expect(unbound.status == 403 && Client.problem(unbound) == "externalAccountRequired", "\(unbound.body)")

        let other = P256.Signing.PrivateKey()
        let bad: [(String, [String: Any], String, Int)] = [
            ("other address", try client.binding(for: "\(client.base)/new-order"), "malformed", 400),
            ("other key", try client.binding(for: url, jwk: Client.jwk(other)), "malformed", 400),
            ("unknown kid", try client.binding(for: url, keyID: "eab-none"), "unauthorized", 403),
            ("strange kid", try client.binding(for: url, keyID: "../../etc"), "unauthorized", 403),
            ("wrong secret", try client.binding(for: url, secret: "AAAA"), "unauthorized", 403),
            ("a nonce", try client.binding(for: url) { $0["nonce"] = "AAAA" }, "malformed", 400),
            ("RS256", try client.binding(for: url) { $0["alg"] = "RS256" }, "malformed", 400),
            ("ES256", try client.binding(for: url) { $0["alg"] = "ES256" }, "malformed", 400),
            ("none", try client.binding(for: url) { $0["alg"] = "none" }, "malformed", 400),
        ]
        for (what, binding, kind, status) in bad {
            let reply = try await client.post(url, ["externalAccountBinding": binding], withKey: true)
            #expect(reply.status == status && Client.problem(reply) == kind, "\(what): \(reply.body)")
        }
        let once = try await stage.server.client.post(
            "/api/v1/admin/acme/eab-keys",
            ["label": "once", "max_accounts": 1, "allowed_identifiers": ["[a-z]+\\.one\\.test"]])
        let (id, secret) = (try #require(once.text("id")), try #require(once.text("hmac_key")))
        let bound = try await client.post(
            url, ["externalAccountBinding": try client.binding(for: url, keyID: id, secret: secret)], withKey: true)
        #expect(bound.status == 201, "\(bound.body)")
        client.kid = Client.field("location", bound)
        let second = stage.client()
        let exhausted = try await second.post(
            url, ["externalAccountBinding": try second.binding(for: url, keyID: id, secret: secret)], withKey: true)
        #expect(exhausted.status == 403 && Client.problem(exhausted) == "unauthorized", "\(exhausted.body)")

        // An account never orders beyond the names of its key.
        let (_, beyond) = try await client.order(["a.two.test", "b.one.test"])
        #expect(beyond.status == 400 && Client.problem(beyond) == "rejectedIdentifier", "\(beyond.body)")
        let parts = beyond.json["subproblems"] as? [[String: Any]]
        #expect(parts?.count == 1 && (parts?[0]["identifier"] as? [String: String])?["value"] == "a.two.test")
        #expect(try await client.order(["a.one.test"]).reply.status == 201)

        let ended = try await stage.server.cli(["acme", "eab", "revoke", stage.keyID, "--yes"])
        #expect(ended.status == 0, "\(ended.errors)")
        let late = stage.client()
        let revoked = try await late.register()
        #expect(revoked.status == 403 && Client.problem(revoked) == "unauthorized", "\(revoked.body)")
        let shown = try await stage.server.client.get("/api/v1/admin/acme/eab-keys/\(stage.keyID)")
        #expect(shown.text("revoked_at") != nil && shown.text("hmac_key") == nil, "\(shown.body)")
        await stage.server.stop()
    }

    @Test(
        "§7.4, §7.6: foreign orders, certificates and revocations; requests that differ from their order",
        arguments: EngineUnderTest.available)
    func strangers(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        let (alice, mallory) = (stage.client(), stage.client())
        #expect(try await alice.register().status == 201)
        #expect(try await mallory.register().status == 201)
        let (order, created) = try await alice.order(["a.certctl.test"])
        #expect(created.status == 201 && created.text("status") == "ready", "\(created.body)")
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)

        for url in [order, authorization] {
            let reply = try await mallory.post(url, nil)
            #expect(reply.status == 403 && Client.problem(reply) == "unauthorized", "\(url): \(reply.body)")
        }
        let stolen = try await mallory.finalize(order, try await mallory.csr(["a.certctl.test"]))
        #expect(stolen.status == 403 && Client.problem(stolen) == "unauthorized", "\(stolen.body)")
        let account = try await mallory.post(try #require(alice.kid), nil)
        #expect(account.status == 403 && Client.problem(account) == "unauthorized", "\(account.body)")

        // What is wrong with a request leaves the order ready.
        for names in [["b.certctl.test"], ["a.certctl.test", "b.certctl.test"]] {
            let reply = try await alice.finalize(order, try await alice.csr(names))
            #expect(reply.status == 400 && Client.problem(reply) == "badCSR", "\(names): \(reply.body)")
        }
        #expect(Client.problem(try await alice.finalize(order, Data("nonsense".utf8))) == "badCSR")
        #expect(try await alice.post(order, nil).text("status") == "ready")

        // The same request twice is one certificate; another one after it is refused.
        let csr = try await alice.csr(["a.certctl.test"])
        #expect(try await alice.finalize(order, csr).status == 200)
        let done = try await alice.settled(order)
        #expect(done.text("status") == "valid", "\(done.body)")
        let repeated = try await alice.finalize(order, csr)
        #expect(repeated.status == 200 && repeated.text("certificate") == done.text("certificate"))
        let late = try await alice.finalize(order, try await alice.csr(["a.certctl.test"]))
        #expect(late.status == 403 && Client.problem(late) == "orderNotReady", "\(late.body)")

        let url = try #require(done.text("certificate"))
        let taken = try await mallory.post(url, nil)
        #expect(taken.status == 403 && Client.problem(taken) == "unauthorized", "\(taken.body)")
        let chain = try await alice.post(url, nil)
        #expect(Client.field("content-type", chain) == "application/pem-certificate-chain")
        let der = Client.base64url(try Client.der(chain.body))
        let revoke = "\(alice.base)/revoke-cert"
        // Having ordered the name is no proof of it where accounts are trusted.
        #expect(try await mallory.order(["a.certctl.test"]).reply.status == 201)
        let foreign = try await mallory.post(revoke, ["certificate": der])
        #expect(foreign.status == 403 && Client.problem(foreign) == "unauthorized", "\(foreign.body)")
        let key = try await mallory.post(revoke, ["certificate": der], withKey: true)
        #expect(key.status == 403 && Client.problem(key) == "unauthorized", "\(key.body)")
        for reason in [2, 6, 7, 8, 10, 99] {
            let reply = try await alice.post(revoke, ["certificate": der, "reason": reason])
            #expect(reply.status == 400 && Client.problem(reply) == "badRevocationReason", "\(reason): \(reply.body)")
        }
        #expect(try await alice.post(revoke, ["certificate": der, "reason": 4]).status == 200)
        let again = try await alice.post(revoke, ["certificate": der])
        #expect(again.status == 400 && Client.problem(again) == "alreadyRevoked", "\(again.body)")

        // An account that was ended is worth nothing any more.
        let ended = try await alice.post(try #require(alice.kid), ["status": "deactivated"])
        #expect(ended.status == 200 && ended.text("status") == "deactivated", "\(ended.body)")
        let after = try await alice.order(["c.certctl.test"]).reply
        #expect(after.status == 401 && Client.problem(after) == "unauthorized", "\(after.body)")
        let back = try await alice.register()
        #expect(back.status == 401 && Client.problem(back) == "unauthorized", "\(back.body)")
        await stage.server.stop()
    }

    @Test("§7.4: two requests at once for one order issue one certificate", arguments: EngineUnderTest.available)
    func races(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        let client = stage.client()
        #expect(try await client.register().status == 201)
        for round in 0..<4 {
            let name = "race\(round).certctl.test"
            let (order, _) = try await client.order([name])
            let url = "\(order)/finalize"
            var bodies: [[String: Any]] = []
            for _ in 0..<2 {
                let csr = Client.base64url(try await client.csr([name]))
                bodies.append(
                    try Client.jws(
                        ["alg": "ES256", "nonce": try await client.nonce(), "url": url, "kid": client.kid ?? ""],
                        payload: try Client.json(["csr": csr]), client.key))
            }
            let texts = try bodies.map { String(decoding: try Client.json($0), as: UTF8.self) }
            let path = String(url.dropFirst(stage.server.baseURL.count))
            let server = stage.server.anonymous
            let type = ["Content-Type: application/jose+json"]
            async let first = server.send("POST", path, body: texts[0], headers: type)
            async let second = server.send("POST", path, body: texts[1], headers: type)
            let statuses = try await [first.status, second.status].sorted()
            #expect(statuses == [200, 403], "\(statuses)")
            #expect(try await client.settled(order).text("status") == "valid")
        }
        let rows = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect(rows.json["total"] as? Int == 4, "\(rows.body)")
        // What an account stands under can't be deleted.
        let profile = try await stage.server.client.delete("/api/v1/profiles/\(ACMEStage.profile)")
        #expect(profile.status == 409, "\(profile.body)")
        #expect(try await stage.server.client.delete("/api/v1/owners/\(Inventory.owner)").status == 409)
        await stage.server.stop()
    }

    @Test("§7.4: identifiers that can't be ordered are named one by one")
    func identifiers() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        #expect(try await client.register().status == 201)
        let refused = [
            "localhost", "com", "*.com", "a..test", "-a.test", "a_b.test", "*.*.test", "a.*.test", "10.0.0.1",
            "a.test.",
            "bücher.test", String(repeating: "a", count: 64) + ".test", "a b.test", "",
            "xn--.test", "xn--a-.test", "xn--99999999.test", "ab--cd.test", "*.xn--ls8h.test",
        ]
        let (_, all) = try await client.order(refused)
        #expect(all.status == 400 && Client.problem(all) == "rejectedIdentifier", "\(all.body)")
        #expect((all.json["subproblems"] as? [Any])?.count == refused.count, "\(all.body)")
        for address in ["10.0.0.1.", "010.0.0.1", "::", "ff02::1", "224.0.0.1", "::0001"] {
            let reply = try await client.order([address], type: "ip").reply
            #expect(Client.problem(reply) == "rejectedIdentifier", "\(address): \(reply.body)")
        }
        let type = try await client.order(["ops@certctl.test"], type: "email").reply
        #expect(Client.problem(type) == "unsupportedIdentifier", "\(type.body)")
        #expect(Client.problem(try await client.order([]).reply) == "malformed")
        let many = (0...100).map { "n\($0).certctl.test" }
        #expect(Client.problem(try await client.order(many).reply) == "malformed")
        #expect(try await client.order(["10.0.0.1"], type: "ip").reply.status == 201)
        #expect(try await client.order(["A.Certctl.TEST", "a.certctl.test"]).reply.status == 201)
        #expect(try await client.order(["XN--bcher-KVA.certctl.test"]).reply.status == 201)
        await stage.server.stop()
    }

    @Test("§7.3.5: the key of an account changes once, and the old one is worth nothing")
    func keyChange() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        #expect(try await client.register().status == 201)
        let url = "\(client.base)/key-change"
        let (old, new) = (client.key, P256.Signing.PrivateKey())
        func inner(
            _ key: P256.Signing.PrivateKey, account: String? = nil, oldKey: P256.Signing.PrivateKey? = nil,
            url inside: String? = nil
        ) throws -> [String: Any] {
            let payload: [String: Any] = [
                "account": account ?? client.kid ?? "", "oldKey": Client.jwk(oldKey ?? old),
            ]
            return try Client.jws(
                ["alg": "ES256", "jwk": Client.jwk(key), "url": inside ?? url], payload: try Client.json(payload), key)
        }
        var forged = try inner(new)
        forged["signature"] = Client.base64url(Data(repeating: 1, count: 64))
        let bad: [([String: Any], String, Int)] = [
            (forged, "unauthorized", 401), (try inner(new, url: "\(client.base)/new-order"), "unauthorized", 401),
            (try inner(new, account: "\(client.base)/account/other"), "malformed", 400),
            (try inner(new, oldKey: new), "malformed", 400), (["a": 1], "malformed", 400),
        ]
        for (body, kind, status) in bad {
            let reply = try await client.post(url, body)
            #expect(reply.status == status && Client.problem(reply) == kind, "\(reply.status) \(reply.body)")
        }
        let other = stage.client()
        #expect(try await other.register().status == 201)
        let limited = try await other.post(url, [:])
        #expect(Client.problem(limited) == "malformed")
        await stage.server.stop()

        // Five attempts in an hour were used; another account goes on.
        let fresh = try await ACMEStage.make(.sqlite)
        let second = fresh.client()
        #expect(try await second.register().status == 201)
        let address = "\(second.base)/key-change"
        let payload: [String: Any] = ["account": second.kid ?? "", "oldKey": Client.jwk(second.key)]
        let change = try Client.jws(
            ["alg": "ES256", "jwk": Client.jwk(new), "url": address], payload: try Client.json(payload), new)
        let changed = try await second.post(address, change)
        #expect(changed.status == 200, "\(changed.body)")
        let outdated = try await second.order(["a.certctl.test"]).reply
        #expect(outdated.status == 401 && Client.problem(outdated) == "unauthorized", "\(outdated.body)")
        second.key = new
        #expect(try await second.order(["a.certctl.test"]).reply.status == 201)
        let third = fresh.client()
        #expect(try await third.register().status == 201)
        let conflict = try await third.post(
            address,
            try Client.jws(
                ["alg": "ES256", "jwk": Client.jwk(new), "url": address],
                payload: try Client.json(["account": third.kid ?? "", "oldKey": Client.jwk(third.key)]), new))
        #expect(conflict.status == 409 && Client.field("location", conflict) == second.kid, "\(conflict.body)")
        await fresh.server.stop()
    }
}
