package import ArgumentParser
import Encoding
import Settings

/// `certctl contexts`.
package struct ContextsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "contexts",
        abstract: "Servers that you have credentials for.",
        subcommands: [ListContextsCommand.self, UseContextCommand.self]
    )

    package init() {}
}

/// `contexts list`.
struct ListContextsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the contexts.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let file = try CredentialsFile.open(session)
        let rows: [JSONValue] = file.contexts.sorted { $0.key < $1.key }.map { name, values in
            [
                "name": .string(name), "server": .string(values["server.url"] ?? ServerURL.localhost.text),
                "current": .bool(name == file.current), "has_api_key": .bool(values["api_key"] != nil),
            ]
        }
        let columns = [
            Column("NAME", "name"), Column("SERVER", "server"), Column("CURRENT", "current", .yesOrNo),
            Column("API KEY", "has_api_key", .yesOrNo),
        ]
        let page: JSONValue = ["data": .array(rows), "total": JSONValue(rows.count)]
        session.console.output(try session.renderer.list(page, rows: rows, columns: columns))
    }
}

/// `contexts use NAME`.
struct UseContextCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "use", abstract: "Make a context the usual one.")

    @Argument(help: "Name.") var name: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var file = try CredentialsFile.open(session)
        try file.use(name)
        try file.save(session.environment)
        try session.confirm("now using \(name)", ["current_context": .string(name)])
    }
}

extension CredentialsFile {
    static func open(_ session: Session) throws(CLIFailure) -> CredentialsFile {
        guard let path = session.configuration.credentialsPath else {
            throw .configuration("no place for a credentials file: set HOME or CERTCTL_CONFIG")
        }
        return try CredentialsFile(path: path, fileSystem: session.environment.fileSystem)
    }
}
