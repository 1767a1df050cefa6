package import ArgumentParser
import Encoding
import Settings

/// `certctl auth`.
package struct AuthCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "auth",
        abstract: "Who you are, what you may do, roles, API keys, people and their sessions.",
        subcommands: [
            MeCommand.self, AuthCheckCommand.self, ExplainCommand.self, PermissionsCommand.self, RolesCommand.self,
            KeysCommand.self, SessionsCommand.self, SessionKeysCommand.self, UsersCommand.self, BreakglassCommand.self,
            RuntimeConfigCommand.self,
        ]
    )

    package init() {}
}

/// `auth me`.
struct MeCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "me",
        abstract: "Who the credential belongs to, and its permissions.",
        aliases: ["whoami"]
    )

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["auth", "me"])).json()
        guard [.table, .wide].contains(session.configuration.format) else {
            session.console.output(try session.renderer.item(answer, details: []))
            return
        }
        let details = [
            Column("ACTOR", "actor_id"), Column("TYPE", "actor_type"), Column("TENANT", "tenant_id"),
            Column("ADMIN", "admin", .yesOrNo), Column("ROLES", "roles", .list),
        ]
        let permissions = (answer["effective_permissions"]?.arrayValue ?? []).map { entry in
            let scope = entry["scope_id"]?.stringValue.map { ":\($0)" } ?? ""
            return "  \(entry["permission"]?.stringValue ?? "") @ \(entry["scope_type"]?.stringValue ?? "")\(scope)"
        }
        let lines = [try session.renderer.item(answer, details: details), "Permissions:"]
        session.console.output(
            (lines + permissions.map { "  " + TerminalText.line($0.dropFirst(2).description) }).joined(separator: "\n"))
    }
}

/// `auth check`.
struct AuthCheckCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Exit 0 when the credential works, 4 when not."
    )

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["auth", "check"])).json()
        try session.confirm("authenticated as \(answer["user"]?.stringValue ?? "")", answer)
    }
}

/// `auth permissions`.
struct PermissionsCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "permissions", abstract: "The permission catalogue.")

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(["auth", "permissions"])).json()
        let columns = [Column("PERMISSION", "name"), Column("NAMESPACE", "namespace")]
        let rows = answer["permissions"]?.arrayValue ?? []
        session.console.output(try session.renderer.list(answer, rows: rows, columns: columns))
    }
}

/// `certctl auth keys`, also `certctl keys`.
package struct KeysCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "API keys and their roles.",
        subcommands: [
            ListKeysCommand.self, GetKeyCommand.self, CreateKeyCommand.self, UpdateKeyCommand.self,
            RotateKeyCommand.self, RevokeSecretCommand.self, DeleteKeyCommand.self, AssignRoleCommand.self,
            RevokeRoleCommand.self,
            SetRolesCommand.self,
        ]
    )

    static let path = ["auth", "keys"]
    static let created = [
        Column("ID", "id"), Column("NAME", "name"), Column("KEY", "key_value"), Column("ROLES", "roles", .list),
        Column("EXPIRES AT", "expires_at", .time), Column("OLD KEY WORKS UNTIL", "previous_valid_until", .time),
    ]

    static let described = [
        Column("ID", "id"), Column("NAME", "name"), Column("PREFIX", "prefix"), Column("ROLES", "roles", .list),
        Column("CREATED BY", "created_by"), Column("CREATED AT", "created_at", .time),
        Column("EXPIRES AT", "expires_at", .time), Column("LAST USED AT", "last_used_at", .time),
        Column("LAST USED FROM", "last_used_ip"), Column("MANAGED BY", "managed_by"),
        Column("DISABLED", "disabled", .yesOrNo), Column("FROM NETWORKS", "allowed_cidrs", .list),
        Column("OLD VALUE WORKS UNTIL", "previous_valid_until", .time), Column("OWNER", "owner_user_id"),
        Column("MAY APPROVE", "may_approve", .yesOrNo), Column("NO BROWSER LOGIN", "may_not_login", .yesOrNo),
    ]

    package init() {}
}

/// `keys list`.
struct ListKeysCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List actors with a current grant.")

    @Flag(help: "Also keys without a role, and what is known of each key.") var details = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let query = details ? [("include", "credentials")] : []
        let answer = try await session.client.call("GET", APIPath(KeysCommand.path, query: query)).json()
        var columns = [Column("ACTOR", "actor_id"), Column("TYPE", "actor_type"), Column("ROLES", "role_ids", .list)]
        if details {
            columns += [
                Column("MANAGED BY", "managed_by"), Column("DISABLED", "disabled", .yesOrNo),
                Column("VALUES", "values", .list),
            ]
        }
        let rows = (answer["keys"]?.arrayValue ?? []).map(Self.naming)
        session.console.output(try session.renderer.list(answer, rows: rows, columns: columns))
    }
}

extension ListKeysCommand {
    /// The row of a key with its values in one cell: which they are, and whether they work.
    private static func naming(_ row: JSONValue) -> JSONValue {
        guard var object = row.objectValue, let secrets = row["secrets"]?.arrayValue else { return row }
        object["values"] = .array(
            secrets.map { .string("\($0["id"]?.stringValue ?? "") (\($0["state"]?.stringValue ?? ""))") })
        return .object(object)
    }
}

/// `keys get ID`.
struct GetKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show one API key, without its value.")

    @Argument(help: "Identifier or name.") var id: String
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let answer = try await session.client.call("GET", APIPath(KeysCommand.path + [try APIPath.checked(id)])).json()
        session.console.output(try session.renderer.item(answer, details: KeysCommand.described))
    }
}

/// `keys create NAME`.
struct CreateKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make an API key; it is shown once.")

    @Argument(help: "Name of the actor.") var name: String
    @Option(help: "Role to grant; repeat it.") var role: [String] = []
    @OptionGroup var scope: ScopeOptions
    @Option(help: "End of life, as an RFC 3339 time.") var expiresAt: String?
    @Option(help: "Network that it may be used from, such as 10.0.0.0/8; repeat it.") var allowFrom: [String] = []
    @Option(help: "The person that it belongs to, and ends with, such as u-alice.") var owner: String?
    @Flag(help: "It may approve what others ask for.") var mayApprove = false
    @Flag(help: "It opens no browser session.") var noLogin = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("name", name)
        if let id = scope.id {
            let type = scope.type
            let grants = role.map { role -> JSONValue in
                ["role_id": .string(role), "scope_type": .string(type), "scope_id": .string(id)]
            }
            list.add("grants", .array(grants))
        } else {
            list.add("roles", list: role)
        }
        list.add("allowed_cidrs", list: allowFrom)
        list.add("expires_at", expiresAt)
        list.add("owner_user_id", owner)
        if mayApprove { list.add("may_approve", true) }
        if noLogin { list.add("may_not_login", true) }
        let answer = try await session.client.call("POST", APIPath(KeysCommand.path), body: .object(list.object)).json()
        session.console.output(try session.renderer.item(answer, details: KeysCommand.created))
    }
}

/// `keys update ID`.
struct UpdateKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change the end of an API key, where it may be used from, or switch it off and on."
    )

    @Argument(help: "Identifier or name.") var id: String
    @Option(help: "End of life, as an RFC 3339 time.") var expiresAt: String?
    @Flag(help: "It has no end.") var noExpiry = false
    @Option(help: "Network that it may be used from; repeat it.") var allowFrom: [String] = []
    @Flag(help: "It may be used from anywhere.") var allowFromAnywhere = false
    @Flag(help: "Switch it off.") var disable = false
    @Flag(help: "Switch it on.") var enable = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func validate() throws {
        let contradictions = [
            expiresAt != nil && noExpiry, !allowFrom.isEmpty && allowFromAnywhere, disable && enable,
        ]
        guard !contradictions.contains(true) else { throw ValidationError("the options contradict each other") }
        guard expiresAt != nil || noExpiry || !allowFrom.isEmpty || allowFromAnywhere || disable || enable else {
            throw ValidationError("nothing to change")
        }
    }

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("expires_at", expiresAt)
        if noExpiry { list.add("expires_at", JSONValue.null) }
        list.add("allowed_cidrs", list: allowFrom)
        if allowFromAnywhere { list.add("allowed_cidrs", JSONValue.null) }
        if disable || enable { list.add("disabled", disable) }
        let path = APIPath(KeysCommand.path + [try APIPath.checked(id)])
        let answer = try await session.client.call("PATCH", path, body: .object(list.object)).json()
        session.console.output(try session.renderer.item(answer, details: KeysCommand.described))
    }
}

/// `keys rotate ID`.
struct RotateKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Replace the value of an API key; the new one is shown once."
    )

    @Argument(help: "Identifier or name.") var id: String
    @Option(help: ArgumentHelp("How long the old value keeps working.", valueName: "duration")) var overlap: WatchLimit?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        var list = MemberList()
        list.add("overlap_seconds", overlap.map { Int($0.duration.components.seconds) })
        let path = APIPath(KeysCommand.path + [try APIPath.checked(id), "rotate"])
        let answer = try await session.client.call("POST", path, body: .object(list.object)).json()
        session.console.output(try session.renderer.item(answer, details: KeysCommand.created))
    }
}

/// `keys delete ID`.
struct DeleteKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "End an API key at once.")

    @Argument(help: "Identifier or name.") var id: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let id = try APIPath.checked(id)
        try session.ask("end the API key \(id)? Whoever uses it is locked out at once.", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(KeysCommand.path + [id]))
        try session.confirm("deleted \(id)", try answer.json())
    }
}

/// `keys revoke-secret ID SECRET`.
struct RevokeSecretCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke-secret",
        abstract: "End one of the two values of an API key that is being rotated."
    )

    @Argument(help: "Identifier or name.") var id: String
    @Argument(help: "Identifier of the value, as keys list --details shows it.") var secret: String
    @Flag(name: .shortAndLong, help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let (id, secret) = (try APIPath.checked(id), try APIPath.checked(secret))
        try session.ask("end the value \(secret) of \(id)? Whoever still uses it is locked out at once.", unless: yes)
        let answer = try await session.client.call("DELETE", APIPath(KeysCommand.path + [id, "secrets", secret]))
        try session.confirm("ended \(secret)", try answer.json())
    }
}
