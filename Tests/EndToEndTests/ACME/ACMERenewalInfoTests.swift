import Foundation
import TestSupport
import Testing

@Suite("RFC 9773: the server says when to renew, and knows what replaces what", .tags(.slow))
struct ACMERenewalInfoTests {
    private typealias Client = ACMETestClient

    /// How RFC 9773 §4.1 names the first certificate of a chain, by what OpenSSL reads in it.
    private static func name(_ chain: String, _ stage: ACMEStage) async throws -> String {
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

        func replacing(_ replaced: String, _ names: [String], by client: Client) async throws -> CurlClient.Reply {
            try await client.post(
                "\(client.base)/new-order",
                ["identifiers": names.map { ["type": "dns", "value": $0] }, "replaces": replaced])
        }
        #expect(try await client.order(["second.certctl.test"]).reply.status == 201)
        #expect(try await client.order(["third.certctl.test"]).reply.status == 429)
        #expect(Client.problem(try await replacing("x", ["ari.certctl.test"], by: client)) == "malformed")
        #expect(Client.problem(try await replacing(name, ["other.certctl.test"], by: client)) == "malformed")
        let stranger = stage.client()
        try await stranger.register()
        #expect(Client.problem(try await replacing(name, ["ari.certctl.test"], by: stranger)) == "unauthorized")
        // What replaces a certificate counts for no limit by the hour.
        let renewal = try await replacing(name, ["ari.certctl.test"], by: client)
        #expect(renewal.status == 201 && renewal.text("replaces") == name, "\(renewal.body)")
        let again = try await replacing(name, ["ari.certctl.test"], by: client)
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
