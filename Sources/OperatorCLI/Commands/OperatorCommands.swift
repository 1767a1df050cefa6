package import ArgumentParser

/// The commands of the client, for the root of a program to list.
package enum OperatorCommands {
    package static let all: [any ParsableCommand.Type] = [
        SetupCommand.self, StatusCommand.self, CertsCommand.self, ImportCommand.self, JobsCommand.self,
        ApprovalsCommand.self,
        OperationsCommand.self,
        AgentsCommand.self,
        EnrollmentTokensCommand.self, TargetsCommand.self, IssuersCommand.self, IntermediatesCommand.self,
        ProfilesCommand.self,
        RenewalPoliciesCommand.self, OwnersCommand.self, TeamsCommand.self, AuditCommand.self, AuthCommand.self,
        KeysCommand.self, ContextsCommand.self, AdminCommand.self, MetricsCommand.self, VersionCommand.self,
        ACMECommand.self, CryptoCommand.self, APICommand.self,
    ]

    /// Rewrites a command line into the form that ArgumentParser reads.
    ///
    /// Global options in front of the command move behind it, and a bare `--wait` gets its usual duration. A line
    /// whose first word is no command of the client is left alone.
    package static func normalize(_ arguments: [String]) -> [String] {
        let (leading, rest) = splitLeadingOptions(arguments)
        let names = all.flatMap { [$0.configuration.commandName ?? ""] + $0.configuration.aliases }
        guard let command = rest.first, names.contains(command) else { return arguments }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        let moved = rest[..<end] + leading + rest[end...]
        let stop = moved.firstIndex(of: "--") ?? moved.endIndex
        return moved.enumerated().map { index, argument in
            argument == "--wait" && index < stop ? "--wait=\(WaitOption.usual)" : argument
        }
    }

    private static let flagsWithValue: Set<String> = [
        "-o", "--format", "--columns", "-s", "--server", "-c", "--context", "--credentials", "--api-key",
        "--api-key-file",
        "--ca-bundle", "--timeout",
    ]
    private static let flagsWithoutValue: Set<String> = [
        "--json", "--no-headers", "--insecure", "-q", "--quiet", "-v", "--verbose",
    ]

    private static func splitLeadingOptions(_ arguments: [String]) -> (leading: [String], rest: [String]) {
        var position = 0
        while position < arguments.count {
            let argument = arguments[position]
            let name = argument.prefix { $0 != "=" }
            if flagsWithoutValue.contains(argument)
                || (name.count < argument.count && flagsWithValue.contains(String(name)))
            {
                position += 1
            } else if flagsWithValue.contains(argument), position + 1 < arguments.count {
                position += 2
            } else {
                break
            }
        }
        return (Array(arguments[..<position]), Array(arguments[position...]))
    }
}
