package import ArgumentParser

/// `certctl teams`.
package struct TeamsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "teams",
        abstract: "Teams that share responsibility for certificates.",
        subcommands: [
            ListCommand<Teams>.self, GetCommand<Teams>.self, CreateCommand<Teams>.self, UpdateCommand<Teams>.self,
            DeleteCommand<Teams>.self,
        ]
    )

    package init() {}
}

/// `certctl owners`.
package struct OwnersCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "owners",
        abstract: "People responsible for certificates.",
        subcommands: [
            ListCommand<Owners>.self, GetCommand<Owners>.self, CreateCommand<Owners>.self,
            UpdateCommand<Owners>.self, DeleteCommand<Owners>.self,
        ]
    )

    package init() {}
}

/// `certctl profiles`.
package struct ProfilesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "profiles",
        abstract: "Rules for keys, names and validity of certificates.",
        subcommands: [
            ListCommand<Profiles>.self, GetCommand<Profiles>.self, CreateCommand<Profiles>.self,
            UpdateCommand<Profiles>.self, DeleteCommand<Profiles>.self, ProfileCheckCommand.self,
            ProfileEvaluateCommand.self,
        ]
    )

    package init() {}
}

/// `certctl renewal-policies`.
package struct RenewalPoliciesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "renewal-policies",
        abstract: "When certificates are renewed.",
        subcommands: [
            ListCommand<RenewalPolicies>.self, GetCommand<RenewalPolicies>.self, CreateCommand<RenewalPolicies>.self,
            UpdateCommand<RenewalPolicies>.self, DeleteCommand<RenewalPolicies>.self,
        ]
    )

    package init() {}
}
