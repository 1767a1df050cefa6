import Domain
import HostEffects
package import Settings

/// The agent program: `certctl-agent …`, also mounted as `certctl agent …`.
package enum AgentProgram {
    /// Runs one command to its end.
    ///
    /// - Parameters:
    ///   - arguments: Without the name of the program.
    ///   - host: Environment and files that decide the configuration.
    /// - Returns: The exit status of the process.
    package static func run(_ arguments: [String], host: SettingHost = .current()) async -> Int32 {
        await run(arguments, host: host, console: .live)
    }

    static func run(_ arguments: [String], host: SettingHost, console: Console) async -> Int32 {
        let invocation: AgentInvocation
        let flags: [FlagValue]
        do {
            let (found, rest) = try SettingFlags.extract(from: arguments, for: .agent)
            flags = found
            invocation = try AgentInvocation(rest)
        } catch {
            console.error("certctl-agent: \(error)\nRun certctl-agent --help for commands and flags.")
            return ExitStatus.usage
        }
        switch invocation.verb {
        case .help:
            console.output(AgentInvocation.help)
            return ExitStatus.success
        case .version:
            console.output("certctl-agent \(Version.number)")
            return ExitStatus.success
        case .run, .enroll, .adopt, .status: break
        }
        let loaded: LoadedConfiguration<AgentConfiguration>
        do {
            loaded = try SettingsLoader.load(AgentConfiguration.self, flags: flags, host: host)
        } catch {
            for violation in error.violations { console.error("certctl-agent: \(violation)") }
            return error.exitCode
        }
        // What is configured is read; nobody who looks at the process later finds it there.
        ProcessSecrets.conceal(variables: Program.secretVariables)
        ProcessSecrets.preventCoreDumps()
        let assembly = AgentAssembly(loaded: loaded, environment: host.environment, console: console)
        switch invocation.verb {
        case .enroll: return await assembly.enroll(isForced: invocation.isForced)
        case .adopt: return await assembly.adopt(invocation.adoption)
        case .status: return assembly.status(isJSON: invocation.isJSON)
        case .run, .help, .version: return await assembly.run()
        }
    }
}
