import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Targets §3: child processes run alone, bounded and without a shell")
struct ChildProcessTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("child") }

    private func run(_ argv: [String], timeout: Duration = .seconds(10)) async throws -> ProcessOutcome {
        try await ChildProcess.run(argv: argv, timeout: timeout)
    }

    @Test("arguments arrive as they are, and no shell looks at them")
    func arguments() async throws {
        let canary = directory.path("canary")
        let hostile = "$(touch \(canary)); touch \(canary) | `touch \(canary)` && touch \(canary)"
        let outcome = try await run(["/usr/bin/printf", "%s|%s", "a b", hostile])
        #expect(outcome.output == "a b|\(hostile)")
        #expect(outcome.isSuccess)
        #expect(FileManager.default.fileExists(atPath: canary) == false)
    }

    @Test("A-24: the environment holds PATH, LANG and HOME only")
    func environment() async throws {
        setenv("CERTCTL_TEST_SECRET", "leak", 1)
        defer { unsetenv("CERTCTL_TEST_SECRET") }
        let outcome = try await run(["/usr/bin/env"])
        let names = outcome.output.split(separator: "\n").compactMap { $0.split(separator: "=").first }.map(String.init)
        #expect(names.sorted() == ["HOME", "LANG", "PATH"])
        #expect(outcome.output.contains("LANG=C.UTF-8"))
    }

    @Test("standard input is empty")
    func standardInput() async throws {
        let outcome = try await run(["/usr/bin/cat"])
        #expect(outcome.isSuccess)
        #expect(outcome.output.isEmpty)
    }

    @Test("no descriptor of this process is open in the child")
    func descriptors() async throws {
        // A descriptor without close-on-exec, as a library might hold one.
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        #expect(leaked >= 0)
        let outcome = try await run(["/usr/bin/ls", "/proc/self/fd"])
        // ls itself holds one for the directory that it lists.
        #expect(outcome.output.split(separator: "\n") == ["0", "1", "2", "3"])
    }

    @Test("this process keeps no descriptor when the child has ended")
    func ownDescriptors() async throws {
        func openPipes() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
                let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                return link?.hasPrefix("pipe:") == true
            }
        }
        let before = try openPipes()
        for _ in 0..<60 { _ = try await run(["/usr/bin/true"]) }
        // Other suites run in parallel and have a few pipes of their own; sixty leaks would stand out.
        #expect(try openPipes() - before < 30)
    }

    @Test("the exit status and both streams are reported")
    func exitStatus() async throws {
        let outcome = try await run(["/usr/bin/ls", "/certctl-none"])
        #expect(outcome.exitCode == 2)
        #expect(outcome.output.contains("/certctl-none"))
        #expect(outcome.summary == "exit status 2")
    }

    @Test("the last 8 KiB of the output are kept")
    func outputLimit() async throws {
        let outcome = try await run(["/usr/bin/seq", "1", "200000"])
        #expect(outcome.output.utf8.count == ChildProcess.outputLimit)
        #expect(outcome.output.hasSuffix("199999\n200000\n"))
    }

    @Test("the time limit kills the child and everything that it started")
    func timeout() async throws {
        let marker = "\(600_000 + Int.random(in: 0..<90_000))"
        let started = ContinuousClock.now
        let outcome = try await run(
            ["/bin/sh", "-c", "sleep \(marker) & echo started; sleep \(marker)"],
            timeout: .milliseconds(300)
        )
        #expect(outcome.ending == .timedOut(after: .milliseconds(300)))
        #expect(outcome.output == "started\n")
        #expect(ContinuousClock.now - started < .seconds(30))
        let survivors = try await runProgram("/usr/bin/pgrep", ["-f", "sleep \(marker)"], logs: directory.url)
        #expect(survivors.output.isEmpty)
    }

    @Test("a child that prints without pause still meets its time limit")
    func chattyTimeout() async throws {
        let outcome = try await run(["/usr/bin/yes"], timeout: .milliseconds(200))
        #expect(outcome.ending == .timedOut(after: .milliseconds(200)))
    }

    @Test("a daemon left behind by a successful command is neither waited for nor killed")
    func daemon() async throws {
        let marker = directory.path("alive")
        let outcome = try await run(["/bin/sh", "-c", "(sleep 2; touch \(marker)) & echo gone"])
        #expect(outcome.isSuccess && outcome.output == "gone\n")
        #expect(FileManager.default.fileExists(atPath: marker) == false)
        #expect(await eventually { FileManager.default.fileExists(atPath: marker) })
    }

    @Test("cancelling the task does not cut a command short")
    func cancellation() async throws {
        let marker = directory.path("finished")
        let task = Task { try await run(["/bin/sh", "-c", "sleep 0.2; touch \(marker)"]) }
        task.cancel()
        let outcome = try await task.value
        #expect(outcome.isSuccess)
        #expect(FileManager.default.fileExists(atPath: marker))
    }

    @Test("death by a signal is told apart from an exit status")
    func signal() async throws {
        let outcome = try await run(["/bin/sh", "-c", "kill -TERM $$"])
        #expect(outcome.ending == .killed(signal: SIGTERM))
        #expect(outcome.isSuccess == false)
    }

    @Test("a program that cannot start is an error with its name", arguments: ["/certctl/none", "relative", ""])
    func missingProgram(_ program: String) async {
        await #expect(throws: ProcessStartError.self) { try await run([program]) }
    }
}
