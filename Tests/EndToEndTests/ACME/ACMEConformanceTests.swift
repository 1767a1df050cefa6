import Crypto
import Foundation
import TestSupport
import Testing

/// What the other suites of this folder do not show; docs/development/acme-conformance.md says what shows which section.
@Suite("RFC 8555, section by section")
struct ACMEConformanceTests {
    private typealias Client = ACMETestClient

    private static func keys(_ reply: CurlClient.Reply) -> Set<String> { Set(reply.json.keys) }

    @Test("§6.1–§6.5, §7.1.1, §7.2: transport, reading, nonces, directory")
    func transport() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let (client, anonymous) = (stage.client(), stage.server.anonymous)
        // §6.1: HTTPS alone, and other sites may read the directory.
        let plain = CurlClient(
            baseURL: stage.server.baseURL.replacing("https://", with: "http://"), authority: anonymous.authority,
            logs: stage.work.url)
        let insecure = try await plain.send("GET", "/acme/directory", body: nil, timeout: 3)
        #expect(!(200..<300).contains(insecure.status) && !insecure.body.contains("newNonce"), "\(insecure.status)")
        let directory = try await anonymous.get("/acme/directory")
        #expect(Client.field("access-control-allow-origin", directory) == "*")
        #expect(Client.field("content-type", directory) == "application/json")
        // Nobody signs a request for it, and there are clients that fail over a nonce here.
        #expect(Client.field("replay-nonce", directory) == nil, "\(directory.headers)")
        // §7.1.1: what must be there is there, and what is not offered is not.
        let addresses = ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange", "renewalInfo"]
        #expect(Self.keys(directory) == Set(addresses + ["meta"]), "\(directory.body)")
        for name in addresses {
            #expect(directory.text(name)?.hasPrefix("\(client.base)/") == true, "\(name): \(directory.body)")
        }
        // §7.2: both ways, never from a cache, never twice the same.
        var nonces: Set<String> = []
        for (method, status) in [("HEAD", 200), ("GET", 204)] {
            let reply = try await anonymous.send(
                method, "/acme/new-nonce", body: nil, options: method == "HEAD" ? ["--head"] : [])
            #expect(reply.status == status, "\(method) \(reply.status)")
            if method == "GET" { #expect(reply.body.isEmpty) }
            #expect(Client.field("cache-control", reply) == "no-store")
            #expect(reply.headers.contains("/acme/directory>;rel=\"index\""))
            nonces.insert(try #require(Client.field("replay-nonce", reply)))
        }
        #expect(nonces.count == 2)
        // §6.5.1: base64url and nothing else.
        #expect(nonces.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil })

        try await client.register()
        let (order, created) = try await client.order(["a.certctl.test"])
        #expect(Client.field("replay-nonce", created) != nil && Client.field("cache-control", created) == "no-store")
        let authorization = try #require((created.json["authorizations"] as? [String])?.first)
        let challenges = try await client.post(authorization, nil).json["challenges"] as? [[String: Any]]
        let challenge = try #require(challenges?.first?["url"] as? String)
        // §6.3: nothing of an account is read by GET, and reading has no payload, not even an empty object.
        let kid = try #require(client.kid)
        for url in [kid, "\(kid)/orders", order, authorization, challenge] {
            let reply = try await anonymous.get(String(url.dropFirst(client.origin.count)))
            #expect(reply.status == 405 && Client.problem(reply) == "malformed", "\(url): \(reply.status)")
            #expect(Client.field("allow", reply)?.contains("POST") == true, "\(reply.headers)")
        }
        let object = try await client.post(order, [:])
        #expect(object.status == 400 && Client.problem(object) == "malformed", "\(object.body)")
        // §6.2, §6.4.1: members of the header have their types.
        for spoiled in ["alg", "url", "nonce", "kid", "typ"] {
            let reply = try await client.post(order, nil) { $0[spoiled] = 17 }
            #expect(reply.status == 400 && Client.problem(reply) == "malformed", "\(spoiled): \(reply.body)")
        }
        for (type, status) in [("JWT", 200), ("application/jose+json", 200), ("JOSE", 400)] {
            let reply = try await client.post(order, nil) { $0["typ"] = type }
            #expect(reply.status == status, "\(type): \(reply.body)")
        }
        await stage.server.stop()
    }

    @Test("§7.1.2, §7.3–§7.3.2, §7.3.6: accounts are opened, found, changed and ended")
    func accounts() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        let url = "\(client.base)/new-account"
        // §7.3.1: looking for an account opens none.
        let none = try await client.post(url, ["onlyReturnExisting": true], withKey: true)
        #expect(none.status == 400 && Client.problem(none) == "accountDoesNotExist", "\(none.body)")
        // §7.3: contacts that can't be used, each by its kind.
        let binding = try client.binding(for: url)
        for (contact, kind) in [
            ("mailto:a@certctl.test,b@certctl.test", "invalidContact"),
            ("mailto:a@certctl.test?subject=x", "invalidContact"), ("mailto:", "invalidContact"),
            ("tel:+4912345", "unsupportedContact"),
        ] {
            let reply = try await client.post(
                url, ["contact": [contact], "externalAccountBinding": binding], withKey: true)
            #expect(reply.status == 400 && Client.problem(reply) == kind, "\(contact): \(reply.body)")
        }
        for wrong: [String: Any] in [
            ["contact": "mailto:a@certctl.test"], ["contact": [1]], ["onlyReturnExisting": "yes"],
        ] {
            #expect(Client.problem(try await client.post(url, wrong, withKey: true)) == "malformed", "\(wrong)")
        }
        // What a client says of `orders` is ignored, like all that it does not know.
        let made = try await client.post(
            url,
            [
                "contact": ["mailto:ops@certctl.test"], "externalAccountBinding": binding,
                "orders": "https://evil.test/", "unknown": ["a": 1],
            ], withKey: true)
        client.kid = Client.field("location", made)
        let kid = try #require(client.kid, "\(made.body)")
        #expect(made.status == 201 && made.text("status") == "valid", "\(made.body)")
        #expect(made.text("orders") == "\(kid)/orders")
        #expect(made.json["contact"] as? [String] == ["mailto:ops@certctl.test"])
        #expect(Self.keys(made).isSuperset(of: ["status", "contact", "orders", "externalAccountBinding"]))
        for payload: [String: Any] in [[:], ["onlyReturnExisting": true]] {
            let found = try await client.post(url, payload, withKey: true)
            #expect(found.status == 200 && Client.field("location", found) == kid, "\(found.body)")
        }
        // §7.3.2
        let changed = try await client.post(kid, ["contact": ["mailto:new@certctl.test"], "orders": "x"])
        #expect(changed.status == 200 && changed.json["contact"] as? [String] == ["mailto:new@certctl.test"])
        #expect(try await client.post(kid, [:]).json["contact"] as? [String] == ["mailto:new@certctl.test"])
        #expect(Client.problem(try await client.post(kid, ["contact": ["tel:1"]])) == "unsupportedContact")
        for status in ["valid", "revoked", "Deactivated"] {
            #expect(Client.problem(try await client.post(kid, ["status": status])) == "malformed")
        }
        #expect(try await client.post(kid, ["contact": [String]()]).json["contact"] == nil)
        // §7.3.6: an end takes with it what is under way.
        #expect(try await client.order(["a.certctl.test"]).reply.status == 201)
        #expect(try await client.post(kid, ["status": "deactivated"]).text("status") == "deactivated")
        for target in [kid, "\(kid)/orders"] {
            let reply = try await client.post(target, nil)
            #expect(reply.status == 401 && Client.problem(reply) == "unauthorized", "\(reply.body)")
        }
        let orders = try await stage.server.client.get("/api/v1/admin/acme/orders?status=invalid")
        #expect(orders.json["total"] as? Int == 1, "\(orders.body)")
        await stage.server.stop()
    }

    @Test("§7.1.2.1: the orders of an account are listed in pages that link to the next")
    func orders() async throws {
        let stage = try await ACMEStage.make(
            .sqlite,
            [
                "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR": "0",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS": "0",
            ])
        let client = stage.client()
        try await client.register()
        let kid = try #require(client.kid)
        var (made, nonce): ([String], String) = ([], try await client.nonce())
        let url = "\(client.base)/new-order"
        for index in 0..<103 {
            let payload = ["identifiers": [["type": "dns", "value": "n\(index).certctl.test"]]]
            let reply = try await client.send(
                try Client.jws(
                    ["alg": "ES256", "nonce": nonce, "url": url, "kid": kid], payload: try Client.json(payload),
                    client.key),
                to: url)
            made.append(try #require(Client.field("location", reply), "\(reply.body)"))
            nonce = try #require(Client.field("replay-nonce", reply))
        }
        let first = try await client.post("\(kid)/orders", nil)
        let page = try #require(first.json["orders"] as? [String], "\(first.body)")
        #expect(page == Array(made.reversed().prefix(100)))
        let next = try #require(first.headers.firstMatch(of: /<([^>]+)>;rel="next"/)?.1, "\(first.headers)")
        #expect(next.hasPrefix("\(kid)/orders?cursor="))
        let second = try await client.post(String(next), nil)
        #expect(second.json["orders"] as? [String] == Array(made.reversed().dropFirst(100)), "\(second.body)")
        #expect(!second.headers.contains("rel=\"next\""))
        let forged = try await client.post("\(kid)/orders?cursor=AAAA", nil)
        #expect(forged.status == 400 && Client.problem(forged) == "malformed", "\(forged.body)")
        await stage.server.stop()
    }

    @Test("§7.1.3–§7.1.6, §7.4.2, §7.5, §7.5.2, §7.6: orders, authorizations, certificates and what they become")
    func objects() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        try await client.register()
        let (order, created) = try await client.order(["a.certctl.test", "*.b.certctl.test"])
        // §7.1.3
        #expect(
            Self.keys(created) == ["status", "expires", "identifiers", "authorizations", "finalize"], "\(created.body)")
        #expect(created.text("finalize") == "\(order)/finalize")
        let named = (created.json["identifiers"] as? [[String: String]])?.compactMap { $0["value"] }
        #expect(named == ["a.certctl.test", "*.b.certctl.test"])
        let expires = try #require(created.text("expires").flatMap { ISO8601DateFormatter().date(from: $0) })
        #expect(expires > Date())
        // §7.1.4, §7.1.5: one authorization for each name, a wildcard without its star.
        let authorizations = try #require(created.json["authorizations"] as? [String])
        #expect(authorizations.count == 2)
        for (url, name) in zip(authorizations, ["a.certctl.test", "b.certctl.test"]) {
            let shown = try await client.post(url, nil)
            #expect((shown.json["identifier"] as? [String: String]) == ["type": "dns", "value": name], "\(shown.body)")
            #expect(shown.json["wildcard"] as? Bool == (name == "b.certctl.test" ? true : nil))
            let challenges = try #require(shown.json["challenges"] as? [[String: Any]])
            for challenge in challenges {
                #expect(Set(challenge.keys) == ["type", "url", "status", "token", "validated"], "\(challenge)")
                #expect((challenge["token"] as? String)?.wholeMatch(of: /[A-Za-z0-9_-]{22,}/) != nil)
                // §7.5.1: the authorization above it.
                let read = try await client.post(try #require(challenge["url"] as? String), nil)
                #expect(read.headers.contains("<\(url)>;rel=\"up\""), "\(read.headers)")
            }
        }
        // §7.5.2, §7.1.6: an authorization that is given up takes its order with it, for good.
        let other = try await client.post(authorizations[0], ["status": "valid"])
        #expect(Client.problem(other) == "malformed", "\(other.body)")
        let given = try await client.post(authorizations[0], ["status": "deactivated"])
        #expect(given.status == 200 && given.text("status") == "deactivated", "\(given.body)")
        #expect(try await client.post(order, nil).text("status") == "invalid")
        // §7.1.2.1: what has come to nothing is not listed.
        let (open, _) = try await client.order(["d.certctl.test"])
        let listed = try await client.post("\(try #require(client.kid))/orders", nil)
        #expect(listed.json["orders"] as? [String] == [open], "\(listed.body)")
        let late = try await client.finalize(order, try await client.csr(["a.certctl.test", "*.b.certctl.test"]))
        #expect(late.status == 403 && Client.problem(late) == "orderNotReady", "\(late.body)")

        // §7.4.2, §9.1: a chain of PEM blocks, each verified by the next; other forms for those that ask.
        let (_, chain, url) = try await client.obtain(["c.certctl.test"])
        let block = /-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+\/=\n]+\n-----END CERTIFICATE-----\n/
        #expect(chain.replacing(block, with: "").isEmpty && chain.contains(block), "\(chain)")
        for type in ["application/pkix-cert", "application/pkcs7-mime"] {
            let body = try Client.jws(
                ["alg": "ES256", "nonce": try await client.nonce(), "url": url, "kid": client.kid ?? ""],
                payload: Data(), client.key)
            let reply = try await stage.server.anonymous.send(
                "POST", String(url.dropFirst(client.origin.count)),
                body: String(decoding: try Client.json(body), as: UTF8.self),
                headers: ["Content-Type: application/jose+json", "Accept: \(type)"])
            #expect(reply.status == 200 && Client.field("content-type", reply) == type, "\(reply.headers)")
        }
        // §7.6: what is none of ours, and what is nothing.
        let revoke = "\(client.base)/revoke-cert"
        let authority = try String(contentsOfFile: stage.server.anonymous.authority, encoding: .utf8)
        for (body, status) in [
            (["certificate": Client.base64url(try Client.der(authority))], 404), (["certificate": "AAAA"], 400),
            (["certificate": "?"], 400), ([:], 400),
        ] as [([String: Any], Int)] {
            let reply = try await client.post(revoke, body)
            #expect(reply.status == status && Client.problem(reply) == "malformed", "\(reply.status) \(reply.body)")
        }
        let der = Client.base64url(try Client.der(chain))
        let reason = try await client.post(revoke, ["certificate": der, "reason": "superseded"])
        #expect(Client.problem(reason) == "badRevocationReason", "\(reason.body)")
        let done = try await client.post(revoke, ["certificate": der, "reason": 0])
        #expect(done.status == 200 && done.body.isEmpty, "\(done.body)")
        await stage.server.stop()
    }
}
