import APIContract
package import ArgumentParser
import Encoding

/// `certctl agents`.
package struct AgentsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "agents",
        abstract: "Agents: list, retire, credentials.",
        subcommands: [
            ListAgentsCommand.self, RetiredAgentsCommand.self, GetCommand<Agents>.self, RetireCommand.self,
            RotateAgentKeyCommand.self, EnrollmentTokensCommand.self,
        ]
    )

    package init() {}
}

/// `agents list`.
struct ListAgentsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List agents.")

    @OptionGroup var filters: Agents.Filters
    @Flag(help: "List retired agents instead.") var retired = false
    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let printer = ListPrinter(session: session, columns: retired ? Agents.retiredColumns : Agents.columns)
        let path = retired ? ["agents", "retired"] : ["agents"]
        try await printer.show(path, filters: retired ? [] : filters.parameters, options: list)
    }
}

/// `agents retired`.
struct RetiredAgentsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "retired", abstract: "List retired agents.")

    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await ListPrinter(session: session, columns: Agents.retiredColumns)
            .show(["agents", "retired"], filters: [], options: list)
    }
}

/// `agents retire ID`.
struct RetireCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Retire an agent for good."
    )

    @Argument(help: "Identifier.") var id: String
    @Flag(help: "Retire its targets and cancel its jobs too.") var force = false
    @Option(help: "Why; needed with --force.") var reason: String?
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        if force, reason?.contains(where: { !$0.isWhitespace }) != true {
            throw ValidationError("--force needs --reason TEXT")
        }
    }

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let scope = force ? ", its targets and its open jobs" : ""
        try session.ask("retire the agent \(id)\(scope)? It cannot come back.", unless: yes)
        var query: [(name: String, value: String)] = []
        if force { query.append(("force", "true")) }
        if let reason { query.append(("reason", reason)) }
        let answer: APIAnswer
        do {
            answer = try await session.client.call("DELETE", APIPath(["agents", id], query: query))
        } catch {
            if case .refused(409, let body, _) = error, body.error == "blocked_by_dependencies" {
                session.progress(
                    "to retire what depends on it as well: certctl agents retire \(id) --force --reason TEXT")
            }
            throw error
        }
        if answer.status == 204 {
            try session.confirm("\(id) was retired already", ["status": "already_retired"])
            return
        }
        let body = try answer.json()
        let counts = (body["counts"]?.objectValue ?? [:]).map { "  \($0.key): \($0.value.text)" }
        try session.confirm((["retired \(id)"] + counts).joined(separator: "\n"), body)
    }
}

/// `agents rotate-key ID`.
struct RotateAgentKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Replace the credential of an agent; the new one is shown once."
    )

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let path = APIPath(["agents", try APIPath.checked(id), "rotate-key"])
        let answer = try await session.client.call("POST", path).json()
        let details = [Column("API KEY", "api_key"), Column("OLD KEY WORKS UNTIL", "previous_valid_until", .time)]
        session.console.output(try session.renderer.item(answer, details: details))
    }
}

/// `certctl enrollment-tokens`, also under `agents tokens`.
package struct EnrollmentTokensCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "enrollment-tokens",
        abstract: "Tokens with which agents enrol themselves.",
        subcommands: [ListTokensCommand.self, CreateTokenCommand.self, DeleteTokenCommand.self],
        aliases: ["tokens"]
    )

    static let path = ["agents", "enrollment-tokens"]
    static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("AGENT", "agent_name"), Column("USES", "uses"),
        Column("MAX USES", "max_uses"), Column("EXPIRES", "expires_at", .time),
        Column("CREATED BY", "created_by", wide: true),
    ]

    package init() {}
}

/// `enrollment-tokens list`.
struct ListTokensCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List tokens that still work.")

    @OptionGroup var list: ListOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        try await ListPrinter(session: session, columns: EnrollmentTokensCommand.columns)
            .show(EnrollmentTokensCommand.path, filters: [], options: list)
    }
}

/// `enrollment-tokens create`.
struct CreateTokenCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a token; it is shown once.")

    @Option(help: "Only an agent of this name may use it.") var agentName: String?
    @Option(help: ArgumentHelp("Life of the token; 1h unless given.", valueName: "duration")) var expiresIn: WatchLimit?
    @Option(help: "How many agents it enrols; 1 unless given.") var maxUses: Int?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("agent_name", agentName)
        list.add("ttl_seconds", expiresIn.map { Int($0.duration.components.seconds) })
        list.add("max_uses", maxUses)
        let path = APIPath(EnrollmentTokensCommand.path)
        let answer = try await session.client.call("POST", path, body: .object(list.object)).json()
        let details = [Column("TOKEN", "token")] + EnrollmentTokensCommand.columns
        session.console.output(try session.renderer.item(answer, details: details))
    }
}

/// `enrollment-tokens delete ID`.
struct DeleteTokenCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "End a token.")

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("end the token \(id)?", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(EnrollmentTokensCommand.path + [id]))
        try session.confirm("deleted \(id)", try answer.json())
    }
}
