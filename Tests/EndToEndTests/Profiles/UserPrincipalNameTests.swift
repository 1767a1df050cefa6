import Foundation
import TestSupport
import Testing

@Suite("user principal names from the request to the inventory (protocol-servers §6.3, §8.3)", .tags(.slow))
struct UserPrincipalNameTests {
    private static let profile = "prof-people"
    private static let user = "upn:alice@corp.example"
    private static let type = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:"

    private static func request(_ names: String, in work: TemporaryDirectory) async throws -> String {
        let outcome = try await runProgram(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
                "-addext", "subjectAltName=\(names)", "-keyout", work.path("key"),
            ], logs: work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    @Test(
        "a profile that lists them lets them through its patterns alone; openssl reads what the CA wrote",
        arguments: EngineUnderTest.available)
    func issued(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let made = try await server.cli([
            "profiles", "create", "--id", Self.profile, "--name", "people", "--allowed-ekus",
            "clientAuth,smartCardLogon", "--allowed-san-types", "upn", "--required-san-pattern",
            "upn:[a-z.]+@corp\\.example", "--format", "json",
        ])
        try #require(made.status == 0, "\(made.errors)")
        func record(_ id: String, _ name: String, _ profile: String?) async throws -> CurlClient.Reply {
            var body = Inventory.certificate(id, name: name)
            body["certificate_profile_id"] = profile
            body["sans"] = [name]
            return try await server.client.post("/api/v1/certificates", body)
        }
        try Inventory.expect(201, try await record("mc-alice", Self.user, Self.profile))
        try Inventory.expect(201, try await record("mc-eve", "upn:eve@evil.example", Self.profile))
        try Inventory.expect(201, try await record("mc-plain", "upn:bob@corp.example", nil))
        #expect(try await record("mc-bad", "upn:bob", Self.profile).status == 400)
        let work = try TemporaryDirectory("upn")
        func submit(_ id: String, _ user: String) async throws -> CurlClient.Reply {
            try await server.client.post(
                "/api/v1/certificates/\(id)/csr", ["csr_pem": try await Self.request(Self.type + user, in: work)])
        }
        func refusals(_ reply: CurlClient.Reply) -> [String] {
            #expect(reply.status == 422, "\(reply.body)")
            return (reply.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
        }
        #expect(refusals(try await submit("mc-eve", "eve@evil.example")) == ["name_pattern"])
        #expect(refusals(try await submit("mc-plain", "bob@corp.example")) == ["name_type"])
        #expect(refusals(try await submit("mc-alice", "mallory@corp.example")).contains("name_not_approved"))
        try Inventory.expect(201, try await submit("mc-alice", "Alice@corp.example"))

        let page = try await server.client.get("/api/v1/certificates/mc-alice/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first)
        let leaf = work.path("leaf.pem")
        try #require(version["pem_chain"] as? String).write(toFile: leaf, atomically: true, encoding: .utf8)
        let read = try await runProgram(
            "/usr/bin/openssl", ["x509", "-in", leaf, "-noout", "-subject", "-ext", "subjectAltName,extendedKeyUsage"],
            logs: work.url)
        for part in [
            "subject=\n", "X509v3 Subject Alternative Name: critical", "othername: UPN::alice@corp.example",
            "Microsoft Smartcard Login",
        ] {
            #expect(read.output.contains(part), "\(part) in \(read.output)")
        }
        let listed = try await server.client.get("/api/v1/certificates?san=upn:alice@corp.example")
        #expect(
            (listed.json["data"] as? [[String: Any]])?.map { $0["id"] as? String } == ["mc-alice"], "\(listed.body)")
        let shown = try await server.cli(["certs", "get", "mc-alice"])
        #expect(shown.output.contains(Self.user), "\(shown.output)")
        try await imported(on: server, work)
        await server.stop()
    }

    /// A certificate of somebody else comes in with the name, and by it when it has no other.
    private func imported(on server: ControlPlane, _ work: TemporaryDirectory) async throws {
        let authority = try await OpenSSLAuthority()
        let theirs = try await authority.issue(Self.type + "carol@corp.example")
        let file = work.path("carol.pem")
        try (theirs.certificate + theirs.chain).write(toFile: file, atomically: true, encoding: .utf8)
        let reply = try await server.client.post(
            "/api/v1/certificates/import",
            [
                "id": "mc-carol", "pem": theirs.certificate + theirs.chain, "owner_id": Inventory.owner,
                "team_id": Inventory.team, "issuer_id": Inventory.issuer, "renewal_policy_id": Inventory.policy,
                "certificate_profile_id": Self.profile,
            ])
        try Inventory.expect(201, reply)
        let stored = try await server.client.get("/api/v1/certificates/mc-carol")
        #expect(stored.text("common_name") == "upn:carol@corp.example", "\(stored.body)")
        #expect(stored.json["sans"] as? [String] == ["upn:carol@corp.example"])
    }
}
