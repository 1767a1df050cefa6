package import Foundation
import Synchronization

/// A real program that a test starts, watches and stops by its process id.
///
/// Output goes to files, so a chatty child never blocks on a full pipe.
package final class ChildProgram: @unchecked Sendable {
    // Proof: `process` is only touched through its own thread-safe members (identifier, status, signals).
    private let process: Process
    package let outputFile: URL
    package let errorFile: URL

    /// Starts `executable` with `arguments`; the environment is exactly `environment`.
    package init(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        directory: URL? = nil,
        logs: URL
    ) throws {
        let name = "\(URL(filePath: executable).lastPathComponent)-\(UUID().uuidString)"
        outputFile = logs.appending(path: "\(name).out")
        errorFile = logs.appending(path: "\(name).err")
        process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        process.environment = environment.merging(["PATH": Self.searchPath]) { given, _ in given }
        if let directory { process.currentDirectoryURL = directory }
        for file in [outputFile, errorFile] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        let output = try FileHandle(forWritingTo: outputFile)
        let errors = try FileHandle(forWritingTo: errorFile)
        // Foundation keeps what it is given for longer than the child lives. Hundreds of programs later so many files are
        // open that its own look at them reads past its buffer and crashes.
        defer { for file in [output, errors] { try? file.close() } }
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        let process = process
        try Self.spawning.withLock { _ in try process.run() }
        // The child has its own copies. Foundation's `Process` ends with descriptors beyond 1024.
    }

    /// Foundation learns of a child's end when the last copy of a socket closes that the child inherited. Two spawns at
    /// once would leave that copy in the other child too: a `curl` then "ends" when the server beside it does.
    private static let spawning = Mutex(())

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    package static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    package var processID: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    package var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }
    package var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }
    /// Both streams, for a failure message.
    package var transcript: String { output + errors }

    package func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// Waits for the end; `nil` when it does not come in time.
    package func waitForExit(timeout: Duration) async -> Int32? {
        let deadline = ContinuousClock.now + timeout
        while process.isRunning {
            if ContinuousClock.now >= deadline { return nil }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return process.terminationStatus
    }

    /// Asks politely, then insists.
    @discardableResult
    package func stop(timeout: Duration = .seconds(15)) async -> Int32? {
        send(SIGTERM)
        if let status = await waitForExit(timeout: .seconds(2)) { return status }
        if !ignoresTermination, let status = await waitForExit(timeout: timeout - .seconds(2)) { return status }
        send(SIGKILL)
        return await waitForExit(timeout: .seconds(5))
    }

    /// Whether a polite request still waits at the child's door. Children inherit the signal mask of the thread that
    /// Foundation starts them from, which blocks nearly everything; programs that do not change it themselves never hear
    /// it. A blocked signal alone tells nothing: our own programs block it and read it from a descriptor.
    private var ignoresTermination: Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("ShdPnd:") }),
            let pending = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
        else { return false }
        return pending & (1 << UInt64(SIGTERM - 1)) != 0
    }

    /// The death that no program can prepare for.
    package func killAtOnce() async {
        send(SIGKILL)
        _ = await waitForExit(timeout: .seconds(5))
    }
}

/// What a finished program said.
package struct ProgramOutcome: Sendable {
    package let status: Int32
    package let output: String
    package let errors: String
}

/// Runs a program to its end.
package func runProgram(
    _ executable: String,
    _ arguments: [String],
    environment: [String: String] = [:],
    logs: URL,
    timeout: Duration = .seconds(60)
) async throws -> ProgramOutcome {
    let child = try ChildProgram(executable, arguments, environment: environment, logs: logs)
    guard let status = await child.waitForExit(timeout: timeout) else {
        await child.killAtOnce()
        throw ProgramTimeout(program: executable, transcript: child.transcript)
    }
    defer {
        try? FileManager.default.removeItem(at: child.outputFile)
        try? FileManager.default.removeItem(at: child.errorFile)
    }
    return ProgramOutcome(status: status, output: child.output, errors: child.errors)
}

/// A program that did not end in time.
package struct ProgramTimeout: Error, CustomStringConvertible {
    package let program: String
    package let transcript: String

    package var description: String { "\(program) did not end in time\n\(transcript)" }
}

/// A directory that disappears with its owner, at the latest with the process: shared fixtures have no other end.
package final class TemporaryDirectory: Sendable {
    package let url: URL

    private static let remaining = Mutex<Set<URL>>([])
    private static let removesAtExit: Bool = {
        atexit {
            let directories = TemporaryDirectory.remaining.withLock { $0 }
            for directory in directories { try? FileManager.default.removeItem(at: directory) }
        }
        return true
    }()

    package init(_ label: String = "test") throws {
        url = FileManager.default.temporaryDirectory.appending(path: "certctl-\(label)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        // Programs that drop privileges (PostgreSQL, nginx workers) must be able to walk into it.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
        _ = Self.removesAtExit
        Self.remaining.withLock { _ = $0.insert(url) }
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
        Self.remaining.withLock { _ = $0.remove(url) }
    }

    package func path(_ name: String) -> String { url.appending(path: name).path }
}
