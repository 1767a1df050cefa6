import Foundation
import TestSupport
import Testing

@Suite("RFC 9773: the server says when to renew, and knows what replaces what", .tags(.slow))
struct ACMERenewalInfoTests {
    private typealias Client = ACMETestClient

    /// How RFC 9773 §4.1 names the first certificate of a chain, by what OpenSSL reads in it.
    static func name(_ chain: String, _ stage: ACMEStage) async throws -> String {
        let path = stage.work.path("ari-\(UUID().uuidString).pem")
        try chain.write(toFile: path, atomically: true, encoding: .utf8)
        let shown = try await stage.openssl([
            "x509", "-in", path, "-noout", "-serial", "-ext", "authorityKeyIdentifier",
        ])
        let lines = shown.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let serial = try #require(lines.first { $0.hasPrefix("serial=") }).dropFirst("serial=".count)
        let key = try #require(lines.last).replacing("keyid:", with: "").replacing(":", with: "")
        func octets(_ hex: some StringProtocol) -> [UInt8] {
            let digits = Array(hex.count.isMultiple(of: 2) ? String(hex) : "0" + hex)
            return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        }
        var number = octets(serial)
        if number.first.map({ $0 >= 0x80 }) == true { number.insert(0, at: 0) }
        return "\(Client.base64url(Data(octets(key)))).\(Client.base64url(Data(number)))"
    }

    private static func window(_ reply: CurlClient.Reply) throws -> (start: Date, end: Date) {
        let window = try #require(reply.json["suggestedWindow"] as? [String: String], "\(reply.body)")
        let format = ISO8601DateFormatter()
        return (
            try #require(window["start"].flatMap(format.date(from:))),
            try #require(window["end"].flatMap(format.date(from:)))
        )
    }

    @Test(
        "windows lie ahead, move into the past on revocation, and one order replaces",
        arguments: EngineUnderTest.available)
    func windows(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_ARI_POLL_INTERVAL": "2h",
                "CERTCTL_ACME_SERVER_WEBSITE": "https://ca.certctl.test/why",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR": "2",
            ])
        let (client, anonymous) = (stage.client(), stage.server.anonymous)
        try await client.register()
        let (_, chain, url) = try await client.obtain(["ari.certctl.test"])
        let name = try await Self.name(chain, stage)
        let directory = try await anonymous.get("/acme/directory")
        #expect(directory.text("renewalInfo") == "\(client.base)/renewal-info", "\(directory.body)")
        let first = try await anonymous.get("/acme/renewal-info/\(name)")
        #expect(first.status == 200, "\(first.body)")
        #expect(Client.field("retry-after", first) == "7200" && Client.field("cache-control", first) == "no-store")
        #expect(Client.field("replay-nonce", first) == nil)
        let window = try Self.window(first)
        #expect(window.start > Date() && window.end > window.start)
        #expect(first.json["explanationURL"] == nil)
        let named = try await anonymous.get("/acme/profile/\(ACMEStage.profile)/renewal-info/\(name)")
        #expect(named.body == first.body)

        let parts = name.split(separator: ".")
        for (wrong, status) in [
            ("x", 400), ("\(name)=", 400), ("\(parts[0]).", 400), ("\(parts[0]).AQ", 404), ("AQEB.\(parts[1])", 404),
        ] {
            let reply = try await anonymous.get("/acme/renewal-info/\(wrong)")
            #expect(reply.status == status && Client.problem(reply) == "malformed", "\(wrong): \(reply.body)")
        }
        try Inventory.expect(
            201, try await stage.server.client.post("/api/v1/profiles", ["id": "prof-b", "name": "b"]))
        #expect(try await anonymous.get("/acme/profile/prof-b/renewal-info/\(name)").status == 404)

        #expect(try await client.order(["second.certctl.test"]).reply.status == 201)
        #expect(try await client.order(["third.certctl.test"]).reply.status == 429)
        #expect(Client.problem(try await Self.replacing("x", ["ari.certctl.test"], by: client)) == "malformed")
        #expect(Client.problem(try await Self.replacing(name, ["other.certctl.test"], by: client)) == "malformed")
        let stranger = stage.client()
        try await stranger.register()
        #expect(Client.problem(try await Self.replacing(name, ["ari.certctl.test"], by: stranger)) == "unauthorized")
        // What replaces a certificate counts for no limit by the hour.
        let renewal = try await Self.replacing(name, ["ari.certctl.test"], by: client)
        #expect(renewal.status == 201 && renewal.text("replaces") == name, "\(renewal.body)")
        let again = try await Self.replacing(name, ["ari.certctl.test"], by: client)
        #expect(again.status == 409 && Client.problem(again) == "alreadyReplaced", "\(again.body)")
        let order = try #require(Client.field("location", renewal))
        #expect(try await client.finalize(order, try await client.csr(["ari.certctl.test"])).status == 200)
        #expect(try await client.settled(order).text("status") == "valid")

        let old = try await client.post(url, nil)
        let revoked = try await client.post(
            "\(client.base)/revoke-cert", ["certificate": Client.base64url(try Client.der(old.body))])
        #expect(revoked.status == 200, "\(revoked.body)")
        let urgent = try await anonymous.get("/acme/renewal-info/\(name)")
        #expect(try Self.window(urgent).end < Date(), "\(urgent.body)")
        #expect(urgent.text("explanationURL") == "https://ca.certctl.test/why", "\(urgent.body)")
        await stage.server.stop()
    }

    private static func replacing(
        _ replaced: String, _ names: [String], by client: Client
    ) async throws -> CurlClient.Reply {
        try await client.post(
            "\(client.base)/new-order",
            ["identifiers": names.map { ["type": "dns", "value": $0] }, "replaces": replaced])
    }

    /// The certificates that ACME clients have, by their names.
    private static func inventory(_ stage: ACMEStage) async throws -> [String: [String]] {
        let reply = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        let rows = try #require(reply.json["data"] as? [[String: Any]], "\(reply.body)")
        return Dictionary(
            uniqueKeysWithValues: rows.map { ($0["id"] as? String ?? "", ($0["sans"] as? [String] ?? []).sorted()) })
    }

    @Test(
        "what replaces a certificate is its next version, also under other names; operators have certificates replaced",
        arguments: EngineUnderTest.available)
    func lineage(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine, ["CERTCTL_ACME_SERVER_ORDER_TTL": "5m"])
        let (client, anonymous) = (stage.client(), stage.server.anonymous)
        try await client.register()
        let (_, chain, _) = try await client.obtain(["a.certctl.test"])
        let before = try await Self.inventory(stage)
        let name = try await Self.name(chain, stage)

        // An order that came to nothing leaves the place free.
        let abandoned = try await Self.replacing(name, ["a.certctl.test"], by: client)
        let authorizations = try #require(abandoned.json["authorizations"] as? [String], "\(abandoned.body)")
        #expect(try await client.post(authorizations[0], ["status": "deactivated"]).status == 200)
        let names = ["a.certctl.test", "b.certctl.test"]
        let renewal = try await Self.replacing(name, names, by: client)
        try #require(renewal.status == 201, "\(renewal.body)")
        let order = try #require(Client.field("location", renewal))
        #expect(try await client.finalize(order, try await client.csr(names)).status == 200)
        let done = try await client.settled(order)
        let second = try await client.post(try #require(done.text("certificate")), nil).body
        #expect(try await Self.inventory(stage) == before.mapValues { _ in names })
        // The former names alone are something else now.
        _ = try await client.obtain(["a.certctl.test"])
        #expect(try await Self.inventory(stage).count == 2)

        let current = try await Self.name(second, stage)
        let path = "/acme/renewal-info/\(current)"
        #expect(try Self.window(try await anonymous.get(path)).start > Date())
        let admin = stage.server.client
        #expect(try await admin.post("/api/v1/admin/acme/replacements", [:]).status == 400)
        let other = try await admin.post(
            "/api/v1/admin/acme/replacements", ["profile_id": ACMEStage.profile, "certificate_ids": ["mc-none"]])
        #expect(other.status == 200 && other.json["certificates"] as? Int == 0, "\(other.body)")
        #expect(try Self.window(try await anonymous.get(path)).start > Date())
        let asked = try await stage.server.cli([
            "acme", "replace", "--profile-id", ACMEStage.profile, "--reason", "rehearsal", "--yes",
        ])
        #expect(asked.status == 0 && asked.output.contains("3 certificates"), "\(asked.output) \(asked.errors)")
        #expect(try Self.window(try await anonymous.get(path)).end < Date())
        let events = try await admin.get("/api/v1/audit?action=acme_replacement_requested")
        #expect(events.body.contains("rehearsal"), "\(events.body)")
        // What was asked for can be taken back, once, and asked for again.
        for count in [3, 0] {
            let back = try await stage.server.cli([
                "acme", "withdraw-replacement", "--profile-id", ACMEStage.profile, "--reason", "rehearsed",
            ])
            #expect(back.status == 0, "\(back.errors)")
            #expect(back.output.contains("\(count) certificates need not"), "\(back.output)")
        }
        #expect(try Self.window(try await anonymous.get(path)).start > Date())
        let withdrawn = try await admin.get("/api/v1/audit?action=acme_replacement_withdrawn")
        #expect(withdrawn.body.contains("rehearsed"), "\(withdrawn.body)")
        #expect(try await admin.post("/api/v1/admin/acme/replacements/withdraw", ["reason": "all"]).status == 400)
        let twice = try await admin.post("/api/v1/admin/acme/replacements", ["profile_id": ACMEStage.profile])
        #expect(twice.json["certificates"] as? Int == 3, "\(twice.body)")
        #expect(try Self.window(try await anonymous.get(path)).end < Date())
        // The successor is due in its own time.
        let third = try await Self.replacing(current, names, by: client)
        let next = try #require(Client.field("location", third), "\(third.body)")
        #expect(try await client.finalize(next, try await client.csr(names)).status == 200)
        let successor = try await client.post(try #require(try await client.settled(next).text("certificate")), nil)
        let fresh = try await anonymous.get("/acme/renewal-info/\(try await Self.name(successor.body, stage))")
        #expect(try Self.window(fresh).start > Date())
        let listed = try await admin.get("/api/v1/admin/acme/orders?status=valid")
        #expect(listed.body.contains("\"replaces\":\"\(current)\""), "\(listed.body)")
        #expect(listed.body.contains("\"replacement_asked_at\":"))
        try await Self.operatorsSee(try #require((listed.json["data"] as? [[String: Any]])?.first), stage)
        await stage.server.stop()
    }

    /// An order in the list, by itself, and at the command line.
    private static func operatorsSee(_ order: [String: Any], _ stage: ACMEStage) async throws {
        let admin = stage.server.client
        let id = try #require(order["id"] as? String)
        #expect(order["profile_id"] as? String == ACMEStage.profile && order["issuer_id"] as? String == "iss-local")
        let alone = try await admin.get("/api/v1/admin/acme/orders/\(id)")
        #expect(alone.status == 200 && NSDictionary(dictionary: alone.json).isEqual(to: order), "\(alone.body)")
        #expect(try await admin.get("/api/v1/admin/acme/orders/acme-ord-none").status == 404)
        let elsewhere = try await admin.get("/api/v1/admin/acme/orders?profile_id=prof-none")
        #expect((elsewhere.json["data"] as? [Any])?.isEmpty == true, "\(elsewhere.body)")
        let list = try await stage.server.cli(["acme", "orders", "list", "--profile-id", ACMEStage.profile])
        #expect(
            list.status == 0 && list.output.contains(id) && list.output.contains(ACMEStage.profile), "\(list.output)")
        let shown = try await stage.server.cli(["acme", "orders", "get", id])
        #expect(shown.status == 0, "\(shown.errors)")
        for word in [id, ACMEStage.profile, "iss-local"] {
            #expect(shown.output.contains(word), "\(shown.output)")
        }
    }

    @Test("switched off, it is not there")
    func switchedOff() async throws {
        let stage = try await ACMEStage.make(.sqlite, ["CERTCTL_ACME_SERVER_ARI_ENABLED": "false"])
        let client = stage.client()
        try await client.register()
        let (_, chain, _) = try await client.obtain(["off.certctl.test"])
        let reply = try await stage.server.anonymous.get("/acme/renewal-info/\(try await Self.name(chain, stage))")
        #expect(reply.status == 404 && Client.problem(reply) == "malformed", "\(reply.body)")
        #expect(try await stage.server.anonymous.get("/acme/directory").text("renewalInfo") == nil)
        await stage.server.stop()
    }
}
