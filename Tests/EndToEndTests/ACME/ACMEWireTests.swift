import Foundation
import TestSupport
import Testing

/// Parsers of a few lines of sed and grep read what the ACME server sends: it is looked at as it comes from the wire.
@Suite("Protocol servers §1.3: the octets of answers of the ACME server")
struct ACMEWireTests {
    private typealias Client = ACMETestClient

    private static let reasons = [
        100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 413: "Payload Too Large",
    ]

    /// Nothing that curl does to HTTP/1.1 on the way. A client that would take a compressed answer gets none either.
    private static let plain = ["--http1.1", "--raw", "--header", "Accept-Encoding: gzip, deflate, br"]

    private static func check(_ reply: CurlClient.Reply, _ what: String, type: String?, isHead: Bool = false) throws {
        let label: Comment = "\(what): \(reply.headers)"
        let lines = reply.headers.components(separatedBy: "\r\n")
        #expect(lines.joined().filter(\.isNewline).isEmpty, label)
        // Rule 9.
        #expect(lines.first == "HTTP/1.1 \(reply.status) \(reasons[reply.status] ?? "?")", label)
        try #require(Array(lines.suffix(2)) == ["", ""], label)
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst().dropLast(2) {
            // Rule 2: canonical case, one separator.
            let parts = try #require(line.wholeMatch(of: /([A-Za-z0-9-]+): (\S.*)/), label)
            let name = String(parts.1)
            let isCanonical = name.split(separator: "-").allSatisfy {
                $0.first?.isUppercase == true && ($0.dropFirst().allSatisfy { !$0.isUppercase } || $0 == "ID")
            }
            #expect(isCanonical || ["ETag", "WWW-Authenticate"].contains(name), "\(name) of \(what)")
            fields.append((name, String(parts.2)))
        }
        func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
        // Rules 1 and 8.
        for name in ["Transfer-Encoding", "Content-Encoding", "Set-Cookie"] { #expect(values(name).isEmpty, label) }
        #expect(!(300..<400).contains(reply.status), label)
        if reply.status == 204 {
            #expect(values("Content-Length").isEmpty && reply.body.isEmpty, label)
        } else if !isHead {
            #expect(values("Content-Length") == ["\(reply.body.utf8.count)"], label)
        }
        // Rule 6.
        #expect(values("Content-Type") == (type.map { [$0] } ?? []), label)
        // Rule 7.
        for link in values("Link") { #expect(link.wholeMatch(of: /<[^<>,]+>;rel="[a-z-]+"/) != nil, label) }
        for name in ["Replay-Nonce", "Location", "Retry-After"] { #expect(values(name).count <= 1, label) }
        #expect(values("Date").count == 1, label)
        // Rule 3: no more of what tells browsers to be careful.
        let security = fields.map(\.name).filter {
            ["Frame", "Content-Type-Options", "-Policy", "Transport-Security"].contains(where: $0.contains)
                && !$0.hasPrefix("RateLimit")
        }
        #expect(
            Set(security) == ["Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy"], label)
        #expect(values("Content-Security-Policy") == ["default-src 'none'"], label)
        #expect(reply.headers.utf8.count < 800, label)
        if type?.contains("json") == true, !isHead { try checkJSON(reply.body, what) }
    }

    /// Rules 4, 5 and 10.
    private static func checkJSON(_ body: String, _ what: String) throws {
        let comment: Comment = "\(what): \(body)"
        #expect((try? JSONSerialization.jsonObject(with: Data(body.utf8))) != nil, comment)
        #expect(!body.contains("\\/"), comment)
        let texts = /"(\\.|[^"\\])*"/
        #expect(body.replacing(texts, with: "").filter(\.isWhitespace).isEmpty, comment)
        for match in body.matches(of: texts) {
            let text = match.0.dropFirst().dropLast()
            if text.prefixMatch(of: /\d{4}-\d\d-\d\d/) != nil {
                #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil, comment)
            }
            if text.hasPrefix("http") { #expect(text.wholeMatch(of: /[A-Za-z0-9:\/._~-]+/) != nil, comment) }
        }
        for secret in ["SELECT ", "sqlite", ".swift", "Error(", "/tmp"] { #expect(!body.contains(secret), comment) }
    }

    @Test("directory, nonces, accounts, orders, proofs, certificates, their renewal, and errors")
    func answers() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let (client, anonymous) = (stage.client(), stage.server.anonymous)
        func get(_ path: String, _ type: String?) async throws {
            let reply = try await anonymous.send("GET", path, body: nil, options: Self.plain)
            try Self.check(reply, "GET \(path)", type: type)
            // Rule 8: HEAD wherever GET is, with the same fields.
            let head = try await anonymous.send("HEAD", path, body: nil, options: Self.plain + ["--head"])
            try Self.check(head, "HEAD \(path)", type: type, isHead: true)
            #expect(head.status == (reply.status == 204 ? 200 : reply.status), "\(head.headers)")
        }
        @discardableResult
        func post(
            _ url: String, _ payload: [String: Any]?, _ status: Int, _ type: String?, withKey: Bool = false,
            _ more: [String] = []
        ) async throws -> CurlClient.Reply {
            var header: [String: Any] = ["alg": "ES256", "nonce": try await client.nonce(), "url": url]
            if withKey { header["jwk"] = Client.jwk(client.key) } else { header["kid"] = client.kid ?? "" }
            let body = try Client.jws(header, payload: try payload.map { try Client.json($0) } ?? Data(), client.key)
            let reply = try await anonymous.send(
                "POST", String(url.dropFirst(client.origin.count)),
                body: String(decoding: try Client.json(body), as: UTF8.self),
                headers: ["Content-Type: application/jose+json"], options: Self.plain + more)
            #expect(reply.status == status, "\(url): \(reply.body)")
            try Self.check(reply, "POST \(url)", type: type)
            #expect(Client.field("replay-nonce", reply) != nil, "\(reply.headers)")
            if status < 300, reply.body.contains(#""status""#) {
                #expect(reply.body.hasPrefix(#"{"status":""#), "\(reply.body)")
            }
            return reply
        }
        let (json, problem) = ("application/json", "application/problem+json")
        try await get("/acme/directory", json)
        try await get("/acme/new-nonce", nil)

        let door = "\(client.base)/new-account"
        try await post(door, ["termsOfServiceAgreed": true], 403, problem, withKey: true)
        let opened = try await post(
            door, ["contact": ["mailto:ops@certctl.test"], "externalAccountBinding": try client.binding(for: door)],
            201, json, withKey: true)
        let account = try #require(Client.field("location", opened))
        client.kid = account
        try await post("\(account)/orders", nil, 200, json)
        let name = "wire.certctl.test"
        let ordered = try await post(
            "\(client.base)/new-order", ["identifiers": [["type": "dns", "value": name]]], 201, json)
        let order = try #require(Client.field("location", ordered))
        let authorization = try #require((ordered.json["authorizations"] as? [String])?.first)
        let shown = try await post(authorization, nil, 200, json)
        let challenge = try #require((shown.json["challenges"] as? [[String: Any]])?.first?["url"] as? String)
        try await post(challenge, nil, 200, json)
        let csr = ["csr": Client.base64url(try await client.csr([name]))]
        try await post("\(order)/finalize", csr, 200, json)
        let done = try await client.settled(order)
        try await post(order, nil, 200, json)
        let place = try #require(done.text("certificate"), "\(done.body)")
        let chain = try await post(place, nil, 200, "application/pem-certificate-chain").body
        try await get("/acme/renewal-info/\(try await ACMERenewalInfoTests.name(chain, stage))", json)

        try await post("\(client.base)/new-order", ["identifiers": [["type": "dns", "value": "."]]], 400, problem)
        try await post("\(client.base)/order/none", nil, 403, problem)
        let large = String(repeating: "x", count: 70_000)
        try await post("\(client.base)/new-order", ["x": large], 413, problem, ["--header", "Expect:"])
        for (method, path, status) in [
            ("GET", String(order.dropFirst(client.origin.count)), 405),
            ("GET", "/acme/profile/prof-none/directory", 404),
            ("POST", "/acme/new-order", 400),
        ] {
            let reply = try await anonymous.send(
                method, path, body: method == "POST" ? "{" : nil, headers: ["Content-Type: application/jose+json"],
                options: Self.plain)
            #expect(reply.status == status, "\(method) \(path): \(reply.body)")
            try Self.check(reply, "\(method) \(path)", type: problem)
        }
        let revoked = ["certificate": Client.base64url(try Client.der(chain))]
        let last = try await post("\(client.base)/revoke-cert", revoked, 200, nil)
        #expect(last.body.isEmpty && last.headers.contains("Content-Length: 0\r\n"), "\(last.headers)")
        try await post("\(client.base)/revoke-cert", revoked, 400, problem)
        await stage.server.stop()
    }

    @Test("who waits to be told to go on is told so (RFC 9110 §10.1.1)")
    func expectations() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let client = stage.client()
        try await client.register()
        let url = "\(client.base)/new-order"
        let header: [String: Any] = [
            "alg": "ES256", "nonce": try await client.nonce(), "url": url, "kid": client.kid ?? "",
        ]
        let payload = try Client.json(["identifiers": [["type": "dns", "value": "wait.certctl.test"]]])
        let body = try Client.json(try Client.jws(header, payload: payload, client.key))
        let reply = try await stage.server.anonymous.send(
            "POST", "/acme/new-order", body: String(decoding: body, as: UTF8.self),
            headers: ["Content-Type: application/jose+json", "Expect: 100-continue"],
            options: Self.plain + ["--expect100-timeout", "20"], timeout: 15)
        #expect(reply.status == 201, "\(reply.body)")
        #expect(reply.headers.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n"), "\(reply.headers)")
        await stage.server.stop()
    }
}
