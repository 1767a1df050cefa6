import Encoding
import Foundation
import HostEffects
import Testing

@Suite("audit verify before anybody has signed for the log")
struct AuditVerifyTests {
    private static let sound: JSONValue = [
        "ok": true, "kind": "full", "rows": 17, "tree_size": 17, "root_hash": "00",
        "started_at": "2027-01-01T00:00:00Z", "finished_at": "2027-01-01T00:00:01Z",
    ]

    private static func stage() -> CLIStage {
        let stage = CLIStage()
        stage.server.on("POST /api/v1/audit/verify", sound)
        return stage
    }

    @Test("it says what was read, and that nothing shows more than that yet")
    func unsigned() async {
        let stage = Self.stage()
        stage.server.on("GET /api/v1/audit/checkpoints", ["data": []])
        let outcome = await stage.run("audit", "verify", "--full")
        #expect(outcome.code == 1 && !outcome.output.contains("sound"), "\(outcome.output)")
        for part in ["17 events were read", "no checkpoint is signed yet", "run this again"] {
            #expect(outcome.diagnostics.contains(part), "\(outcome.diagnostics)")
        }
    }

    @Test("an answer that can't be read is not taken for a log without checkpoints")
    func unreadable() async {
        let stage = Self.stage()
        stage.server.on("GET /api/v1/audit/checkpoints", ["data": [["jws": "a.b.c"]]])
        let outcome = await stage.run("audit", "verify", "--full")
        #expect(outcome.code == 1 && outcome.diagnostics.contains("can't be read"), "\(outcome.diagnostics)")
    }
}
