import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §6.3: lints, their severity, and what they found", .tags(.slow))
struct LintEndToEndTests {
    private static let name = "a_b.certctl.test"

    private static func submit(_ stage: PKIStage, _ id: String, _ name: String) async throws -> CurlClient.Reply {
        try Inventory.expect(
            201, try await stage.server.client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
        let csr = try await makeCSR(name, in: stage.work)
        return try await stage.server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
    }

    private static func versions(_ stage: PKIStage, _ id: String) async throws -> [[String: Any]] {
        let reply = try await stage.server.client.get("/api/v1/certificates/\(id)/versions")
        return try #require(reply.json["data"] as? [[String: Any]], "\(reply.body)")
    }

    private static func rules(_ version: [String: Any]) -> [String] {
        (version["lint_findings"] as? [[String: Any]] ?? []).compactMap { finding in
            "\(finding["rule"] ?? "")=\(finding["severity"] ?? "")"
        }
    }

    @Test("a warning is kept with the version and shown", arguments: EngineUnderTest.available)
    func warning(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        try Inventory.expect(201, try await Self.submit(stage, "mc-a", Self.name))
        try Inventory.expect(201, try await Self.submit(stage, "mc-b", "b.certctl.test"))
        let version = try #require(try await Self.versions(stage, "mc-a").first)
        #expect(Self.rules(version) == ["host_name_form=warning"])
        #expect(Self.rules(try #require(try await Self.versions(stage, "mc-b").first)) == [])
        let id = try #require(version["id"] as? String)
        let shown = try await stage.server.cli(["certs", "versions", "mc-a", id])
        #expect(shown.output.contains("host_name_form: dns:\(Self.name)") || shown.output.contains("has an underscore"))
        #expect(shown.status == 0 && shown.output.contains("(warning)"), "\(shown.output)\(shown.errors)")
        let audit = try await stage.server.client.get("/api/v1/audit?action=certificate_issued")
        #expect(audit.body.contains("\"lints\":[\"host_name_form\"]"), "\(audit.body)")
        let listed = try Inventory.expect(200, try await stage.server.client.get("/api/v1/crypto/lints"))
        let lints = try #require(listed.json["data"] as? [[String: Any]])
        let form = try #require(lints.first { $0["rule"] as? String == "host_name_form" })
        #expect(form["severity"] as? String == "warning" && form["adjustable"] as? Bool == true, "\(form)")
        let usage = try #require(lints.first { $0["rule"] as? String == "key_usage" })
        #expect(usage["severity"] as? String == "error" && usage["adjustable"] as? Bool == false, "\(usage)")
        let table = try await stage.server.cli(["crypto", "lints"])
        #expect(table.status == 0 && table.output.contains("validity_within_issuer"), "\(table.errors)")
        await stage.server.stop()
    }

    @Test("an error keeps the same certificate from being signed, and what is off is not looked for")
    func severities() async throws {
        let engine = EngineUnderTest.sqlite
        let strict = try await PKIStage.start(
            engine, ["CERTCTL_CA_LINTS": "host_name_form=error, must_staple_without_responder=off"])
        let refused = try Inventory.expect(422, try await Self.submit(strict, "mc-a", Self.name))
        #expect(refused.body.contains("host_name_form") && refused.body.contains("underscore"), "\(refused.body)")
        #expect(try await Self.versions(strict, "mc-a").isEmpty)
        try Inventory.expect(201, try await Self.submit(strict, "mc-b", "b.certctl.test"))
        let table = try await strict.server.cli(["crypto", "lints", "-o", "wide"])
        let row = table.output.split(separator: "\n").first { $0.hasPrefix("host_name_form") } ?? ""
        #expect(row.contains("error") && row.contains("warning"), "\(table.output)")
        await strict.server.stop()
        let lenient = try await PKIStage.start(engine, ["CERTCTL_CA_LINTS": "host_name_form=off"])
        try Inventory.expect(201, try await Self.submit(lenient, "mc-a", Self.name))
        #expect(Self.rules(try #require(try await Self.versions(lenient, "mc-a").first)) == [])
        await lenient.server.stop()
    }
}
