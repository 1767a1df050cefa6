import Encoding
import Testing

@Suite("front ends §1.6: --wait")
struct JobWatcherTests {
    private func job(_ status: String, attempts: Int = 1, error: String? = nil) -> FakeServer.Answer {
        var job: JSONValue = [
            "id": "j-1", "type": "Renewal", "status": .string(status), "attempts": JSONValue(attempts),
            "max_attempts": 3,
        ]
        if let error { job["last_error"] = .string(error) }
        return .json(200, job)
    }

    private let triggered: JSONValue = ["status": "renewal_triggered", "job_id": "j-1"]
    private let events: JSONValue = ["data": [], "last_event_id": "5"]

    @Test("changes of state go to standard error, once each, and success is 0")
    func progress() async {
        let stage = CLIStage()
        stage.server.on("POST /api/v1/certificates/mc-a/renew", .json(202, triggered))
        stage.server.on("GET /api/v1/jobs/j-1", job("Pending"), job("Pending"), job("Running"), job("Completed"))
        stage.server.on(
            "GET /api/v1/events", .json(200, events), .json(200, events), .json(200, events), .json(200, events))
        let outcome = await stage.run("certs", "renew", "mc-a", "--wait")
        #expect(outcome.code == 0)
        #expect(outcome.diagnostics == "Renewal j-1: Pending\nRenewal j-1: Running\nRenewal j-1: Completed")
        #expect(outcome.output == "renewal of mc-a triggered\nJob ID: j-1")
        #expect(stage.server.calls.contains { $0.hasSuffix("wait=10&since=5") })
    }

    @Test("without an event stream it polls, slower and slower")
    func polling() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/events", .json(404, ["error": "Not Found"]))
        stage.server.on("GET /api/v1/jobs/j-1", job("Running"), job("Running"), job("Running"), job("Completed"))
        #expect(await stage.run("jobs", "watch", "j-1").code == 0)
        #expect(stage.sleeps == [.milliseconds(500), .seconds(1), .seconds(2)])
    }

    @Test("a job that failed for good is 12 with its error; one with attempts left is waited for")
    func failure() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/events", .json(404, ["error": "x"]))
        stage.server.on(
            "GET /api/v1/jobs/j-1", job("Failed", error: "CA away"), job("Failed", attempts: 3, error: "CA gone"))
        let outcome = await stage.run("jobs", "watch", "j-1")
        #expect(outcome.code == 12)
        #expect(outcome.diagnostics.hasSuffix("error: job j-1 ended Failed: CA gone"))
    }

    @Test("waiting ends with 9")
    func timeout() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/events", .json(404, ["error": "x"]))
        stage.server.on("GET /api/v1/jobs/j-1", job("Running"), job("Running"), job("Running"), job("Running"))
        #expect(await stage.run("jobs", "get", "j-1", "--wait=2s").code == 9)
    }

    @Test("a duration that is none is a usage error")
    func duration() async {
        #expect(await CLIStage().run("jobs", "get", "j-1", "--wait=soon").code == 2)
    }
}
