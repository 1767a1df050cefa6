import Foundation

/// The second opinion: the real `openssl` in a directory of its own.
package struct OpenSSL: Sendable {
    package let directory: TemporaryDirectory

    package init() throws { directory = try TemporaryDirectory("openssl") }

    package func path(_ name: String) -> String { directory.path(name) }

    /// Writes `text` and returns its path.
    package func file(_ name: String, _ text: String) throws -> String {
        let path = path(name)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    package func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// Runs `openssl` without expecting anything of its status.
    package func run(_ arguments: String...) async throws -> ProgramOutcome { try await run(arguments) }

    /// Runs `openssl`, which must succeed, and returns what it printed.
    @discardableResult
    package func succeed(_ arguments: String...) async throws -> String {
        let outcome = try await run(arguments)
        guard outcome.status == 0 else { throw Refusal(arguments: arguments, errors: outcome.errors) }
        return outcome.output
    }

    /// Same for arguments that are computed.
    package func run(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram("/usr/bin/openssl", arguments, logs: directory.url, timeout: .seconds(30))
    }

    /// `openssl` did not accept what it was given.
    package struct Refusal: Error, CustomStringConvertible {
        let arguments: [String]
        let errors: String

        package var description: String { "openssl \(arguments.joined(separator: " ")): \(errors)" }
    }
}
