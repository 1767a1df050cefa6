import Synchronization

@testable import AgentRuntime

/// What a command printed on both streams.
final class Transcript: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var console: Console {
        Console(
            output: { line in self.lines.withLock { $0.append(line) } },
            error: { line in self.lines.withLock { $0.append(line) } }
        )
    }
}
