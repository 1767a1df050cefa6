import Domain
import Encoding
import Outbound
import Settings
import Testing

@testable import OperatorCLI

@Suite("front ends §1.2, §1.5: requests, retries, exit codes")
struct APIClientTests {
    private func header(_ name: String, _ request: APIRequest) -> String? {
        request.headers.first { $0.name == name }?.value
    }

    @Test("the key goes into the Authorization header, and nowhere else")
    func credential() async throws {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", ["data": []])
        let outcome = await stage.run("teams", "list", "-v")
        let request = try #require(stage.server.requests.first)
        #expect(header("Authorization", request) == "Bearer ctk_test")
        #expect(!(outcome.output + outcome.diagnostics + request.path).contains("ctk_test"))
    }

    @Test("without a key there is no Authorization header")
    func anonymous() async throws {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", ["data": []])
        _ = await stage.run(["teams", "list"], environment: ["HOME": "/h"])
        #expect(header("Authorization", try #require(stage.server.requests.first)) == nil)
    }

    @Test("the configured time limits one request")
    func timeout() async throws {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", ["data": []])
        _ = await stage.run("teams", "list", "--timeout", "7s")
        #expect(try #require(stage.server.requests.first).timeout == .seconds(7))
    }

    @Test("a mutation carries one Idempotency-Key through all its attempts")
    func idempotency() async throws {
        let stage = CLIStage()
        let created: JSONValue = ["id": "t-1", "name": "x"]
        stage.server.on("POST /api/v1/teams", .broken(.connectionLost), .json(503, ["error": "x"]), .json(201, created))
        #expect(await stage.run("teams", "create", "--name", "x").code == 0)
        let keys = stage.server.requests.map { header("Idempotency-Key", $0) }
        #expect(keys.count == 3 && Set(keys).count == 1)
        #expect(try #require(keys.first ?? nil).count == 36)
    }

    @Test("Retry-After is obeyed, unless it is unreasonable")
    func retryAfter() async {
        let stage = CLIStage()
        let busy = FakeServer.Answer.json(429, ["error": "x"], headers: [(name: "Retry-After", value: "7")])
        stage.server.on("GET /api/v1/teams", busy, .json(200, ["data": []]))
        #expect(await stage.run("teams", "list").code == 0)
        #expect(stage.sleeps == [.seconds(7)])
        let blocked = FakeServer.Answer.json(429, ["error": "x"], headers: [(name: "Retry-After", value: "3600")])
        stage.server.on("GET /api/v1/teams", blocked)
        #expect(await stage.run("teams", "list").code == 8)
    }

    @Test("a deletion is sent once")
    func deletion() async {
        let stage = CLIStage()
        stage.server.on("DELETE /api/v1/teams/t-1", .json(503, ["error": "x"]))
        #expect(await stage.run("teams", "delete", "t-1", "--yes").code == 8)
        #expect(stage.sleeps == [])
    }

    @Test(
        "exit codes of statuses",
        arguments: [
            (400, 6), (401, 4), (403, 5), (404, 3), (409, 7), (410, 3), (412, 7), (422, 6), (429, 8), (500, 1),
            (501, 1),
            (503, 8), (504, 1), (413, 6),
        ])
    func statuses(status: Int, code: Int) async {
        let stage = CLIStage()
        let answer = FakeServer.Answer.json(
            status, ["error": "Reason", "message": "what happened", "request_id": "r-1"])
        stage.server.on("GET /api/v1/jobs/j-1", answer, answer, answer)
        let outcome = await stage.run("jobs", "get", "j-1")
        #expect(outcome.code == Int32(code))
        #expect(outcome.output == "")
        #expect(outcome.diagnostics.hasPrefix("error: what happened\n"))
        #expect(outcome.diagnostics.hasSuffix("request-id: r-1"))
    }

    @Test("no answer is 69", arguments: [OutboundError.Kind.unreachable, .tlsVerification, .timeout, .nameResolution])
    func unreachable(kind: OutboundError.Kind) async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", .broken(kind))
        #expect(await stage.run("teams", "list").code == 69)
    }

    @Test("every wrong field is named; JSON errors are one object")
    func problems() async throws {
        let stage = CLIStage()
        let answer = FakeServer.Answer.json(
            400,
            [
                "error": "Bad Request", "message": "1 field is invalid", "request_id": "r-1",
                "code": "validation_failed",
                "errors": [["pointer": "/name", "code": "too_long", "detail": "name\u{1B} is too long"]],
            ]
        )
        stage.server.on("POST /api/v1/teams", answer, answer)
        let text = await stage.run("teams", "create", "--name", "x")
        #expect(text.diagnostics == "error: 1 field is invalid\n  /name: name is too long\nrequest-id: r-1")
        let json = try JSONValue(parsing: await stage.run("teams", "create", "--name", "x", "-o", "json").diagnostics)
        #expect(json["error"]?["code"] == "validation_failed" && json["error"]?["status"] == 400)
        #expect(json["error"]?["details"]?["errors"]?[0]?["pointer"] == "/name")
    }

    @Test("an answer that is not of certctl is not taken for one")
    func foreign() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", FakeServer.Answer(status: 200, body: Array("<html>".utf8)))
        #expect(await stage.run("teams", "list").code == 1)
    }

    @Test(
        "identifiers that could mean another path never leave the client",
        arguments: [
            "..", ".", "a/b", "a?b", "a%2fb", "", "a b", "a\u{1B}b", String(repeating: "a", count: 129),
        ])
    func identifiers(id: String) async {
        let stage = CLIStage()
        #expect(await stage.run("teams", "get", id).code == 2)
        #expect(stage.server.calls == [])
    }

    @Test(
        "invalid configuration is 78 before anything is sent",
        arguments: [
            ["CERTCTL_SERVER_URL": "http://x"], ["CERTCTL_SERVER_URL": "x"], ["CERTCTL_TIMEOUT": "soon"],
        ])
    func configuration(environment: [String: String]) async {
        let stage = CLIStage()
        let outcome = await stage.run(["teams", "list"], environment: environment.merging(["HOME": "/h"]) { $1 })
        #expect(outcome.code == 78)
        #expect(stage.server.calls == [])
    }
}
