package import ArgumentParser

/// The client as a program of its own, under the name `certctl-cli`.
package struct OperatorProgram: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "certctl-cli",
        abstract: "Operate a certctl server.",
        discussion: "Global options may stand anywhere on the line.",
        subcommands: OperatorCommands.all + [CompletionCommand<OperatorProgram>.self]
    )

    package init() {}

    /// Parses and runs one command line.
    ///
    /// - Returns: the exit code; usage errors are 2 (specification, operations §1).
    package static func perform(_ arguments: [String], in environment: CLIEnvironment) async -> Int32 {
        await CommandLineRun.perform(OperatorProgram.self, OperatorCommands.normalize(arguments), in: environment)
    }
}

/// Runs the command of a tree that a command line names.
package enum CommandLineRun {
    /// Works for any root that lists ``OperatorCommands/all``; other commands of the tree run as they are.
    package static func perform<Root: ParsableCommand>(
        _: Root.Type,
        _ arguments: [String],
        in environment: CLIEnvironment
    ) async -> Int32 {
        do {
            var command = try Root.parseAsRoot(arguments)
            if let command = command as? any OperatorCommand { return await command.perform(in: environment) }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            return report(error, Root.self, environment)
        }
    }

    /// Help and versions are answers; everything that ArgumentParser calls a usage error is exit 2.
    private static func report<Root: ParsableCommand>(
        _ error: any Error,
        _: Root.Type,
        _ environment: CLIEnvironment
    ) -> Int32 {
        let code = Root.exitCode(for: error)
        let message = Root.fullMessage(for: error, columns: environment.console.width ?? 80)
        if code == .success {
            guard !message.isEmpty else { return 0 }
            environment.console.output(message)
            return 0
        }
        if !message.isEmpty { environment.console.diagnostics(TerminalText.block(message)) }
        return code == .validationFailure ? 2 : code.rawValue
    }
}
