import Crypto
import Foundation
import TestSupport
import Testing

@Suite(
    "RFC 8555 §7.4, §7.4.1 and drafts: periods, profiles, authorizations ahead of orders, records of accounts",
    .tags(.slow))
struct ACMEExtensionTests {
    private typealias Client = ACMETestClient

    private static func change(_ server: ControlPlane, _ members: [String: Any]) async throws {
        try Inventory.expect(200, try await server.client.put("/api/v1/profiles/\(ACMEStage.profile)", members))
    }

    private static func order(
        _ client: Client, _ names: [String], _ members: [String: Any] = [:]
    ) async throws -> CurlClient.Reply {
        var payload = members
        payload["identifiers"] = names.map { ["type": "dns", "value": $0] }
        return try await client.post("\(client.base)/new-order", payload)
    }

    /// The certificate of an order that is ready.
    private static func certificate(
        _ client: Client, _ order: CurlClient.Reply, _ names: [String]
    ) async throws -> String {
        try #require(order.status == 201, "\(order.body)")
        let url = try #require(Client.field("location", order))
        let finalized = try await client.finalize(url, try await client.csr(names))
        try #require(finalized.status == 200, "\(finalized.body)")
        let done = try await client.settled(url)
        return try await client.post(try #require(done.text("certificate"), "\(done.body)"), nil).body
    }

    private static func period(_ chain: String, _ stage: ACMEStage) async throws -> (start: Date, end: Date) {
        let path = stage.work.path("period-\(UUID().uuidString).pem")
        try chain.write(toFile: path, atomically: true, encoding: .utf8)
        let shown = try await stage.openssl(["x509", "-in", path, "-noout", "-dates", "-dateopt", "iso_8601"]).output
        func time(_ name: String) throws -> Date {
            let line = try #require(shown.split(separator: "\n").first { $0.hasPrefix("\(name)=") }, "\(shown)")
            let text = String(line.dropFirst(name.count + 1)).replacing(" ", with: "T")
            return try #require(ISO8601DateFormatter().date(from: text), "\(text)")
        }
        return (try time("notBefore"), try time("notAfter"))
    }

    private static func text(_ time: Date) -> String { ISO8601DateFormatter().string(from: time) }
    private static func now(_ offset: TimeInterval) -> Date {
        Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down) + offset)
    }

    @Test("a period is honoured to the second, or refused", arguments: EngineUnderTest.available)
    func periods(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        try await Self.change(stage.server, ["max_ttl_seconds": 864_000, "default_ttl_seconds": 86_400])
        let client = stage.client()
        try await client.register()
        // The CA is as old as the server, and begins a minute before that.
        let (start, end) = (Self.now(-20), Self.now(5 * 86_400))
        let order = try await Self.order(
            client, ["p.certctl.test"], ["notBefore": Self.text(start), "notAfter": Self.text(end)])
        #expect(order.text("notBefore") == Self.text(start) && order.text("notAfter") == Self.text(end))
        let both = try await Self.period(try await Self.certificate(client, order, ["p.certctl.test"]), stage)
        #expect(both.start == start && both.end == end)
        // As long as the profile allows: backdating takes nothing of it.
        let last = Self.now(863_990)
        let longest = try await Self.order(client, ["q.certctl.test"], ["notAfter": Self.text(last)])
        #expect(
            try await Self.period(try await Self.certificate(client, longest, ["q.certctl.test"]), stage).end == last)
        let later = Self.now(3600)
        let future = try await Self.order(client, ["r.certctl.test"], ["notBefore": Self.text(later)])
        let ahead = try await Self.period(try await Self.certificate(client, future, ["r.certctl.test"]), stage)
        #expect(ahead.start == later && ahead.end.timeIntervalSince(later) == 86_399)

        for wrong: [String: Any] in [
            ["notAfter": Self.text(Self.now(-60))], ["notAfter": Self.text(Self.now(865_000))],
            ["notAfter": "tomorrow"],
            ["notAfter": 17], ["notBefore": Self.text(Self.now(-90_000))], ["notBefore": Self.text(Self.now(90_000))],
            ["notBefore": Self.text(Self.now(600)), "notAfter": Self.text(Self.now(500))],
            ["notAfter": Self.text(Self.now(600)).replacing("Z", with: ".5Z")],
        ] {
            let refused = try await Self.order(client, ["w.certctl.test"], wrong)
            #expect(refused.status == 400 && Client.problem(refused) == "malformed", "\(wrong): \(refused.body)")
        }
        // What the CA does not give, and what the profile stopped allowing, comes out when the order is finalized.
        let allowed = try await Self.order(client, ["s.certctl.test"], ["notAfter": Self.text(Self.now(500_000))])
        try await Self.change(stage.server, ["max_ttl_seconds": 400_000])
        let tight = try await Self.order(client, ["t.certctl.test"])
        try await Self.change(stage.server, ["max_ttl_seconds": 0])
        let century = Self.text(Self.now(100 * 365 * 86_400))
        let beyond = try await Self.order(client, ["u.certctl.test"], ["notAfter": century])
        for (order, name) in [(beyond, "u.certctl.test"), (allowed, "s.certctl.test")] {
            try #require(order.status == 201, "\(order.body)")
            let url = try #require(Client.field("location", order))
            _ = try await client.finalize(url, try await client.csr([name]))
            let done = try await client.settled(url)
            let error = done.json["error"] as? [String: Any]
            #expect(done.text("status") == "invalid" && error?["status"] as? Int == 400, "\(done.body)")
            #expect(error?["type"] as? String == "urn:ietf:params:acme:error:badCSR", "\(done.body)")
            #expect((error?["detail"] as? String)?.contains("was ordered") == true, "\(done.body)")
            try await Self.change(stage.server, ["max_ttl_seconds": 400_000])
        }
        _ = try await Self.certificate(client, tight, ["t.certctl.test"])
        await stage.server.stop()
    }

    @Test("accounts choose among the profiles that the directory lists", arguments: EngineUnderTest.available)
    func profiles(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        let admin = stage.server.client
        for (id, mode) in [("prof-short", "trust_authenticated"), ("prof-proved", "challenge")] {
            try Inventory.expect(
                201,
                try await admin.post(
                    "/api/v1/profiles",
                    [
                        "id": id, "name": id, "description": "for \(id)", "max_ttl_seconds": 7200,
                        "acme_auth_mode": mode,
                    ]))
        }
        let client = stage.client()
        try await client.register()
        #expect(try await stage.server.anonymous.get("/acme/directory").json["meta"] as? [String: Any] != nil)
        let unlisted = try await Self.order(client, ["a.certctl.test"], ["profile": "prof-short"])
        #expect(unlisted.status == 400 && Client.problem(unlisted) == "invalidProfile", "\(unlisted.body)")
        #expect(
            try await admin.put("/api/v1/profiles/\(ACMEStage.profile)", ["acme_profiles": ["prof-no"]]).status >= 400)
        try await Self.change(stage.server, ["acme_profiles": ["prof-short", "prof-proved"]])

        let directory = try await stage.server.anonymous.get("/acme/directory")
        let meta = try #require(directory.json["meta"] as? [String: Any])
        let listed = try #require(meta["profiles"] as? [String: String], "\(directory.body)")
        // One that demands proofs never stands beside one that does not.
        #expect(Set(listed.keys) == [ACMEStage.profile, "prof-short"] && listed["prof-short"] == "for prof-short")
        let short = try await Self.order(client, ["a.certctl.test"], ["profile": "prof-short"])
        #expect(short.text("profile") == "prof-short", "\(short.body)")
        let chain = try await Self.certificate(client, short, ["a.certctl.test"])
        let period = try await Self.period(chain, stage)
        #expect(period.end.timeIntervalSince(period.start) <= 7200)
        let usual = try await Self.order(client, ["a.certctl.test"])
        #expect(usual.text("profile") == ACMEStage.profile, "\(usual.body)")
        _ = try await Self.certificate(client, usual, ["a.certctl.test"])
        for wrong in ["prof-proved", "prof-none", ""] {
            let refused = try await Self.order(client, ["a.certctl.test"], ["profile": wrong])
            #expect(Client.problem(refused) == "invalidProfile", "\(wrong): \(refused.body)")
        }
        // Nothing of what directories list goes away.
        let kept = try await admin.delete("/api/v1/profiles/prof-proved")
        #expect(kept.status == 409 && kept.body.contains("profiles"), "\(kept.body)")
        let inventory = try await admin.get("/api/v1/certificates?source=ACME")
        let rows = try #require(inventory.json["data"] as? [[String: Any]])
        let under = Set(rows.compactMap { $0["certificate_profile_id"] as? String ?? $0["profile_id"] as? String })
        #expect(under == [ACMEStage.profile, "prof-short"], "\(inventory.body)")
        // A replacement is asked for what was issued under a profile, whichever directory it was ordered at.
        for (profile, count) in [("prof-short", 1), (ACMEStage.profile, 1), ("prof-proved", 0)] {
            let asked = try await admin.post("/api/v1/admin/acme/replacements", ["profile_id": profile])
            #expect(asked.json["certificates"] as? Int == count, "\(profile): \(asked.body)")
        }
        await stage.server.stop()
    }

    /// A challenge of an authorization by its type.
    private static func challenge(
        _ client: Client, _ authorization: String, _ type: String
    ) async throws -> [String: Any] {
        let shown = try await client.post(authorization, nil)
        let challenges = try #require(shown.json["challenges"] as? [[String: Any]], "\(shown.body)")
        return try #require(challenges.first { $0["type"] as? String == type }, "\(shown.body)")
    }

    private static func settled(_ client: Client, _ url: String) async throws -> CurlClient.Reply {
        var reply = try await client.post(url, nil)
        _ = try await eventually(within: .seconds(40), every: .milliseconds(200)) {
            reply = try await client.post(url, nil)
            return !["pending", "processing"].contains(reply.text("status") ?? "")
        }
        return reply
    }

    private static func digest(_ challenge: [String: Any], _ client: Client) throws -> String {
        let token = try #require(challenge["token"] as? String)
        let jwk = try Client.json(Client.jwk(client.key))
        let thumbprint = Client.base64url(Data(SHA256.hash(data: jwk)))
        return Client.base64url(Data(SHA256.hash(data: Data("\(token).\(thumbprint)".utf8))))
    }

    @Test("what was authorized ahead makes orders ready", arguments: EngineUnderTest.available)
    func preauthorization(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let url = "\(client.base)/new-authz"
        func ask(_ value: String) async throws -> CurlClient.Reply {
            try await client.post(url, ["identifier": ["type": "dns", "value": value]])
        }
        let off = try await ask("a.certctl.test")
        #expect(off.status == 404 && Client.problem(off) == "malformed", "\(off.body)")
        #expect(try await stage.server.anonymous.get("/acme/directory").text("newAuthz") == nil)
        try await Self.change(stage.server, ["acme_preauthorization": true])
        #expect(try await stage.server.anonymous.get("/acme/directory").text("newAuthz") == url)
        #expect(Client.problem(try await ask("*.certctl.test")) == "rejectedIdentifier")
        #expect(Client.problem(try await client.post(url, [:])) == "malformed")

        let ahead = try await ask("a.certctl.test")
        let authorization = try #require(Client.field("location", ahead), "\(ahead.body)")
        #expect(ahead.status == 201 && ahead.text("status") == "pending" && ahead.json["wildcard"] == nil)
        let again = try await ask("a.certctl.test")
        #expect(again.status == 200 && Client.field("location", again) == authorization, "\(again.body)")
        let challenge = try await Self.challenge(client, authorization, "dns-01")
        try await stage.names.update(
            "update add _acme-challenge.a.certctl.test 1 TXT \"\(try Self.digest(challenge, client))\"")
        #expect(try await client.post(try #require(challenge["url"] as? String), [:]).status == 200)
        #expect(try await Self.settled(client, authorization).text("status") == "valid")
        let order = try await Self.order(client, ["a.certctl.test"])
        #expect(order.text("status") == "ready", "\(order.body)")
        _ = try await Self.certificate(client, order, ["a.certctl.test"])
        await stage.stop()
    }

    @Test(
        "dns-account-01 and dns-persist-01 prove names by records of the account", arguments: EngineUnderTest.available)
    func accountRecords(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_CAA_IDENTITIES": "ca.certctl.test", "CERTCTL_ACME_SERVER_CAA_CHECK": "off",
                "CERTCTL_ACME_SERVER_VALIDATION_TIMEOUT": "3s",
            ])
        try await Self.change(stage.server, ["acme_challenge_types": ["dns-account-01", "dns-persist-01"]])
        let client = stage.acme.client()
        #expect(try await client.register(bound: false).status == 201)
        let account = try #require(client.kid)
        let hash = Array(SHA256.hash(data: Data(account.utf8)).prefix(10))
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        let bits = hash.map { String(repeating: "0", count: 8 - String($0, radix: 2).count) + String($0, radix: 2) }
            .joined()
        let label = stride(from: 0, to: bits.count, by: 5).map { start -> String in
            let from = bits.index(bits.startIndex, offsetBy: start)
            return String(alphabet[Int(bits[from..<bits.index(from, offsetBy: 5)], radix: 2) ?? 0])
        }.joined()

        func prove(_ name: String, _ type: String, _ record: ([String: Any]) throws -> String) async throws -> String? {
            let order = try await Self.order(client, [name])
            let authorization = try #require((order.json["authorizations"] as? [String])?.first, "\(order.body)")
            let challenge = try await Self.challenge(client, authorization, type)
            try await stage.names.update(try record(challenge))
            #expect(try await client.post(try #require(challenge["url"] as? String), [:]).status == 200)
            return try await Self.settled(client, authorization).text("status")
        }
        let labelled = try await prove("a.certctl.test", "dns-account-01") { challenge in
            "update add _\(label)._acme-challenge.a.certctl.test 1 TXT \"\(try Self.digest(challenge, client))\""
        }
        #expect(labelled == "valid")
        func persist(_ name: String, _ base: String, _ text: String) async throws -> String? {
            try await prove(name, "dns-persist-01") { challenge in
                #expect(challenge["token"] == nil)
                #expect(challenge["issuer-domain-names"] as? [String] == ["ca.certctl.test"])
                return "update add _validation-persist.\(base) 1 TXT \"\(text)\""
            }
        }
        let sound = "ca.certctl.test; accounturi=\(account)"
        #expect(try await persist("b.certctl.test", "b.certctl.test", sound) == "valid")
        #expect(try await persist("*.c.certctl.test", "c.certctl.test", "\(sound); policy=wildcard") == "valid")
        #expect(try await persist("*.d.certctl.test", "d.certctl.test", sound) == "invalid")
        #expect(try await persist("e.certctl.test", "e.certctl.test", "other.test; accounturi=\(account)") == "invalid")
        #expect(try await persist("f.certctl.test", "f.certctl.test", "\(sound); persistUntil=1700000000") == "invalid")
        #expect(
            try await persist("g.certctl.test", "g.certctl.test", "ca.certctl.test; accounturi=\(account)0")
                == "invalid")
        await stage.stop()
    }
}
