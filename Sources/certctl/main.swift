import AgentRuntime
import ArgumentParser
import Domain
import LocalCLI
import OperatorCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `certctl agent`: the agent, mounted in the program that has everything.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Run the agent, or enrol it; see certctl agent --help."
    )

    @Argument(parsing: .captureForPassthrough, help: "Commands and flags of certctl-agent.")
    var arguments: [String] = []

    func run() async throws { throw ExitCode(await AgentProgram.run(arguments)) }
}

/// The program with everything: server, agent, and the verbs of operators.
struct CertctlProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certctl",
        abstract: "Certificates that renew, deploy and prove themselves.",
        discussion: "Global options may stand anywhere on the line.",
        subcommands: [
            ServerCommand.self, AgentCommand.self, DBCommand.self, ConfigCommand.self, LocalUserCommand.self,
            SignerCommand.self,
        ]
            + OperatorCommands.all + [CompletionCommand<CertctlProgram>.self]
    )
}

/// Names under which earlier installations call the program, through links.
func run() async -> Int32 {
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch CommandLine.arguments.first?.split(separator: "/").last {
    case "certctl-server": return await ServerCommand.perform(arguments)
    case "certctl-agent": return await AgentProgram.run(arguments)
    case "certctl-cli": return await OperatorProgram.perform(arguments, in: .process())
    default: break
    }
    // These two read their flags themselves: every setting is one.
    switch arguments.first {
    case "server": return await ServerCommand.perform(Array(arguments.dropFirst()))
    case "agent": return await AgentProgram.run(Array(arguments.dropFirst()))
    case "--version": return await OperatorProgram.perform(["version", "--client"], in: .process())
    default:
        return await CommandLineRun.perform(
            CertctlProgram.self, OperatorCommands.normalize(arguments), in: .process()
        )
    }
}

let status = await run()
// What is durable is so already. The handlers that `exit` runs take OpenSSL away from connections of libpq that are being
// opened on other threads, as when PostgreSQL refuses a password.
fflush(nil)
_exit(status)
