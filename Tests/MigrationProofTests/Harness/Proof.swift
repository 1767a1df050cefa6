import Foundation
import Query
import Synchronization
import TestSupport
import Testing

/// One scenario of the migration proof on one engine: runs it and writes its line.
///
/// Everything inside must throw when it does not hold (`try #require`), so that the line tells the truth. The lines go
/// to the file that `CERTCTL_PROOF_REPORT` names, where `scripts/migration-proof` finds them.
enum Proof {
    static func scenario<Result>(
        _ name: String,
        _ engine: Engine,
        note: (Result) -> String = { _ in "" },
        _ body: () async throws -> Result
    ) async throws -> Result {
        let start = ContinuousClock.now
        do {
            let result = try await body()
            write("pass", name, engine, ContinuousClock.now - start, note(result))
            return result
        } catch {
            write("FAIL", name, engine, ContinuousClock.now - start, "")
            throw error
        }
    }

    /// Says why an engine has no such scenario.
    static func notApplicable(_ name: String, _ engine: Engine, because reason: String) {
        append(line("n/a", name, engine, "-", reason))
    }

    private static func write(_ result: String, _ name: String, _ engine: Engine, _ time: Duration, _ note: String) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        append(line(result, name, engine, String(format: "%.2fs", seconds), note))
    }

    private static func line(
        _ result: String, _ name: String, _ engine: Engine, _ time: String, _ note: String
    ) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        let head = "\(padded(result, 5))\(padded(engine.rawValue, 9))\(padded(time, 9))\(name)"
        return note.isEmpty ? head : "\(head): \(note)"
    }

    private static let writing = Mutex(())

    private static func append(_ line: String) {
        guard let path = ProcessInfo.processInfo.environment["CERTCTL_PROOF_REPORT"] else { return }
        writing.withLock { _ in
            guard let file = fopen(path, "a") else { return }
            fputs(line + "\n", file)
            fclose(file)
        }
    }
}

extension Engine {
    /// The engines that a run covers: both, unless `CERTCTL_TEST_ENGINES` says otherwise.
    static var underTest: [Engine] {
        guard let chosen = ProcessInfo.processInfo.environment["CERTCTL_TEST_ENGINES"] else { return allCases }
        return allCases.filter { chosen.contains($0.rawValue) }
    }
}
