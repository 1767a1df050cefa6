import ArgumentParser
import Encoding

/// `certctl auth sessions`.
struct SessionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Browser sessions: who is signed in, and an end to it.",
        subcommands: [ListSessionsCommand.self, RevokeSessionCommand.self, RevokeSessionsCommand.self]
    )

    static let path = ["auth", "sessions"]
    static let columns = [
        Column("ID", "id"), Column("ACTOR", "actor_id"), Column("METHOD", "auth_method"), Column("FROM", "ip_address"),
        Column("LAST SEEN", "last_seen_at", .instant), Column("ENDS", "absolute_expires_at", .instant),
        Column("CURRENT", "current", .yesOrNo), Column("BROWSER", "user_agent", wide: true),
    ]
}

/// Whose sessions are meant.
struct SessionOwnerOptions: ParsableArguments {
    @Option(help: "Whose: a user's id, or the name of an API key.") var actor: String?
    @Option(help: "User or APIKey.") var type = "User"

    var query: [(name: String, value: String)] {
        actor.map { [("actor_id", $0), ("actor_type", type)] } ?? []
    }
}

/// `auth sessions list`.
struct ListSessionsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List sessions that can still be used: your own, or another actor's.")

    @OptionGroup var owner: SessionOwnerOptions
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(SessionsCommand.path, query: owner.query)).json()
        let rows = answer["sessions"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: SessionsCommand.columns))
    }
}

/// `auth sessions revoke ID`.
struct RevokeSessionCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "End a session at once.")

    @Argument(help: "Identifier, as in the list.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("DELETE", APIPath(SessionsCommand.path + [id]))
        try session.confirm("ended \(id)", try answer.json())
    }
}

/// `auth sessions revoke-all`.
struct RevokeSessionsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke-all", abstract: "End all of your own sessions, or all of another actor's.")

    @OptionGroup var owner: SessionOwnerOptions
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let whose = owner.actor.map { "of \($0)" } ?? "of your own"
        try session.ask("end every session \(whose)?", unless: yes)
        let query = owner.actor == nil ? [("except", "current")] : owner.query
        let answer = try await session.client.call("DELETE", APIPath(SessionsCommand.path, query: query)).json()
        try session.confirm("ended \(answer["revoked_count"]?.integerValue ?? 0) sessions", answer)
    }
}

/// `certctl auth session-keys`.
struct SessionKeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session-keys", abstract: "The keys that sign session cookies.",
        subcommands: [RotateSessionKeyCommand.self]
    )
}

/// `auth session-keys rotate`.
struct RotateSessionKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Have another key sign session cookies; sessions go on.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("POST", APIPath(["auth", "session-keys", "rotate"])).json()
        let details = [
            Column("ID", "id"), Column("CREATED AT", "created_at", .time), Column("KEY BEFORE", "retired_id"),
            Column("ITS COOKIES WORK UNTIL", "retired_valid_until", .time),
        ]
        session.console.output(try session.renderer.item(answer, details: details))
    }
}

/// `certctl auth users`.
struct UsersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "The people who sign in.",
        subcommands: [ListUsersCommand.self, DeactivateUserCommand.self, ReactivateUserCommand.self]
    )

    static let path = ["auth", "users"]
}

/// `auth users list`.
struct ListUsersCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List people.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(UsersCommand.path)).json()
        let columns = [
            Column("ID", "id"), Column("NAME", "display_name"), Column("EMAIL", "email"),
            Column("LAST LOGIN", "last_login_at", .instant), Column("DEACTIVATED", "deactivated_at", .instant),
        ]
        let rows = answer["users"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: columns))
    }
}

/// `auth users deactivate ID`.
struct DeactivateUserCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "deactivate", abstract: "End sign-in, sessions and API keys of a person.")

    @Argument(help: "Identifier.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("deactivate \(id)? Sessions end and keys are switched off at once.", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(UsersCommand.path + [id]))
        try session.confirm("deactivated \(id)", try answer.json())
    }
}

/// `auth users reactivate ID`.
struct ReactivateUserCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reactivate", abstract: "Let a person sign in again; keys stay off.")

    @Argument(help: "Identifier.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        let answer = try await session.client.call("POST", APIPath(UsersCommand.path + [id, "reactivate"]))
        try session.confirm("reactivated \(id)", try answer.json())
    }
}

/// `auth runtime-config`.
struct RuntimeConfigCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "runtime-config", abstract: "Settings of sign-in as the server has them in force.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["auth", "runtime-config"])).json()
        let settings = answer["runtime_config"]?.objectValue ?? [:]
        let rows = settings.map { member -> JSONValue in ["name": .string(member.key), "value": member.value] }
        let columns = [Column("SETTING", "name"), Column("VALUE", "value")]
        session.console.output(try session.renderer.list(answer, rows: rows, columns: columns))
    }
}
