import Domain
import Synchronization
import Telemetry
import Testing

@Suite("Log lines (specification, operations §11)")
struct LogBootstrapTests {
    private final class Lines: Sendable {
        let octets = Mutex<[UInt8]>([])
        var text: String { String(decoding: octets.withLock { $0 }, as: UTF8.self) }
        var sink: LogSink { LogSink { more in self.octets.withLock { $0 += more } } }
    }

    private static let noon = TimeSource(
        now: { Timestamp(microsecondsSinceEpoch: 1_772_366_400_042_999) }, sleep: { _ in }
    )

    @Test("a JSON line has the fixed fields first and the message unchanged")
    func json() {
        let lines = Lines()
        let logs = LogBootstrap(format: .json, instance: "a", version: "1", time: Self.noon, sink: lines.sink)
        logs.logger("jobs").info("job claimed", .job(JobID(stored: "job-1")), .attempt(2))
        #expect(
            lines.text
                == #"{"time":"2026-03-01T12:00:00.042Z","level":"INFO","msg":"job claimed","component":"jobs","instance":"a","version":"1","attempt":2,"job_id":"job-1"}"#
                + "\n"
        )
    }

    @Test("a text line quotes what could be mistaken")
    func text() {
        let lines = Lines()
        let logs = LogBootstrap(format: .text, instance: "a", version: "1", time: Self.noon, sink: lines.sink)
        logs.logger("http").warn("slow", LogField("path", "/a b\n\"x\""), LogField("status", 200))
        #expect(lines.text == "2026-03-01T12:00:00.042Z WARN http slow path=\"/a b\\n\\\"x\\\"\" status=200\n")
    }

    @Test("levels change while the program runs, by component")
    func levels() {
        let lines = Lines()
        let logs = LogBootstrap(format: .text, instance: "a", time: Self.noon, sink: lines.sink)
        let logger = logs.logger("db")
        logger.debug("one")
        logs.levels.set(.debug, for: "db")
        logger.debug("two")
        logs.logger("http").debug("three")
        logs.levels.set(.debug)
        logs.logger("http").debug("four")
        #expect(!lines.text.contains("one") && lines.text.contains("two"))
        #expect(!lines.text.contains("three") && lines.text.contains("four"))
    }

    @Test("a secret in a field shows nothing of itself")
    func secrets() {
        let lines = Lines()
        let logs = LogBootstrap(format: .json, instance: "a", time: Self.noon, sink: lines.sink)
        struct Failure: Error { let token = Secret("canary-7731") }
        logs.logger("auth").error("refused", .error(Failure()))
        #expect(lines.text.contains("***"))
        #expect(!lines.text.contains("canary"))
    }

    @Test("lines beyond the bound are dropped and counted, not waited for")
    func dropped() {
        let written = Mutex<[[UInt8]]>([])
        let holder = Mutex<LogSink?>(nil)
        let isFirst = Mutex(true)
        let sink = LogSink(capacity: 400) { octets in
            written.withLock { $0.append(octets) }
            let first = isFirst.withLock { value in
                defer { value = false }
                return value
            }
            guard first, let sink = holder.withLock({ $0 }) else { return }
            // While this "slow" write runs, others log.
            let logs = LogBootstrap(format: .text, instance: "a", time: Self.noon, sink: sink)
            for _ in 0..<50 { logs.logger("x").info("line while the pipe is full") }
        }
        holder.withLock { $0 = sink }
        LogBootstrap(format: .text, instance: "a", time: Self.noon, sink: sink).logger("x").info("first")
        let text = String(decoding: written.withLock { $0.flatMap { $0 } }, as: UTF8.self)
        #expect(text.contains("log lines dropped"))
        #expect(text.utf8.count < 1_200)
    }
}
