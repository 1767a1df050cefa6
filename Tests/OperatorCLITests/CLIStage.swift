import Domain
import HostEffects
import OperatorCLI
import Settings
import Synchronization

/// A client on a stage: scripted server, captured output, a clock that jumps when somebody sleeps.
final class CLIStage: Sendable {
    struct Outcome {
        let code: Int32
        let output: String
        let diagnostics: String
    }

    let server = FakeServer()
    private let clock = Mutex(Timestamp(secondsSinceEpoch: 1_800_000_000))
    private let slept = Mutex<[Duration]>([])

    var sleeps: [Duration] { slept.withLock { $0 } }

    func run(_ arguments: String...) async -> Outcome { await run(arguments) }

    func run(
        _ arguments: [String],
        environment: [String: String] = ["HOME": "/home/ada", "CERTCTL_API_KEY": "ctk_test"],
        files: FileAccess = FileAccess { _ in .failure(.missing) },
        input: [String] = [],
        interactive: Bool = false,
        width: Int? = nil
    ) async -> Outcome {
        let output = Mutex<[String]>([])
        let diagnostics = Mutex<[String]>([])
        let lines = Mutex(input)
        let console = Console(
            output: { text in output.withLock { $0.append(text) } },
            diagnostics: { text in diagnostics.withLock { $0.append(text) } },
            readLine: { lines.withLock { $0.isEmpty ? nil : $0.removeFirst() } },
            isInteractive: interactive,
            width: width
        )
        let environment = CLIEnvironment(
            host: SettingHost(environment: environment, files: files, effectiveUserID: 1000, groups: [1000]),
            console: console,
            fileSystem: .live,
            time: TimeSource(
                now: { self.clock.withLock { $0 } },
                sleep: { duration in
                    self.clock.withLock { $0 = $0 + duration }
                    self.slept.withLock { $0.append(duration) }
                }
            ),
            random: RandomSource { [UInt8](repeating: 7, count: $0) },
            connect: { _ in self.server.transport }
        )
        let code = await OperatorProgram.perform(arguments, in: environment)
        return Outcome(
            code: code,
            output: output.withLock { $0.joined(separator: "\n") },
            diagnostics: diagnostics.withLock { $0.joined(separator: "\n") }
        )
    }
}
