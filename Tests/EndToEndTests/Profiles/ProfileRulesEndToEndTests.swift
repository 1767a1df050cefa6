import Foundation
import TestSupport
import Testing

@Suite("profiles over CLI, REST and ACME, read by OpenSSL (protocol-servers §8)", .tags(.slow))
struct ProfileRulesEndToEndTests {
    private static let profile = "prof-strict"

    private static func patch(_ server: ControlPlane, _ profile: String, _ body: [String: Any]) async throws
        -> CurlClient.Reply
    {
        try await server.client.send(
            "PATCH", "/api/v1/profiles/\(profile)",
            body: String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self),
            headers: ["Content-Type: application/merge-patch+json"])
    }

    /// The profile as the CLI makes it.
    private static func create(on server: ControlPlane) async throws {
        let made = try await server.cli([
            "profiles", "create", "--id", profile, "--name", "strict", "--allowed-key-algorithm", "ECDSA:256:384",
            "--allowed-ekus", "serverAuth,1.3.6.1.4.1.99999.7", "--eku-critical", "true", "--max-ttl-seconds", "86400",
            "--default-ttl-seconds", "7200", "--backdate-seconds", "300", "--allowed-san-types", "dns,ip",
            "--required-san-pattern", "glob:*.certctl.test", "--required-san-pattern", "ip:10.0.0.0/8", "--max-sans",
            "3",
            "--subject-fixed", "C=CH", "--subject-fixed", "O=Example Ltd", "--subject-allowed", "OU",
            "--policy-oids", "2.23.140.1.2.1", "--key-reuse", "forbid", "--issuer-id", Inventory.issuer,
            "--format", "json",
        ])
        try #require(made.status == 0, "\(made.errors)")
        #expect(made.output.contains("\"max_size\": 384") || made.output.contains("\"max_size\":384"), "\(made.output)")
    }

    private static func request(
        _ names: String, in work: TemporaryDirectory, key: String = "key.pem",
        keyType: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        subject: String = "/OU=Web/CN=www.certctl.test"
    ) async throws -> String {
        let csr = work.path(UUID().uuidString)
        let outcome = try await runProgram(
            "/usr/bin/openssl",
            ["req", "-new", "-newkey"] + keyType + [
                "-nodes", "-subj", subject, "-addext", "subjectAltName=\(names)", "-keyout", work.path(key), "-out",
                csr,
            ], logs: work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try String(contentsOfFile: csr, encoding: .utf8)
    }

    @Test(
        "what the CLI saved is enforced and written into the certificate, to the second",
        arguments: EngineUnderTest.available)
    func strict(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        try await Self.create(on: server)
        let work = try TemporaryDirectory("profiles")
        var record = Inventory.certificate("mc-strict", name: "www.certctl.test")
        record["certificate_profile_id"] = Self.profile
        record["sans"] = ["www.certctl.test", "10.1.2.3"]
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates", record))

        func submit(_ pem: String) async throws -> CurlClient.Reply {
            try await server.client.post("/api/v1/certificates/mc-strict/csr", ["csr_pem": pem])
        }
        func refusals(_ pem: String) async throws -> [String] {
            let reply = try await submit(pem)
            #expect(reply.status == 422 && reply.text("code") == "policy_violation", "\(reply.status) \(reply.body)")
            return (reply.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
        }
        let names = "DNS:www.certctl.test,IP:10.1.2.3"
        #expect(
            try await refusals(
                Self.request(names, in: work, keyType: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"])) == ["key_size"])
        #expect(try await refusals(Self.request(names, in: work, keyType: ["rsa:2048"])) == ["key_algorithm"])
        #expect(
            try await refusals(Self.request(names, in: work, subject: "/L=Bern/CN=www.certctl.test")) == ["subject"])
        #expect(
            try await refusals(Self.request(names, in: work, subject: "/O=Other/CN=www.certctl.test")) == ["subject"])

        let good = try await Self.request(names, in: work)
        try Inventory.expect(201, try await submit(good))
        #expect(try await refusals(good) == ["key_reuse"])

        let versions = try await server.client.get("/api/v1/certificates/mc-strict/versions")
        let version = try #require((versions.json["data"] as? [[String: Any]])?.first)
        let leaf = work.path("leaf.pem")
        try #require(version["pem_chain"] as? String).write(toFile: leaf, atomically: true, encoding: .utf8)
        let read = try await runProgram(
            "/usr/bin/openssl",
            ["x509", "-in", leaf, "-noout", "-text", "-nameopt", "RFC2253"],
            logs: work.url)
        for part in [
            "CN=www.certctl.test,OU=Web,O=Example Ltd,C=CH", "X509v3 Extended Key Usage: critical",
            "1.3.6.1.4.1.99999.7",
            "Policy: 2.23.140.1.2.1", "IP Address:10.1.2.3",
        ] {
            #expect(read.output.contains(part), "\(part) in \(read.output)")
        }
        let dates = try await runProgram(
            "/usr/bin/openssl", ["x509", "-in", leaf, "-noout", "-dates", "-dateopt", "iso_8601"], logs: work.url)
        let times = try dates.output.split(separator: "\n").map { line in
            try Date(String(line.drop { $0 != "=" }.dropFirst()).replacing(" ", with: "T"), strategy: .iso8601)
        }
        try #require(times.count == 2, "\(dates.output)")
        #expect(times[1].timeIntervalSince(times[0]) == 7199, "two hours, the second of notAfter included: \(times)")
        await server.stop()
    }

    @Test("a save that could not be kept names its members, one that is rarely meant is answered with a warning")
    func saving() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        func pointers(_ body: [String: Any], status: Int = 400) async throws -> [String] {
            let reply = try await Self.patch(server, Inventory.profile, body)
            #expect(reply.status == status, "\(reply.body)")
            return (reply.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["pointer"] as? String }
        }
        #expect(try await pointers(["allowed_ekus": ["anyExtendedKeyUsage"]]) == ["/allowed_ekus/0"])
        #expect(try await pointers(["allowed_san_types": ["dns", "directory"]]) == ["/allowed_san_types/1"])
        #expect(try await pointers(["default_ttl_seconds": 20, "max_ttl_seconds": 10]) == ["/default_ttl_seconds"])
        #expect(try await pointers(["subject_policy": ["fixed": ["CN": "x"]]]) == ["/subject_policy/fixed"])
        #expect(try await pointers(["required_san_patterns": ["glob:(x)"]]) == ["/required_san_patterns/0"])
        #expect(try await pointers(["acme_challenge_types": ["http-02"]]) == ["/acme_challenge_types/0"])
        #expect(try await pointers(["issuer_id": "iss-nobody"], status: 422) == ["/issuer_id"])
        let plain = try await server.client.get("/api/v1/profiles/\(Inventory.profile)")
        #expect(plain.json["warnings"] as? [String] == [] && plain.json["subject_policy"] == nil, "\(plain.body)")

        let odd = try await Self.patch(
            server, Inventory.profile,
            ["required_san_patterns": [".*"], "subject_policy": ["cn": "none"], "backdate_seconds": 0])
        try Inventory.expect(200, odd)
        #expect((odd.json["warnings"] as? [String])?.count == 1, "\(odd.body)")
        #expect((odd.json["subject_policy"] as? [String: Any])?["cn"] as? String == "none")
        #expect(odd.json["backdate_seconds"] as? Int == 0)
        let cleared = try await Self.patch(
            server, Inventory.profile, ["subject_policy": NSNull(), "backdate_seconds": NSNull()])
        #expect(cleared.json["subject_policy"] == nil && cleared.json["backdate_seconds"] == nil, "\(cleared.body)")
        // What a profile refers to stays while it does.
        try Inventory.expect(200, try await Self.patch(server, Inventory.profile, ["team_id": "t-unassigned"]))
        let team = try await server.client.delete("/api/v1/teams/t-unassigned")
        #expect(team.status == 409, "\(team.body)")
        await server.stop()
    }

    @Test(
        "the certificates of a profile are a list like the others, without those of other profiles",
        arguments: EngineUnderTest.available)
    func certificates(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        try await Self.create(on: server)
        for id in ["mc-a", "mc-b", "mc-other"] {
            var record = Inventory.certificate(id, name: "\(id).certctl.test")
            if id == "mc-other" { record["certificate_profile_id"] = Self.profile }
            try Inventory.expect(201, try await server.client.post("/api/v1/certificates", record))
        }
        func page(_ profile: String, _ query: String = "") async throws -> (ids: [String], reply: CurlClient.Reply) {
            let reply = try await server.client.get("/api/v1/profiles/\(profile)/certificates\(query)")
            try Inventory.expect(200, reply)
            return ((reply.json["data"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }, reply)
        }
        #expect(try await Set(page(Inventory.profile).ids) == ["mc-a", "mc-b"])
        #expect(try await page(Self.profile).ids == ["mc-other"])
        #expect(try await page(Inventory.profile, "?q=mc-b").ids == ["mc-b"])
        #expect(try await page(Inventory.profile, "?q=mc-other").ids == [])
        let named = try await page(Inventory.profile, "?sort=name&page=2&per_page=1")
        #expect(named.ids == ["mc-b"] && named.reply.json["total"] as? Int == 2, "\(named.reply.body)")
        // An archived one stays in the list unless it is not wanted, as in the list of all.
        #expect(try await server.client.delete("/api/v1/certificates/mc-a").status == 204)
        #expect(try await page(Inventory.profile, "?include_archived=false").ids == ["mc-b"])
        #expect(try await page(Inventory.profile).ids.count == 2)

        let missing = try await server.client.get("/api/v1/profiles/prof-nobody/certificates")
        #expect(missing.status == 404, "\(missing.body)")
        // Not a parameter here: it neither widens nor empties the list.
        #expect(try await page(Self.profile, "?profile_id=\(Inventory.profile)").ids == ["mc-other"])
        await server.stop()
    }

    @Test(
        "check and evaluate tell over REST and CLI what a profile would do, and change nothing",
        arguments: EngineUnderTest.available)
    func trial(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let work = try TemporaryDirectory("trials")
        for (id, type) in [("mc-ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("mc-rsa", ["rsa:2048"])] {
            let name = "\(id).certctl.test"
            try Inventory.expect(
                201, try await server.client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
            let pem = try await Self.request("DNS:\(name)", in: work, keyType: type, subject: "/CN=\(name)")
            try Inventory.expect(
                201, try await server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": pem]))
        }
        let path = "/api/v1/profiles/\(Inventory.profile)"
        let before = try await server.client.get(path)
        let calm = try await server.cli(["profiles", "check", Inventory.profile])
        #expect(calm.status == 0 && calm.errors.contains("0 of 2 certificates"), "\(calm.output) \(calm.errors)")
        let strict = try await server.cli([
            "profiles", "check", Inventory.profile, "--allowed-key-algorithm", "ECDSA:256", "--format", "json",
        ])
        #expect(strict.status == 1, "\(strict.output) \(strict.errors)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(strict.output.utf8)) as? [String: Any], "\(strict.output)")
        #expect(report["examined"] as? Int == 2 && report["refused"] as? Int == 1)
        let refusal = try #require((report["refusals"] as? [[String: Any]])?.first)
        #expect(refusal["certificate_id"] as? String == "mc-rsa")
        let paged = try await server.client.post(path + "/check", ["limit": 1, "profile": ["enabled": false]])
        #expect(paged.json["refused"] as? Int == 1 && paged.text("next_cursor") == "mc-ec", "\(paged.body)")
        let rest = try await server.client.post(
            path + "/check", ["limit": 1, "cursor": "mc-ec", "profile": ["enabled": false]])
        #expect(rest.json["refused"] as? Int == 1, "\(rest.body)")
        let wrong = try await server.client.post(
            path + "/check", ["profile": ["allowed_ekus": ["anyExtendedKeyUsage"]]])
        #expect(wrong.status == 400, "\(wrong.body)")
        let places = (wrong.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["pointer"] as? String }
        #expect(places == ["/profile/allowed_ekus/0"])
        #expect(try await server.client.post("/api/v1/profiles/prof-nobody/check", [:]).status == 404)

        let csr = work.path("try.csr")
        try await Self.request("DNS:mc-ec.certctl.test", in: work, subject: "/CN=mc-ec.certctl.test")
            .write(toFile: csr, atomically: true, encoding: .utf8)
        let good = try await server.cli([
            "profiles", "evaluate", Inventory.profile, csr, "--for-certificate", "mc-ec", "--max-ttl-seconds", "7200",
        ])
        #expect(good.status == 0 && good.output.contains("issued") && good.output.contains("7200"), "\(good)")
        let bad = try await server.cli(["profiles", "evaluate", Inventory.profile, csr, "--for-certificate", "mc-rsa"])
        #expect(bad.status == 1 && bad.output.contains("not approved"), "\(bad)")
        #expect(try await server.client.get(path).body == before.body)
        await server.stop()
    }

    @Test("ACME: wildcards, names of one label, accounts without a key, issuer and owner are the profile's")
    func acme() async throws {
        let stage = try await ACMEStage.make(.sqlite)
        let server = stage.server
        let client = stage.client()
        #expect(try await client.register().status == 201)
        func order(_ name: String) async throws -> String {
            ACMETestClient.problem(try await client.order([name]).reply)
        }
        #expect(try await order("*.certctl.test") == "")
        #expect(try await order("intranet") == "rejectedIdentifier")
        try Inventory.expect(
            200,
            try await Self.patch(
                server, ACMEStage.profile, ["acme_allow_wildcards": false, "acme_allow_single_label": true]))
        #expect(try await order("*.certctl.test") == "rejectedIdentifier")
        #expect(try await order("intranet") == "")
        try Inventory.expect(
            200, try await Self.patch(server, ACMEStage.profile, ["allowed_san_types": ["ip"]]))
        #expect(try await order("www.certctl.test") == "rejectedIdentifier")
        try Inventory.expect(200, try await Self.patch(server, ACMEStage.profile, ["allowed_san_types": []]))

        let stranger = stage.client()
        #expect(ACMETestClient.problem(try await stranger.register(bound: false)) == "externalAccountRequired")
        let open = try await Self.patch(server, ACMEStage.profile, ["acme_require_eab": false])
        try Inventory.expect(200, open)
        #expect((open.json["warnings"] as? [String])?.count == 1, "\(open.body)")
        #expect(try await stranger.register(bound: false).status == 201)

        // With two issuers the profile has to say which.
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/issuers", ["id": "iss-second", "name": "Second", "type": "local", "config": [String: Any]()]))
        #expect(try await order("www.certctl.test") == "serverInternal")
        try Inventory.expect(
            200,
            try await Self.patch(
                server, ACMEStage.profile,
                [
                    "issuer_id": "iss-second", "owner_id": Inventory.owner, "team_id": Inventory.team,
                    "required_csr_attributes": ["organizationName"],
                ]))
        _ = try await stranger.obtain(["www.certctl.test"])
        let page = try await server.client.get("/api/v1/certificates?q=www.certctl.test")
        let record = try #require((page.json["data"] as? [[String: Any]])?.first, "\(page.body)")
        #expect(record["issuer_id"] as? String == "iss-second" && record["owner_id"] as? String == Inventory.owner)
        await server.stop()
    }
}
