import Domain
import Encoding
import Testing

@testable import AgentRuntime

@Suite("rest-api §3: what an answer means for the agent")
struct ControlPlaneAnswerTests {
    typealias Kind = ControlPlaneError.Kind

    @Test(
        "statuses",
        arguments: [
            (400, .refused), (401, .unauthorized), (403, .unauthorized), (404, .refused), (408, .busy), (409, .refused),
            (422, .refused), (429, .busy), (500, .busy), (502, .busy), (503, .busy), (301, .refused), (101, .refused),
        ] as [(Int, Kind)]
    )
    func statuses(status: Int, kind: Kind) {
        let answer = ControlPlaneAnswer(status: status, body: [], retryAfter: .seconds(7))
        let error = #expect(throws: ControlPlaneError.self) { try answer.success() }
        #expect(error?.kind == kind)
        #expect(error?.status == status)
        #expect(error?.retryAfter == .seconds(7))
    }

    @Test("only a 410 with agent_retired retires; one of a proxy is an ordinary failure")
    func gone() {
        let retired = FakeControlPlane.error(410, "agent_retired", "retired by ops")
        #expect(throws: ControlPlaneError.self) { try retired.success() }
        for (answer, kind) in [
            (retired, Kind.retired), (FakeControlPlane.error(410, nil, "gone"), .refused),
            (FakeControlPlane.error(410, "bootstrap_disabled", "gone"), .refused),
            (ControlPlaneAnswer(status: 410, body: Array("<html>gone</html>".utf8)), .refused),
        ] {
            do {
                _ = try answer.success()
                #expect(Bool(false), "must throw")
            } catch {
                #expect(error.kind == kind)
            }
        }
    }

    @Test("both renderings of an error are read, with the fields at fault")
    func renderings() {
        let compatible: JSONValue = [
            "error": "Bad Request", "message": "1 field is invalid", "code": "validation_failed",
            "errors": [["pointer": "/csr_pem", "code": "required", "detail": "is required"]],
        ]
        let problem: JSONValue = ["title": "Bad Request", "detail": "1 field is invalid", "code": "validation_failed"]
        for body in [compatible, problem] {
            let error = #expect(throws: ControlPlaneError.self) {
                try FakeControlPlane.json(body, status: 400).success()
            }
            #expect(error?.code == "validation_failed")
            #expect(error?.message.contains("1 field is invalid") == true)
        }
        let error = #expect(throws: ControlPlaneError.self) {
            try FakeControlPlane.json(compatible, status: 400).success()
        }
        #expect(error?.message.contains("/csr_pem is required") == true)
    }

    @Test("hostile explanations are cut and lose control characters")
    func hostileText() {
        let text = "\u{1B}[31mred\n" + String(repeating: "x", count: 10_000)
        let answer = FakeControlPlane.error(400, nil, text)
        let error = #expect(throws: ControlPlaneError.self) { try answer.success() }
        #expect(error?.message.unicodeScalars.count == 2048)
        #expect(error?.message.unicodeScalars.contains { $0.value < 0x20 } == false)
    }

    @Test("a success that is not JSON is malformed, an empty one is an empty object")
    func bodies() throws {
        let error = #expect(throws: ControlPlaneError.self) {
            try ControlPlaneAnswer(status: 200, body: Array("<html>".utf8)).success()
        }
        #expect(error?.kind == .malformed)
        #expect(try ControlPlaneAnswer(status: 204, body: []).success() == .object(JSONObject()))
    }

    @Test("one work item that makes no sense does not hide the others")
    func workItems() async throws {
        let plane = try FakeControlPlane()
        let items: JSONValue = ["jobs": [3, ["id": "job-1"]], "count": 2]
        plane.change { $0.scripted = [("/work", FakeControlPlane.json(items))] }
        #expect(try await plane.controlPlane.work(wait: .seconds(25)).count == 2)
        #expect(plane.current.calls == ["GET /api/v1/agents/agent-1/work?wait=25"])
        plane.change { $0.scripted = [("/work", FakeControlPlane.json(["jobs": "none"]))] }
        let error = await #expect(throws: ControlPlaneError.self) { try await plane.controlPlane.work(wait: .zero) }
        #expect(error?.kind == .malformed)
    }
}
