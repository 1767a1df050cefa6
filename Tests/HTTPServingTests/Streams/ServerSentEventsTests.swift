import Domain
import HTTPServing
import Testing

@Suite("The event stream (specification, rest-api §6.5)")
struct ServerSentEventsTests {
    private static let bearer = "Authorization: Bearer \(Stage.viewerKey)"

    @Test("a stream begins where the client left off", arguments: ["--http1.1", "--http2"])
    func resume(version: String) async throws {
        try await Stage.run { stage in
            let reply = try await stage.curl(
                "/api/v1/events", version, "-N", "-H", Self.bearer, "-H", "Last-Event-ID: 41", "-H",
                "Accept: text/event-stream"
            )
            #expect(reply.status == 200)
            #expect(reply.fields["content-type"] == "text/event-stream")
            #expect(reply.body.contains("id: 42\nevent: job.status_changed\ndata: {\"id\":\"42\"}\n\n"))
            #expect(reply.body.contains("id: 44\n"))
            #expect(!reply.body.contains("id: 41\n"))
        }
    }

    @Test("a stream needs a credential")
    func unauthenticated() async throws {
        try await Stage.run { stage in
            let reply8 = try await stage.curl("/api/v1/events")
            #expect(reply8.status == 401)
        }
    }
}
