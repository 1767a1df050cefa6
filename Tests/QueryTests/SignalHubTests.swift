import Query
import Testing

@Suite("Signals reach the streams of their channel")
struct SignalHubTests {
    @Test("a stream gets what is sent on its channel after it began")
    func delivery() async {
        let hub = SignalHub()
        hub.deliver("before", on: .jobs)
        let stream = hub.stream(on: .jobs)
        hub.deliver("other", on: .events)
        hub.deliver("one", on: .jobs)
        hub.deliver("two", on: .jobs)
        hub.close()
        var received: [String] = []
        for await payload in stream { received.append(payload) }
        #expect(received == ["one", "two"])
    }

    @Test("a slow consumer keeps the newest signals only")
    func bound() async {
        let hub = SignalHub()
        let stream = hub.stream(on: .jobs)
        for number in 0..<(SignalHub.bufferedSignals + 10) { hub.deliver(String(number), on: .jobs) }
        hub.close()
        var received: [String] = []
        for await payload in stream { received.append(payload) }
        #expect(received.count == SignalHub.bufferedSignals)
        #expect(received.first == "10")
    }

    @Test("a stream asked for after closing ends at once")
    func closed() async {
        let hub = SignalHub()
        hub.close()
        for await _ in hub.stream(on: .events) { Issue.record("nothing can arrive") }
    }
}
