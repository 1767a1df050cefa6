package import ArgumentParser

/// `certctl completion SHELL`; `Root` is the command whose tree is completed.
package struct CompletionCommand<Root: ParsableCommand>: ParsableCommand {
    package static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "completion",
            abstract: "Print a completion script for bash, zsh or fish.",
            discussion: "For example: source <(certctl completion bash)"
        )
    }

    @Argument(help: "bash, zsh or fish.") var shell: String

    package init() {}

    package func validate() throws {
        guard CompletionShell(rawValue: shell) != nil else {
            throw ValidationError("\(shell) is not bash, zsh or fish")
        }
    }

    package func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else { return }
        Console.process.output(Root.completionScript(for: shell))
    }
}
