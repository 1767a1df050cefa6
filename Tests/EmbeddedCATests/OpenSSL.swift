import Foundation
import TestSupport
import Testing

/// The second opinion: the real `openssl` in a directory of its own.
struct OpenSSL {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("openssl") }

    func path(_ name: String) -> String { directory.url.appending(path: name).path }

    /// Writes `text` and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        let path = path(name)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// Runs `openssl` without expecting anything of its status.
    func run(_ arguments: String...) async throws -> ProgramOutcome {
        try await runProgram("/usr/bin/openssl", arguments, logs: directory.url, timeout: .seconds(30))
    }

    /// Runs `openssl`, which must succeed, and returns what it printed.
    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let outcome = try await runProgram("/usr/bin/openssl", arguments, logs: directory.url, timeout: .seconds(30))
        #expect(outcome.status == 0, "openssl \(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        return outcome.output
    }
}
