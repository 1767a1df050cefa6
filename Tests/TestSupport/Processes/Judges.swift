package import Foundation

/// The programs of `Tests/Judges`: other implementations that say what they think of our products.
package enum Judges {
    /// A file of the repository.
    package static func file(_ path: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../" + path).standardized.path
    }

    /// Runs a script of `Tests/Judges` with pyca/cryptography, which `scripts/judges` has fetched.
    package static func python(_ script: String, _ arguments: [String], logs: URL) async throws -> ProgramOutcome {
        try await runProgram(
            "/usr/bin/env", ["python3", file("Tests/Judges/\(script)")] + arguments,
            environment: ["PYTHONPATH": file(".build/judges"), "PYTHONDONTWRITEBYTECODE": "1"], logs: logs)
    }

    /// Runs the present certbot, which `scripts/judges` has fetched too.
    package static func certbot(
        _ arguments: [String], environment: [String: String], logs: URL
    ) async throws -> ProgramOutcome {
        let ours = ["PYTHONPATH": file(".build/judges"), "PYTHONDONTWRITEBYTECODE": "1"]
        return try await runProgram(
            "/usr/bin/env",
            ["python3", "-c", "import sys; from certbot.main import main; sys.exit(main())"] + arguments,
            environment: environment.merging(ours) { $1 }, logs: logs, timeout: .seconds(120))
    }
}
