import Domain
import Encoding

/// `certctl-agent status`: what the running agent wrote into its state directory.
struct StatusCommand: Sendable {
    let state: StateDirectory
    let time: TimeSource
    let console: Console

    func run(isJSON: Bool) -> Int32 {
        do {
            if let reason = try state.retirement.read() {
                show("retired", isJSON: isJSON, ["status": "retired", "reason": .string(reason)], [("reason", reason)])
                return ExitStatus.failure
            }
            guard let record = try state.status.read() else {
                let identity = try state.identity.load()
                let word = identity == nil ? "not enrolled" : "enrolled, never run"
                show(word, isJSON: isJSON, ["status": .string(word)], [("state directory", state.path)])
                return ExitStatus.failure
            }
            let isAlive = record.isAlive(at: time.now)
            var json = record.json
            json["status"] = .string(isAlive ? "alive" : "silent")
            show(isAlive ? "alive" : "silent", isJSON: isJSON, json, lines(record))
            return isAlive ? ExitStatus.success : ExitStatus.failure
        } catch {
            console.error("certctl-agent: \(error)")
            return ExitStatus.failure
        }
    }

    private func lines(_ record: AgentStatusRecord) -> [(String, String)] {
        let now = time.now
        var lines = [
            ("agent", record.agent.text), ("server", record.server), ("version", record.version),
            ("process", "\(record.processID), since \(record.startedAt.rfc3339)"),
            ("last heartbeat", record.lastHeartbeatAt.map { Self.ago($0, now) } ?? "none acknowledged yet"),
            ("last poll", record.lastPollAt.map { Self.ago($0, now) } ?? "none answered yet"),
            ("jobs in hand", record.heldJobs.isEmpty ? "none" : record.heldJobs.map(\.text).joined(separator: ", ")),
            ("reports waiting", "\(record.waitingReports)"),
        ]
        if record.consecutiveFailures > 0 { lines.append(("failures in a row", "\(record.consecutiveFailures)")) }
        if let lastError = record.lastError { lines.append(("last error", lastError)) }
        return lines
    }

    private static func ago(_ time: Timestamp, _ now: Timestamp) -> String {
        "\(time.rfc3339) (\((now - time).components.seconds) s ago)"
    }

    private func show(_ word: String, isJSON: Bool, _ json: JSONValue, _ lines: [(String, String)]) {
        if isJSON { return console.output(json.prettyText) }
        let width = lines.map(\.0.count).max() ?? 0
        let body = lines.map { name, text in
            name + String(repeating: " ", count: width - name.count + 2) + text
        }
        let head = "status" + String(repeating: " ", count: max(2, width - 4)) + word
        console.output(([head] + body).joined(separator: "\n"))
    }
}
