import Deployment
import Domain
import Encoding
import Testing

@Suite("Targets §2.4: the result as it is reported")
struct DeploymentResultTests {
    private func make() -> DeploymentResult {
        var report = VerificationReport(
            status: .failed, endpoint: "a:443", expectedFingerprint: "aa", actualFingerprint: "bb", reason: "why",
            attempts: 3,
            addresses: [.init(address: "192.0.2.1", fingerprint: "bb", tlsVersion: "TLS 1.3", error: nil)]
        )
        report.servedChain = [[0x30, 0], [0x30, 1, 0]]
        report.serverName = "www.example.com"
        let start = Timestamp(secondsSinceEpoch: 1_700_000_000)
        var result = DeploymentResult(startedAt: start, verification: report)
        result.errorCode = .verifyFailedRolledBack
        result.message = "no"
        result.isRolledBack = true
        result.failedStage = .verify
        result.duration = .milliseconds(1500)
        result.metadata = ["cert_path": "/a"]
        result.phases = [.init(stage: .commit, start: start, milliseconds: 2, outcome: "ok")]
        result.backupPaths = ["/b"]
        result.changedFiles = ["/a"]
        return result
    }

    @Test("the members of the specification are there")
    func members() {
        let json = make().json
        #expect(json["success"] == false)
        #expect(json["error_code"] == "verify_failed_rolled_back")
        #expect(json["rolled_back"] == true)
        #expect(json["manual_action_required"] == false)
        #expect(json["deployed_at"] == "2023-11-14T22:13:20Z")
        #expect(
            json["metadata"]
                == ["cert_path": "/a", "duration_ms": "1500", "idempotent": "false", "stage": "verify"]
        )
        #expect(json["phases"]?[0]?["name"] == "commit")
        #expect(json["verification"]?["actual_fingerprint"] == "bb")
    }

    @Test("what was written is read back the same, through text")
    func roundTrip() throws {
        let result = make()
        let json = try JSONValue(parsing: result.json.text)
        #expect(DeploymentResult(json: json) == result)
    }

    @Test("a text that is no result is none", arguments: ["{}", "[]", #"{"success":true}"#])
    func malformed(_ text: String) throws { #expect(DeploymentResult(json: try JSONValue(parsing: text)) == nil) }
}
