import Foundation
import TestSupport
import Testing

@Suite("rest-api §7.1, front ends §1.4: certificates that exist already come under management", .tags(.slow))
struct ImportTests {
    private static let references: [String: String] = [
        "owner_id": Inventory.owner, "team_id": Inventory.team, "issuer_id": Inventory.issuer,
        "renewal_policy_id": Inventory.policy, "certificate_profile_id": Inventory.profile,
    ]

    private static func body(_ pem: String, _ more: [String: Any] = [:]) -> [String: Any] {
        (references as [String: Any]).merging(["pem": pem]) { _, new in new }.merging(more) { _, new in new }
    }

    @Test("DER and PKCS#7 are taken too; a key store is not, and its key is not read")
    func forms() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let authority = try await OpenSSLAuthority()
        let path = "/api/v1/certificates/import"
        for form in ["x509", "crl2pkcs7", "pkcs12", "nonsense"] {
            let issued = try await authority.issue("DNS:\(form).certctl.test", days: 10)
            let (pem, key) = (stage.work.path("\(form).pem"), stage.work.path("\(form).key"))
            try (issued.certificate + issued.chain).write(toFile: pem, atomically: true, encoding: .utf8)
            try issued.key.write(toFile: key, atomically: true, encoding: .utf8)
            let out = stage.work.path("\(form).bin")
            let made: ProgramOutcome? =
                switch form {
                case "x509": try await stage.openssl(["x509", "-in", pem, "-outform", "DER", "-out", out])
                case "crl2pkcs7":
                    try await stage.openssl(
                        ["crl2pkcs7", "-nocrl", "-certfile", pem, "-outform", "DER", "-out", out])
                case "pkcs12":
                    try await stage.openssl(
                        ["pkcs12", "-export", "-in", pem, "-inkey", key, "-passout", "pass:", "-out", out])
                default: nil
                }
            #expect(made?.status ?? 0 == 0, "\(made?.errors ?? "")")
            let octets = made == nil ? Data("nothing".utf8) : try Data(contentsOf: URL(filePath: out))
            var body: [String: Any] = Self.references
            body["data"] = octets.base64EncodedString()
            let answer = try await stage.server.client.post(path, body)
            switch form {
            case "x509", "crl2pkcs7":
                try Inventory.expect(201, answer)
                let versions = try await stage.server.client.get(
                    "/api/v1/certificates/\(answer.text("certificate_id") ?? "")/versions")
                let chain = ((versions.json["data"] as? [[String: Any]])?.first?["pem_chain"] as? String) ?? ""
                let count = chain.components(separatedBy: "BEGIN CERTIFICATE").count - 1
                #expect(form == "x509" ? count == 1 : count > 1, "\(versions.body)")
            case "pkcs12": #expect(answer.status == 400 && answer.body.contains("private_key"), "\(answer.body)")
            default: #expect(answer.status == 400 && answer.body.contains("/data"), "\(answer.body)")
            }
        }
        var both = Self.body("-----BEGIN CERTIFICATE-----")
        both["data"] = "AA=="
        #expect(try await stage.server.client.post(path, both).status == 400)
        #expect(try await stage.server.client.post(path, Self.references).status == 400)
        await stage.server.stop()
    }

    @Test("serial number, chain and lineage; what may and may not follow", arguments: EngineUnderTest.available)
    func lineage(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let client = stage.server.client
        let authority = try await OpenSSLAuthority()
        let old = try await authority.issue("DNS:shop.certctl.test,DNS:www.certctl.test", days: 10)
        let path = "/api/v1/certificates/import"
        let rehearsed = try Inventory.expect(
            200, try await client.post("\(path)?dry_run=true", Self.body(old.certificate + old.chain)))
        #expect(rehearsed.json["dry_run"] as? Bool == true && rehearsed.text("certificate_id") == nil)
        #expect(try await client.get("/api/v1/certificates").json["total"] as? Int == 0)
        let made = try Inventory.expect(
            201,
            try await client.post(path, Self.body(old.certificate + old.chain, ["id": "mc-shop", "name": "shop"])))
        #expect(made.json["is_current"] as? Bool == true && made.json["issued_elsewhere"] as? Bool == true)
        #expect(rehearsed.text("path") == "untrusted" && made.text("path") == "untrusted", "\(made.body)")
        #expect(made.text("path_detail")?.contains("no CA of an issuer here") ?? false, "\(made.body)")
        let version = try await stage.server.cli([
            "certs", "versions", "mc-shop", try #require(made.text("version_id")),
        ])
        #expect(version.status == 0 && version.output.contains("untrusted"), "\(version.output)\(version.errors)")
        let stored = try await client.get("/api/v1/certificates/mc-shop")
        #expect(stored.text("serial_number") == made.text("serial_number"), "\(stored.body)")
        #expect(Set(stored.json["sans"] as? [String] ?? []) == ["shop.certctl.test", "www.certctl.test"])
        #expect(stored.text("status") == "Active" && stored.text("expires_at") == made.text("not_after"))
        let exported = try await client.get("/api/v1/certificates/mc-shop/export/pem")
        #expect(exported.text("full_pem") == old.certificate + old.chain)
        // The same again, a key, an authority, other names: refused, and nothing changes.
        let again = try await client.post(path, Self.body(old.certificate))
        #expect(again.status == 409 && again.body.contains("of mc-shop"), "\(again.body)")
        let withKey = try await client.post(path, Self.body(old.certificate + old.key))
        #expect(withKey.status == 400 && withKey.body.contains("private_key"), "\(withKey.body)")
        #expect(!withKey.body.contains("MIG"))
        #expect(try await client.post(path, Self.body(authority.root)).status == 400)
        let other = try await authority.issue("DNS:other.certctl.test")
        let foreign = try await client.post(path, ["pem": other.certificate, "certificate_id": "mc-shop"])
        #expect(foreign.status == 422, "\(foreign.body)")
        let surplus = try await client.post(path, Self.body(other.certificate, ["certificate_id": "mc-shop"]))
        #expect(surplus.status == 400 && surplus.body.contains("/owner_id"), "\(surplus.body)")
        let incomplete = try await client.post(path, ["pem": other.certificate])
        #expect(incomplete.status == 400 && incomplete.body.contains("/team_id"), "\(incomplete.body)")
        // A newer version takes the place of the first.
        try await Task.sleep(for: .seconds(1.1))
        let new = try await authority.issue("DNS:www.certctl.test,DNS:shop.certctl.test", days: 60)
        let followed = try Inventory.expect(
            201, try await client.post(path, ["pem": new.certificate + new.chain, "certificate_id": "mc-shop"]))
        #expect(followed.json["is_current"] as? Bool == true)
        try await afterwards(stage, newest: followed.text("version_id"))
        await stage.server.stop()
    }

    /// What was imported can't be revoked here; a renewal here ends that.
    private func afterwards(_ stage: PKIStage, newest: String?) async throws {
        let client = stage.server.client
        let page = try await client.get("/api/v1/certificates/mc-shop/versions")
        let versions = try #require(page.json["data"] as? [[String: Any]])
        #expect(versions.count == 2 && versions.first?["id"] as? String == newest, "\(page.body)")
        let refused = try await client.post("/api/v1/certificates/mc-shop/revoke", ["reason": "superseded"])
        #expect(refused.status == 409 && refused.body.contains("where it was issued"), "\(refused.body)")
        let csr = try await makeCSR(
            "shop.certctl.test", in: stage.work, names: ["shop.certctl.test", "www.certctl.test"])
        try Inventory.expect(
            201, try await client.post("/api/v1/certificates/mc-shop/csr", ["csr_pem": csr]))
        let revoked = try await client.post("/api/v1/certificates/mc-shop/revoke", ["reason": "superseded"])
        #expect(revoked.status == 200, "\(revoked.body)")
        #expect((revoked.json["serials"] as? [String])?.count == 1)
        let checked = try await stage.server.cli(["api", "GET", "/api/v1/audit?action=certificate_imported"])
        #expect(checked.output.contains("mc-shop"))
    }

    @Test("certificates of our own authority stay revocable; two of others may share a number")
    func numbers() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let client = stage.server.client
        for name in ["one", "two"] {
            let made = try await stage.openssl([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=\(name).certctl.test", "-addext", "basicConstraints=critical,CA:FALSE", "-set_serial", "1",
                "-days", "90", "-keyout", stage.work.path("\(name).key"), "-out", stage.work.path("\(name).pem"),
            ])
            try #require(made.status == 0, "\(made.errors)")
            let pem = try String(contentsOfFile: stage.work.path("\(name).pem"), encoding: .utf8)
            let stored = try await client.post("/api/v1/certificates/import", Self.body(pem))
            #expect(stored.status == 201 && stored.text("serial_number") == "1", "\(stored.body)")
        }
        // Our OCSP responder knows no number 1.
        let answer = try await stage.run(
            "/usr/bin/openssl",
            ["ocsp", "-issuer", stage.ca, "-serial", "1", "-CAfile", stage.ca, "-url", stage.responder])
        #expect(answer.contains("1: unknown"), "\(answer)")
        await stage.server.stop()
    }

    @Test("many in one request: each line by itself")
    func bulk() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let authority = try await OpenSSLAuthority()
        var lines: [String] = []
        for number in 0..<3 {
            let issued = try await authority.issue("DNS:b\(number).certctl.test")
            let body = Self.body(issued.certificate + issued.chain)
            lines.append(String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self))
        }
        lines.insert("{\"pem\":", at: 1)
        lines.insert(#"{"pem":"nothing"}"#, at: 3)
        for query in ["?dry_run=true", ""] {
            let reply = try await stage.server.client.send(
                "POST", "/api/v1/certificates/bulk-import\(query)", body: lines.joined(separator: "\n"),
                headers: ["Content-Type: application/x-ndjson", "Accept: application/x-ndjson"])
            #expect(reply.status == 200)
            let told = try reply.body.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
            try #require(told.count == 6, "\(reply.body)")
            #expect(
                told.prefix(5).map { $0["outcome"] as? String }
                    == ["imported", "failed", "imported", "failed", "imported"], "\(reply.body)")
            #expect(told[1]["code"] as? String == "malformed_json" && told[1]["line"] as? Int == 2, "\(reply.body)")
            let summary = try #require(told[5]["summary"] as? [String: Any])
            #expect(summary["imported"] as? Int == 3 && summary["failed"] as? Int == 2)
        }
        #expect(try await stage.server.client.get("/api/v1/certificates").json["total"] as? Int == 3)
        await stage.server.stop()
    }

    @Test("a directory of PEM, PKCS#7, PKCS#12 and JKS files, from the command line")
    func directory() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let authority = try await OpenSSLAuthority()
        let root = stage.work.url.appending(path: "certs")
        let nested = root.appending(path: "nested")
        try FileManager.default.createDirectory(at: nested, withIntermediateDirectories: true)
        func write(_ text: String, _ url: URL) throws { try text.write(to: url, atomically: true, encoding: .utf8) }
        let first = try await authority.issue("DNS:d1.certctl.test", days: 20)
        try write(first.certificate + first.chain, root.appending(path: "d1.pem"))
        let second = try await authority.issue("DNS:d2.certctl.test", days: 20)
        try write(second.certificate + second.key, root.appending(path: "d2.pem"))
        try write(authority.intermediate + authority.root, root.appending(path: "ca.crt"))
        try write("hello", root.appending(path: "README"))
        try write("broken", root.appending(path: "broken.crt"))
        let third = try await authority.issue("DNS:d3.certctl.test", days: 20)
        try write(third.certificate + third.key, nested.appending(path: "d3"))
        let store = try await stage.openssl([
            "pkcs12", "-export", "-in", nested.path + "/d3", "-passout", "pass:secret-1", "-out",
            nested.path + "/d3.p12",
        ])
        try #require(store.status == 0, "\(store.errors)")
        try FileManager.default.removeItem(at: nested.appending(path: "d3"))
        try await Task.sleep(for: .seconds(1.1))
        let newer = try await authority.issue("DNS:d1.certctl.test", days: 30)
        try write(newer.certificate, nested.appending(path: "newer.pem"))
        try write("secret-1\n", stage.work.url.appending(path: "password"))
        let arguments = [
            "import", root.path, "--owner-id", Inventory.owner, "--team-id", Inventory.team, "--issuer-id",
            Inventory.issuer, "--renewal-policy-id", Inventory.policy, "--tag", "origin=disk", "--password-file",
            stage.work.path("password"),
        ]
        let rehearsed = try await stage.server.cli(arguments + ["--dry-run"])
        #expect(rehearsed.status == 10 && rehearsed.errors.contains("would be imported"), "\(rehearsed.errors)")
        #expect(try await stage.server.client.get("/api/v1/certificates").json["total"] as? Int == 0)
        let outcome = try await stage.server.cli(arguments + ["--format", "jsonl"])
        #expect(outcome.status == 10, "\(outcome.errors)")
        #expect(outcome.errors.contains("broken.crt") && !outcome.errors.contains("README"), "\(outcome.errors)")
        let rows = try outcome.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(rows.count == 4 && rows.allSatisfy { $0["outcome"] as? String == "imported" }, "\(outcome.output)")
        let listed = try await stage.server.client.get("/api/v1/certificates?tag.origin=disk")
        let names = (listed.json["data"] as? [[String: Any]] ?? []).compactMap { $0["common_name"] as? String }
        #expect(Set(names).count == 3, "\(listed.body)")
        let lineage = Dictionary(grouping: rows) { $0["certificate_id"] as? String ?? "" }
        #expect(lineage.values.map(\.count).sorted() == [1, 1, 2])
        await stage.server.stop()
    }
}
