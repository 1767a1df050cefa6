import Domain
import HTTPServing
import Testing

@Suite("RFC 9110 §6.6.1: when an answer was made")
struct DateFieldTests {
    @Test("one text a second, and the right one after any step of the clock")
    func seconds() {
        let dates = DateField()
        // The example of RFC 9110 §5.6.7.
        let time = Timestamp(secondsSinceEpoch: 784_111_777)
        #expect(dates.text(at: time) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(dates.text(at: time + .milliseconds(999)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(dates.text(at: time + .seconds(1)) == "Sun, 06 Nov 1994 08:49:38 GMT")
        #expect(dates.text(at: time - .seconds(86_400)) == "Sat, 05 Nov 1994 08:49:37 GMT")
        #expect(dates.text(at: time) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test("the clock is the server's")
    func clock() async throws {
        let frozen = TimeSource(
            now: { Timestamp(secondsSinceEpoch: 784_111_777) }, sleep: { try await Task.sleep(for: $0) })
        try await Stage.run(configure: { $0.time = frozen }) { stage in
            for path in ["/health", "/nowhere"] {
                let reply = try await stage.curl(path)
                #expect(reply.fields["date"] == "Sun, 06 Nov 1994 08:49:37 GMT", "\(path)")
            }
        }
    }
}
