package import Domain
package import Encoding

/// The event stream of one client (WHATWG HTML §9.2).
package struct EventStream: Sendable {
    let stream: ResponseStream

    /// Writes one event; suspends while the client is slow.
    package func send(id: String, event: String, data: JSONValue) async throws {
        let block = "id: \(Self.line(id))\nevent: \(Self.line(event))\ndata: \(data.text)\n\n"
        try await stream.write(Array(block.utf8))
    }

    func comment(_ text: StaticString) async throws { try await stream.write(Array(": \(text)\n\n".utf8)) }

    private static func line(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.map(Character.init))
    }
}

/// How an event stream ends and stays alive.
package struct EventStreamPlan: Sendable {
    package var heartbeat = Duration.seconds(15)
    /// Clients reconnect with `Last-Event-ID` afterwards.
    package var maximumAge = Duration.hours(1)

    package init() {}
}

extension OutgoingResponse {
    /// Sends events until `produce` returns, the client goes away, the stream is old enough or the server drains.
    package static func events(
        _ plan: EventStreamPlan = EventStreamPlan(), state: ServingState, time: TimeSource,
        _ produce: @escaping @Sendable (EventStream) async throws -> Void
    ) -> OutgoingResponse {
        stream("text/event-stream") { stream in
            let events = EventStream(stream: stream)
            try await events.comment("connected")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await produce(events) }
                group.addTask { try await keepAlive(events, plan, state, time) }
                defer { group.cancelAll() }
                do { try await group.next() } catch is CancellationError {}
            }
        }
    }

    private static func keepAlive(
        _ events: EventStream, _ plan: EventStreamPlan, _ state: ServingState, _ time: TimeSource
    ) async throws {
        let start = time.now
        var lastBeat = start
        let step = min(plan.heartbeat, .seconds(1))
        while !state.isDraining, time.now - start < plan.maximumAge {
            try await time.sleep(step)
            if time.now - lastBeat >= plan.heartbeat {
                try await events.comment("keep-alive")
                lastBeat = time.now
            }
        }
    }
}
