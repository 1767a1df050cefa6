import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §5.2: delta lists, judged by openssl", .tags(.slow))
struct ServedDeltaListTests {
    @Test(
        "an old complete list and the delta list together tell what the new list tells",
        arguments: EngineUnderTest.available)
    func combined(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let client = stage.server.client
        try Inventory.expect(
            200, try await client.put("/api/v1/issuers/iss-local", ["config": ["crl_delta": true]]))
        let list = "\(stage.url)/.well-known/pki/crl/iss-local"
        func fetch(_ address: String, _ name: String) async throws -> String {
            let der = stage.work.path("\(name).der")
            let status = try await stage.curl(["--output", der, "--write-out", "%{http_code}", address])
            guard status == "200" else { return status }
            let converted = try await stage.openssl(
                ["crl", "-inform", "DER", "-in", der, "-out", stage.work.path("\(name).pem")])
            try #require(converted.status == 0, "\(converted.errors)")
            return status
        }
        try #require(try await eventually(within: .seconds(20)) { try await fetch("\(list)/delta", "delta") == "200" })
        try await stage.issue("mc-a", "a.certctl.test", to: stage.leaf)
        let text = try await stage.openssl(["x509", "-in", stage.leaf, "-noout", "-text"])
        #expect(text.output.contains("X509v3 Freshest CRL") && text.output.contains("/crl/iss-local/delta"))
        try #require(try await fetch(list, "old") == "200")
        func judge(_ lists: [String], deltas: Bool) async throws -> String {
            var arguments = ["verify", "-CAfile", stage.ca, "-crl_check"]
            if deltas { arguments += ["-extended_crl", "-use_deltas"] }
            for name in lists { arguments += ["-CRLfile", stage.work.path("\(name).pem")] }
            let outcome = try await stage.openssl(arguments + [stage.leaf])
            return outcome.output + outcome.errors
        }
        #expect(try await judge(["old", "delta"], deltas: true).contains("leaf.pem: OK"))
        try Inventory.expect(
            200, try await client.post("/api/v1/certificates/mc-a/revoke", ["reason": "superseded"]))
        // The bound that the documents state.
        let isTold = try await eventually(within: .seconds(10)) {
            _ = try await fetch("\(list)/delta", "delta")
            return try await judge(["old", "delta"], deltas: true).contains("certificate revoked")
        }
        #expect(isTold)
        #expect(try await judge(["old"], deltas: false).contains("leaf.pem: OK"), "the old list alone knows nothing")
        let shown = try await stage.openssl(["crl", "-in", stage.work.path("delta.pem"), "-noout", "-text"])
        let complete = try await stage.openssl(["crl", "-in", stage.work.path("old.pem"), "-noout", "-text"])
        #expect(complete.output.contains("Freshest CRL"), "\(complete.output)")
        #expect(shown.output.contains("Delta CRL Indicator: critical"), "\(shown.output)")
        await stage.server.stop()
    }
}
