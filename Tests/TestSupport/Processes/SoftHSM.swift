import Foundation

/// Tokens of SoftHSM 2 in a directory of their own, which `SOFTHSM2_CONF` points the module to.
package struct SoftHSM: Sendable {
    /// The PIN of the user of every token.
    package static let pin = "tango-4711"
    package static let module =
        ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"]
        .first { FileManager.default.fileExists(atPath: $0) } ?? "/usr/lib/softhsm/libsofthsm2.so"

    package let directory: TemporaryDirectory
    package var configuration: String { directory.path("softhsm2.conf") }
    package var tokens: String { directory.path("tokens") }
    package var environment: [String: String] { ["SOFTHSM2_CONF": configuration] }

    package init() throws {
        directory = try TemporaryDirectory("softhsm")
        try FileManager.default.createDirectory(atPath: tokens, withIntermediateDirectories: true)
        let text = "directories.tokendir = \(tokens)\nobjectstore.backend = file\nlog.level = ERROR\n"
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    package func makeToken(_ label: String) async throws {
        try await run(
            "/usr/bin/softhsm2-util",
            ["--init-token", "--free", "--label", label, "--pin", Self.pin, "--so-pin", "officer-0815"])
    }

    /// What another PKCS#11 program says: `p11tool` of GnuTLS.
    @discardableResult
    package func p11tool(_ arguments: [String]) async throws -> String {
        try await run("/usr/bin/p11tool", ["--provider", Self.module, "--login", "--set-pin", Self.pin] + arguments)
    }

    /// The module finds nothing and fails until ``putBack()``.
    package func takeAway() throws { try FileManager.default.moveItem(atPath: tokens, toPath: directory.path("away")) }
    package func putBack() throws { try FileManager.default.moveItem(atPath: directory.path("away"), toPath: tokens) }

    /// Every signature hangs while the program that this starts runs: it holds the locks that the module waits for.
    package func stall() async throws -> ChildProgram {
        let script = """
            from fcntl import LOCK_EX, lockf
            from glob import glob
            from sys import argv
            from time import sleep
            files = [open(f, "r+") for f in glob(argv[1] + "/*/generation") + glob(argv[1] + "/*/*.object")]
            for file in files: lockf(file, LOCK_EX)
            open(argv[2], "w").close()
            sleep(300)
            """
        let mark = directory.path("stalled-\(UUID().uuidString)")
        let holder = try ChildProgram("/usr/bin/env", ["python3", "-c", script, tokens, mark], logs: directory.url)
        guard await eventually(within: .seconds(20), { FileManager.default.fileExists(atPath: mark) }) else {
            await holder.killAtOnce()
            throw Refusal(program: "python3", errors: holder.transcript)
        }
        return holder
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        let outcome = try await runProgram(program, arguments, environment: environment, logs: directory.url)
        guard outcome.status == 0 else { throw Refusal(program: program, errors: outcome.output + outcome.errors) }
        return outcome.output
    }

    package struct Refusal: Error, CustomStringConvertible {
        let program: String
        let errors: String
        package var description: String { "\(program): \(errors)" }
    }
}
