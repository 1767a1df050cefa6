import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §5.2: an operator hears of a list that ends while its key is away", .tags(.slow))
struct RevocationListAlertEndTests {
    @Test(
        "in the log, the metrics, the audit log and /ready; and when it is over", arguments: EngineUnderTest.available)
    func told(engine: EngineUnderTest) async throws {
        let stage = try await SignerAuthorityStage.start(engine)
        let config = SignerAuthorityStage.config("ca1", ["crl_validity_seconds": 60, "crl_interval_seconds": 5])
        try Inventory.expect(201, try await stage.createIssuer("iss-signer", config))
        let gauge = "certctl_crl_ending{issuer_id=\"iss-signer\"}"
        let isListed = try await eventually(within: .seconds(20), every: .milliseconds(500)) {
            try await stage.metrics().contains("\(gauge) 0")
        }
        #expect(isListed)
        let text = try await stage.openssl([
            "crl", "-inform", "DER", "-in", try await fetched(stage), "-noout", "-lastupdate", "-nextupdate",
        ]).output
        #expect(text.contains("lastUpdate") && text.contains("nextUpdate"), "\(text)")

        await stage.signer.stop()
        let raised = "a revocation list comes to its end, and no newer one can be made"
        let isTold = await eventually(within: .seconds(75), every: .milliseconds(500)) {
            stage.pki.server.process.output.contains(raised)
        }
        #expect(isTold, "\(stage.pki.server.process.transcript)")
        #expect(try await stage.metrics().contains("\(gauge) 1"))
        let audit = try await stage.client.get("/api/v1/audit?action=crl_alert_raised").body
        #expect(audit.contains("iss-signer") && audit.contains("next_update"), "\(audit)")
        let isSeen = try await eventually(within: .seconds(90), every: .seconds(1)) {
            let ready = try await stage.pki.server.anonymous.get("/ready")
            return (ready.json["checks"] as? [String: String])?["protocols.crl.iss-signer"] != nil
        }
        #expect(isSeen)

        try await stage.signer.startAgain()
        let over = "a revocation list that came to its end is replaced"
        let isOver = await eventually(within: .seconds(90), every: .milliseconds(500)) {
            stage.pki.server.process.output.contains(over)
        }
        #expect(isOver, "\(stage.pki.server.process.transcript)")
        #expect(try await stage.metrics().contains("\(gauge) 0"))
        #expect(stage.pki.server.process.output.components(separatedBy: raised).count == 2, "told once")
        await stage.stop()
    }

    private func fetched(_ stage: SignerAuthorityStage) async throws -> String {
        #expect(try await eventually(within: .seconds(20)) { try await stage.fetchList() })
        return stage.list
    }
}
