import Encoding
import Testing

@Suite("front ends §1.5: certs bulk-revoke follows its operation")
struct OperationWatcherTests {
    private static func result(revoked: Int, failed: Int = 0) -> JSONValue {
        [
            "total_matched": 3, "total_revoked": JSONValue(revoked), "total_skipped": 0,
            "total_failed": JSONValue(failed), "errors": [],
        ]
    }

    private static func operation(_ state: String, done: Int, failed: Int = 0) -> FakeServer.Answer {
        .json(
            200,
            [
                "id": "op-1", "kind": "bulk_revoke", "state": .string(state),
                "progress": ["done": JSONValue(done), "total": 3], "approval_id": "apr-1",
                "result": result(revoked: done - failed, failed: failed),
            ])
    }

    private static func run(_ states: FakeServer.Answer...) async -> CLIStage.Outcome {
        let stage = CLIStage()
        let path = "POST /api/v1/certificates/bulk-revoke"
        stage.server.on(path, .json(200, result(revoked: 3)), operation("running", done: 0))
        for state in states { stage.server.on("GET /api/v1/operations/op-1", state) }
        let outcome = await stage.run(
            "certs", "bulk-revoke", "--owner-id", "o-a", "--reason", "superseded", "--yes")
        #expect(stage.server.unused.isEmpty)
        return outcome
    }

    @Test("to its end, with progress on standard error")
    func success() async {
        let outcome = await Self.run(Self.operation("running", done: 2), Self.operation("succeeded", done: 3))
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("op-1 succeeded: 3 matched, 3 revoked, 0 skipped, 0 failed"))
        #expect(outcome.diagnostics == "op-1: 0 of 3\nop-1: 2 of 3")
    }

    @Test("what was cancelled by somebody else did not do what was asked: 10, as are failures")
    func partial() async {
        let cancelled = await Self.run(Self.operation("cancelled", done: 1))
        #expect(cancelled.code == 10 && cancelled.diagnostics.contains("op-1 was cancelled after 1 of 3 certificates"))
        let failed = await Self.run(Self.operation("succeeded", done: 3, failed: 1))
        #expect(failed.code == 10 && failed.diagnostics.contains("1 of 3 certificates could not be revoked"))
    }
}
